/** How many requests a run makes: counted from what the steps do, and checked in a test against what they did. */
import { PSD_CHUNK_SIZE } from '../../preprocess/plan/plan.ts';
import { RANGE_LIMIT } from '../../raw/reads.ts';
import { SAMPLE_FILE_SIZE } from '../../raw/strain-array.ts';
import { PART_SIZE } from '../../storage/s3/s3-store.ts';
import type { Range } from './conditions.ts';

export interface Workload {
  samples: number;
  /** Samples of a shard, and of a pack. */
  chunkSize: number;
  /** Noise samples that the PSD is averaged over, at most. */
  psdSamples: number;
  dtype: 'float16' | 'float32';
  /** Chunks worked on at once: `mapConcurrency` of the stage. */
  concurrency: number;
  /** Shards made at once of samples that are files of their own: `fileConcurrency`. */
  fileConcurrency: number;
  /** Samples a second that one core of the machine at hand preprocesses. */
  rate: number;
  /** Of training; 0 for none. */
  epochs: number;
  /** Samples a second that the GPU trains on. */
  trainingRate: Range;
}

/** Shards made at once, at most. */
export function shardConcurrency(workload: Workload, packed: boolean): number {
  const { concurrency, fileConcurrency } = workload;
  return packed ? concurrency : Math.min(concurrency, fileConcurrency);
}

/** Bytes of a sample in a pack: header, file, padding. */
const PACKED_SIZE = 512 + Math.ceil(SAMPLE_FILE_SIZE / 512) * 512;
const LIST_PAGE = 1000;
/** Those of Kaggle's layout that are listed at once: train/0/ to train/f/. */
const FOLDERS = 16;

export interface RequestCounts {
  /** Raw objects. */
  objects: number;
  chunks: number;
  psdSamples: number;
  psdChunks: number;
  /** Reads of a chunk's samples, and bytes of one of them. */
  chunkReads: number;
  readSize: number;
  /** Requests that list, and how many of them come one after another. */
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
  // What lies at the top and in train/; that is all of a packed dataset.
  const rounds = packed ? Math.ceil(objects / LIST_PAGE) : 1 + Math.ceil(objects / FOLDERS / LIST_PAGE);
  const pages = 1 + (packed ? rounds : 1 + FOLDERS * (rounds - 1));
  // The manifest, several times, and labels; a pack's list; of a chunk the manifest, its list and whether it was made
  // before; of each environment that makes shards the plan and the PSD; partial sums; results and shards.
  const planGets = 9 + (packed ? chunks : 0);
  const chunkGets = 3 * chunks + 2 * psdChunks + 2 * environments;
  const sampleGets = (packed ? Math.ceil(samples / perRead) : samples) + psdSamples;
  const reduceGets = 2 + psdChunks;
  const finalizeGets = 14 + chunks;
  const gets = planGets + chunkGets + sampleGets + reduceGets + finalizeGets;
  // The list of each chunk, what it makes, and the shards' results; the rest are the manifest, what follows from it, and lists.
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

/** Requests that send an object: one, or begin, parts and end. */
function partsOf(size: number): number {
  return size <= PART_SIZE ? 1 : Math.ceil(size / PART_SIZE) + 2;
}
