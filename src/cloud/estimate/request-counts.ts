/** How many requests a run makes. The formulas follow the steps; a test compares them with the requests of real runs. */
import { PSD_CHUNK_SIZE } from '../../preprocess/plan/plan.ts';
import { RANGE_LIMIT } from '../../raw/reads.ts';
import { SAMPLE_FILE_SIZE } from '../../raw/strain-array.ts';
import { PART_SIZE } from '../../storage/s3/s3-store.ts';
import type { Range } from './conditions.ts';

export interface Workload {
  samples: number;
  /** Samples per shard and per pack. */
  chunkSize: number;
  /** Noise samples averaged for the PSD, at most. */
  psdSamples: number;
  dtype: 'float16' | 'float32';
  /** Chunks processed at once: `mapConcurrency` of the stage. */
  concurrency: number;
  /** Shards made at once from unpacked samples: `fileConcurrency`. */
  fileConcurrency: number;
  /** Preprocessing rate of one core of this machine [samples/s]. */
  rate: number;
  /** Training epochs; 0 for no training. */
  epochs: number;
  /** Training rate of the GPU [samples/s]. */
  trainingRate: Range;
}

/** Shards made at once, at most. */
export function shardConcurrency(workload: Workload, packed: boolean): number {
  const { concurrency, fileConcurrency } = workload;
  return packed ? concurrency : Math.min(concurrency, fileConcurrency);
}

/** Size of a sample in a pack: header, file, padding [bytes]. */
const PACKED_SIZE = 512 + Math.ceil(SAMPLE_FILE_SIZE / 512) * 512;
const LIST_PAGE = 1000;
/** Folders of Kaggle's layout that are listed in parallel: train/0/ to train/f/. */
const FOLDERS = 16;

export interface RequestCounts {
  /** Raw objects. */
  objects: number;
  chunks: number;
  psdSamples: number;
  psdChunks: number;
  /** Read requests per chunk, and the size of one [bytes]. */
  chunkReads: number;
  readSize: number;
  /** LIST requests, and how many of them are sequential. */
  pages: number;
  pageRounds: number;
  gets: number;
  puts: number;
  uploadPuts: number;
}

export function countRequests(workload: Workload, packed: boolean): RequestCounts {
  const { samples, chunkSize } = workload;
  const chunks = Math.ceil(samples / chunkSize);
  const psdSamples = Math.min(samples, workload.psdSamples);
  const psdChunks = Math.ceil(psdSamples / PSD_CHUNK_SIZE);
  const objects = packed ? chunks : samples;
  const perRead = packed ? Math.min(chunkSize, Math.floor(RANGE_LIMIT / PACKED_SIZE)) : 1;
  const chunkReads = Math.ceil(chunkSize / perRead);
  const environments = Math.min(shardConcurrency(workload, packed), chunks);
  // One listing of the top and of train/, which is all of a packed dataset, then the folders in parallel.
  const rounds = packed ? Math.ceil(objects / LIST_PAGE) : 1 + Math.ceil(objects / FOLDERS / LIST_PAGE);
  const pages = 1 + (packed ? rounds : 1 + FOLDERS * (rounds - 1));
  // Plan: the manifest several times, the labels, the index of each pack. Chunk: the manifest, its list, whether it was made
  // before. Each environment that makes shards: the plan and the PSD. Reduce: partial sums. Finalize: results and shards.
  const planGets = 9 + (packed ? chunks : 0);
  const chunkGets = 3 * chunks + 2 * psdChunks + 2 * environments;
  const sampleGets = (packed ? Math.ceil(samples / perRead) : samples) + psdSamples;
  const reduceGets = 2 + psdChunks;
  const finalizeGets = 14 + chunks;
  const gets = planGets + chunkGets + sampleGets + reduceGets + finalizeGets;
  // Each chunk's list and output, and the shards' results. The constant: the manifest, the files made from it, and lists.
  const puts = 3 * chunks + 2 * psdChunks + 17;
  return {
    objects,
    chunks,
    psdSamples,
    psdChunks,
    chunkReads,
    readSize: packed ? perRead * PACKED_SIZE : SAMPLE_FILE_SIZE,
    pages,
    pageRounds: 1 + rounds,
    gets,
    puts,
    uploadPuts: packed ? chunks * partsOf(chunkSize * PACKED_SIZE) : samples,
  };
}

/** Requests that write an object: one, or for a multipart upload create, parts and complete. */
function partsOf(size: number): number {
  return size <= PART_SIZE ? 1 : Math.ceil(size / PART_SIZE) + 2;
}
