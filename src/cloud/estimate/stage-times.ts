/** Duration and billed function time of the stages of a run. */

import { SAMPLE_SIZE } from '../../core/strain.ts';
import { BYTES_AHEAD, READS_AHEAD } from '../../raw/reads.ts';
import { SAMPLE_FILE_SIZE } from '../../raw/strain-array.ts';
import { AT_ONCE } from '../../storage/ahead.ts';
import { CLOUD, type Day } from './conditions.ts';
import { type RequestCounts, shardConcurrency, type Workload } from './request-counts.ts';

export const STAGES = ['plan', 'psd', 'reduce', 'shards', 'finalize'] as const;
export type Stage = (typeof STAGES)[number];

export interface StageTime {
  /** Duration of the stage [s]. */
  wall: number;
  /** Billed memory time [GB s]. */
  gbSeconds: number;
  /** Whether the bucket's request rate, not the functions, limits the stage. */
  limited: boolean;
  /** Number of functions that saturates the bucket's request rate; more of them only wait. */
  enough: number;
}

/** The work of one function: one chunk of a map. */
interface ChunkWork {
  reads: number;
  bytes: number;
  readSize: number;
  samples: number;
  /** Small sequential requests. */
  calls: number;
  written: number;
}

export function timeStages(
  workload: Workload,
  counts: RequestCounts,
  packed: boolean,
  day: Day,
): Record<Stage, StageTime> {
  const { samples, chunkSize, dtype } = workload;
  const { chunks, psdChunks, psdSamples, chunkReads, readSize, pageRounds } = counts;
  const latency = CLOUD.latency[day];
  const parallel = (requests: number) => Math.ceil(requests / AT_ONCE) * latency;

  const planWall =
    CLOUD.coldStart[day] +
    pageRounds * CLOUD.listPage[day] +
    samples * CLOUD.planning[day] +
    parallel((packed ? chunks : 0) + chunks + psdChunks) +
    18 * latency;
  const reduceWall = CLOUD.coldStart[day] + parallel(psdChunks) + 3 * latency;
  const finalizeWall =
    CLOUD.coldStart[day] +
    2 * CLOUD.listPage[day] +
    parallel(chunks) +
    2 * parallel(chunks + psdChunks) +
    17 * latency;
  const alone = (stage: 'plan' | 'reduce' | 'finalize', wall: number): StageTime => ({
    wall: wall + CLOUD.transition[day],
    gbSeconds: wall * CLOUD.memory[stage],
    limited: false,
    enough: 1,
  });
  const perPsdChunk = psdSamples / psdChunks;
  const perChunk = Math.min(samples, chunkSize);
  const shard: ChunkWork = {
    reads: Math.min(chunkReads, perChunk),
    bytes: perChunk * SAMPLE_FILE_SIZE,
    readSize,
    samples: perChunk,
    calls: 6,
    written: perChunk * SAMPLE_SIZE * (dtype === 'float16' ? 2 : 4),
  };
  const psd: ChunkWork = {
    reads: perPsdChunk,
    bytes: perPsdChunk * SAMPLE_FILE_SIZE,
    readSize: SAMPLE_FILE_SIZE,
    samples: perPsdChunk,
    calls: 4,
    written: 50_000,
  };
  return {
    plan: alone('plan', planWall),
    psd: timeMap(workload, 'psd', psd, psdChunks, day),
    reduce: alone('reduce', reduceWall),
    shards: timeMap(
      { ...workload, concurrency: shardConcurrency(workload, packed) },
      'shards',
      shard,
      chunks,
      day,
    ),
    finalize: alone('finalize', finalizeWall),
  };
}

function timeMap(
  { rate, concurrency }: Workload,
  stage: 'psd' | 'shards',
  work: ChunkWork,
  chunks: number,
  day: Day,
): StageTime {
  const chunk = timeChunk(work, rate, day);
  const workers = Math.min(concurrency, chunks);
  const rounds = day === 'low' ? chunks / workers : Math.ceil(chunks / workers);
  const start = CLOUD.coldStart[day] + (day === 'low' ? 0 : workers / CLOUD.environments[day]);
  const ownPace = rounds * chunk;
  // Functions that wait for the bucket are billed too. On a good day none waits while the last chunks finish.
  const bucketPace = (chunks * work.reads) / CLOUD.getRate[day];
  const limited = bucketPace > ownPace;
  const waiting = workers * bucketPace * (day === 'low' ? 0.7 : 1);
  const wall =
    start + (day === 'low' ? Math.max(ownPace, bucketPace) : Math.max(ownPace, bucketPace + chunk));
  const billed = Math.max(chunks * chunk, limited ? waiting : 0) + workers * CLOUD.coldStart[day];
  return {
    wall: wall + CLOUD.mapStart[day] + CLOUD.transition[day],
    gbSeconds: billed * CLOUD.memory[stage],
    limited,
    enough: Math.ceil((CLOUD.getRate[day] * chunk) / work.reads),
  };
}

/** On a good day waiting, receiving and computing overlap; on a bad day they don't. */
function timeChunk(work: ChunkWork, rate: number, day: Day): number {
  const { reads, bytes, readSize, samples, calls, written } = work;
  const latency = CLOUD.latency[day];
  const bandwidth = CLOUD.bandwidth[day];
  const atOnce = Math.min(READS_AHEAD, Math.ceil(BYTES_AHEAD / readSize));
  const waiting = (reads / atOnce) * latency;
  const receiving = bytes / bandwidth;
  const computing = samples / (rate * CLOUD.core[day]);
  const middle = day === 'low' ? Math.max(waiting, receiving, computing) : waiting + receiving + computing;
  return calls * latency + middle + written / bandwidth;
}
