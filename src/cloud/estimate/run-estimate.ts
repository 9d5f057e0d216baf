/**
 * Estimates requests, time and cost of a run in the cloud before it starts. Requests are counted; times follow from AWS's
 * documented limits and measured rates. These give the low end of each range, and SLOWER times that is the high end.
 */
import { SAMPLE_SIZE } from '../../core/strain.ts';
import { PSD_CHUNK_SIZE } from '../../preprocess/plan/plan.ts';
import { RANGE_LIMIT } from '../../raw/reads.ts';
import { SAMPLE_FILE_SIZE } from '../../raw/strain-array.ts';
import { PART_SIZE } from '../../storage/s3/s3-store.ts';
import type { Prices } from './prices.ts';

export interface Range {
  low: number;
  high: number;
}

/** Throttled requests, slow starts, and a core at half the speed of this machine's, together. No run on AWS was measured. */
const SLOWER = 3;
/** docs/costs.md gives the source of each number. */
const CLOUD = {
  /** GET requests per second that one prefix partition of a bucket serves. */
  getRate: 5500,
  /** Time to list a page of 1,000 objects [s]. */
  listPage: 0.08,
  /** Bandwidth of a function, in each direction [bytes/s]. */
  bandwidth: 75e6,
  /** Start of a function; it is billed [s]. */
  start: 0.5,
  /** A step without a map, besides what grows with the dataset [s]. */
  step: 1,
  /** Overhead of a Distributed Map besides its items [s]. */
  map: 1,
  /** Planning time per sample: labels, order, hashes [s]. */
  planning: 6e-6,
  /** Time per chunk that finalize needs for its requests, many at once [s]. */
  finalizing: 3e-3,
  /** Upload events per call of `ingest`, and the duration of such a call [s]. */
  eventBatch: 10,
  eventTime: 0.05,
  /** Start of a host until it pulls the image; it is billed [s]. */
  boot: 60,
  /** Rate at which a host writes to its root disk [bytes/s]. */
  disk: 125e6,
  /** Size of the image as it is pulled, and unpacked [bytes]. */
  image: 3.4e9,
  unpacked: 5.7e9,
  /** Long polls that Lambda keeps open on each of the two queues, and how long one takes [s]. */
  polls: 5,
  poll: 20,
} as const;

/** As in infra/: the root disk of a host [GB], and the alarms. */
export const JOB_DISK = 100;
export const ALARMS = 5;

/** Memory of the functions, as in serverless.yml [GB of 2^30 bytes]. */
export const MEMORY = {
  plan: 3008 / 1024,
  psd: 1769 / 1024,
  reduce: 512 / 1024,
  shard: 1769 / 1024,
  finalize: 1024 / 1024,
  ingest: 1769 / 1024,
} as const;

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

type Stage = 'plan' | 'psd' | 'reduce' | 'shards' | 'finalize';

export interface Estimate {
  packed: boolean;
  upload: { objects: number; puts: number; cost: Range };
  preprocessing: {
    chunks: number;
    gets: number;
    /** PUT and LIST requests. */
    puts: number;
    gbSeconds: Range;
    /** Time from the start of the run to metadata.json [s]. */
    wall: Range;
    /** Time of each stage [s]. */
    stages: Record<Stage, Range>;
    cost: Range;
    /** The bottleneck of the shards. */
    boundBy: 'requests' | 'functions';
    /** Shards made at once, at most. */
    concurrency: number;
    /** Number of functions that saturates the bucket's request rate, even if they are slow; more of them only wait. */
    enough: number;
  };
  /** Undefined without epochs. */
  training?: {
    /** Computing [h]. */
    hours: Range;
    /** What each attempt takes before it trains: boot, image, shards [h]. */
    start: Range;
    /** Of one attempt. */
    cost: Range;
  };
  /** A month of the stage: while nothing runs, and for the raw samples and records. */
  month: { idle: Range; storage: number };
}

/** @param packed whether the dataset was uploaded in packs, or as single files. */
export function estimateRun(workload: Workload, packed: boolean, prices: Prices): Estimate {
  const { samples, chunkSize, rate, dtype, epochs, trainingRate } = workload;
  const concurrency = packed
    ? workload.concurrency
    : Math.min(workload.concurrency, workload.fileConcurrency);
  const counts = countRequests({ ...workload, concurrency }, packed);
  const { objects, chunks, psdSamples, psdChunks, sampleGets, gets, puts, pageRounds, uploadPuts } = counts;
  const workTime = (count: number, written: number) =>
    Math.max((count * SAMPLE_FILE_SIZE) / CLOUD.bandwidth, count / rate) + written / CLOUD.bandwidth;
  const chunk = Math.min(samples, chunkSize);
  const recordSize = SAMPLE_SIZE * (dtype === 'float16' ? 2 : 4);
  const shardTime = workTime(chunk, chunk * recordSize);
  const psd = timeMap(psdChunks, workload.concurrency, psdSamples, workTime(psdSamples / psdChunks, 0));
  const shards = timeMap(chunks, concurrency, sampleGets, shardTime);
  const walls: Record<Stage, number> = {
    plan: CLOUD.step + pageRounds * CLOUD.listPage + samples * CLOUD.planning,
    psd: psd.wall,
    reduce: CLOUD.step,
    shards: shards.wall,
    finalize: CLOUD.step + chunks * CLOUD.finalizing,
  };
  const gbSeconds =
    walls.plan * MEMORY.plan +
    psd.billed * MEMORY.psd +
    walls.reduce * MEMORY.reduce +
    shards.billed * MEMORY.shard +
    walls.finalize * MEMORY.finalize;
  const events = objects / CLOUD.eventBatch;
  return {
    packed,
    upload: {
      objects,
      puts: uploadPuts,
      // S3 sends an event for every object to a queue, and a function checks whether the object is late for a run.
      cost: sumCost(
        uploadPuts * prices.s3Put +
          (objects + 2 * events) * prices.sqsRequest +
          events * prices.lambdaRequest,
        events * CLOUD.eventTime * MEMORY.ingest * prices.lambdaGbSecond,
      ),
    },
    preprocessing: {
      chunks,
      gets,
      puts,
      gbSeconds: upTo(gbSeconds),
      wall: upTo(Object.values(walls).reduce((sum, wall) => sum + wall)),
      stages: Object.fromEntries(Object.entries(walls).map(([stage, wall]) => [stage, upTo(wall)])) as Record<
        Stage,
        Range
      >,
      // Step Functions bills one transition per item of a map, and perhaps more.
      cost: sumCost(
        gets * prices.s3Get + puts * prices.s3Put + (chunks + psdChunks + 3) * prices.lambdaRequest,
        gbSeconds * prices.lambdaGbSecond + (chunks + psdChunks + 8) * prices.stepTransition,
      ),
      boundBy: shards.limited ? 'requests' : 'functions',
      concurrency,
      enough: Math.ceil((SLOWER * CLOUD.getRate * shardTime * chunks) / sampleGets),
    },
    ...(epochs > 0 && {
      training: estimateTraining(samples * epochs, samples * recordSize, trainingRate, prices),
    }),
    month: estimateMonth(samples * (SAMPLE_FILE_SIZE + recordSize), prices),
  };
}

const upTo = (low: number): Range => ({ low, high: SLOWER * low });

/** @param requests cost of what is counted. @param time cost of what is uncertain. */
const sumCost = (requests: number, time: number): Range => ({
  low: requests + time,
  high: requests + SLOWER * time,
});

/** A map over chunks of `work` seconds each. Functions that wait for the bucket are billed too. */
function timeMap(chunks: number, concurrency: number, gets: number, work: number) {
  const functions = Math.min(concurrency, chunks);
  const own = (chunks * work) / functions;
  const bucket = gets / CLOUD.getRate;
  const time = CLOUD.start + Math.max(own, bucket);
  return { wall: CLOUD.map + time, billed: functions * time, limited: bucket > own };
}

/** @param bytes of the shards */
function estimateTraining(samples: number, bytes: number, rate: Range, prices: Prices) {
  const hours = { low: samples / rate.high / 3600, high: samples / rate.low / 3600 };
  const start = upTo((CLOUD.boot + (CLOUD.image + CLOUD.unpacked + bytes) / CLOUD.disk) / 3600);
  const extra = (JOB_DISK * prices.diskGbMonth) / HOURS_A_MONTH + prices.addressHour;
  const cost = {
    low: (hours.low + start.low) * (prices.gpuHourSpot + extra),
    high: (hours.high + start.high) * (prices.gpuHour + extra),
  };
  return { hours, start, cost };
}

const HOURS_A_MONTH = 730;

/** @param bytes in the bucket */
function estimateMonth(bytes: number, prices: Prices) {
  const fixed = ALARMS * prices.alarmMonth + (CLOUD.image / 1e9) * prices.imageGbMonth;
  const polls = (2 * CLOUD.polls * HOURS_A_MONTH * 3600) / CLOUD.poll;
  return {
    // AWS doesn't say how many polls it keeps open while queues are empty.
    idle: { low: fixed, high: fixed + polls * prices.sqsRequest },
    storage: (bytes / 2 ** 30) * prices.s3GbMonth,
  };
}

/** Size of a sample in a pack: header, file, padding [bytes]. */
const PACKED_SIZE = 512 + Math.ceil(SAMPLE_FILE_SIZE / 512) * 512;
const LIST_PAGE = 1000;
/** Folders of Kaggle's layout that are listed in parallel: train/0/ to train/f/. */
const FOLDERS = 16;

/** The formulas follow the steps; a test compares them with the requests of real runs. */
function countRequests({ samples, chunkSize, concurrency, ...workload }: Workload, packed: boolean) {
  const chunks = Math.ceil(samples / chunkSize);
  const psdSamples = Math.min(samples, workload.psdSamples);
  const psdChunks = Math.ceil(psdSamples / PSD_CHUNK_SIZE);
  const objects = packed ? chunks : samples;
  const sampleGets = packed
    ? Math.ceil(samples / Math.min(chunkSize, Math.floor(RANGE_LIMIT / PACKED_SIZE)))
    : samples;
  // One listing of the top and of train/, which is all of a packed dataset, then the folders in parallel.
  const rounds = packed ? Math.ceil(objects / LIST_PAGE) : 1 + Math.ceil(objects / FOLDERS / LIST_PAGE);
  const pages = 1 + (packed ? rounds : 1 + FOLDERS * (rounds - 1));
  return {
    objects,
    chunks,
    psdSamples,
    psdChunks,
    /** To read the samples of the shards. */
    sampleGets,
    // The index of each pack. Per chunk the manifest, its list, its result and its shard, which may exist, and both again at
    // the end; the PSD's chunks have their sum instead. Each function that makes shards reads the plan and the PSD.
    gets:
      (packed ? chunks : 0) +
      sampleGets +
      psdSamples +
      6 * chunks +
      4 * psdChunks +
      2 * Math.min(concurrency, chunks) +
      27,
    // A chunk's list and output, and a shard's result. The constant: the manifest, the files made from it, lists of chunks.
    puts: 3 * chunks + 2 * psdChunks + 16 + pages,
    /** Listings that follow one another. */
    pageRounds: 1 + rounds,
    uploadPuts: packed ? chunks * partsOf(chunkSize * PACKED_SIZE) : samples,
  };
}

/** Requests that write an object: one, or for a multipart upload create, parts and complete. */
function partsOf(size: number): number {
  return size <= PART_SIZE ? 1 : Math.ceil(size / PART_SIZE) + 2;
}
