/** How long the stages of a run take, and what of functions' time is billed. */

import { SAMPLE_SIZE } from '../../core/strain.ts';
import { BYTES_AHEAD, READS_AHEAD } from '../../raw/reads.ts';
import { SAMPLE_FILE_SIZE } from '../../raw/strain-array.ts';
import { AT_ONCE } from '../../storage/ahead.ts';
import { CLOUD, type Day } from './conditions.ts';
import { type RequestCounts, shardConcurrency, type Workload } from './request-counts.ts';

export const STAGES = ['plan', 'psd', 'reduce', 'shards', 'finalize'] as const;
export type Stage = (typeof STAGES)[number];

export interface StageTime {
  /** Seconds until the stage is done. */
  wall: number;
  /** GB-seconds billed. */
  gbSeconds: number;
  /** Whether the bucket's request rate, rather than the functions, sets the time. */
  limited: boolean;
  /** Functions that ask for all that the bucket answers: more of them only wait. */
  enough: number;
}

/** One chunk of a map, as one function sees it. */
interface ChunkWork {
  reads: number;
  bytes: number;
  readSize: number;
  samples: number;
  /** Small requests, one after another. */
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
  const sideBySide = (requests: number) => Math.ceil(requests / AT_ONCE) * latency;

  const planWall =
    CLOUD.coldStart[day] +
    pageRounds * CLOUD.listPage[day] +
    samples * CLOUD.planning[day] +
    sideBySide((packed ? chunks : 0) + chunks + psdChunks) +
    18 * latency;
  const reduceWall = CLOUD.coldStart[day] + sideBySide(psdChunks) + 3 * latency;
  const finalizeWall =
    CLOUD.coldStart[day] +
    2 * CLOUD.listPage[day] +
    sideBySide(chunks) +
    2 * sideBySide(chunks + psdChunks) +
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
  // Whoever waits for the bucket is billed as well; on a good day nobody does while the last chunks are finished.
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

/** On a good day reading and computing overlap, on a bad one they don't. */
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
