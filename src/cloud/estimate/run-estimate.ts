/**
 * Estimates requests, time and cost of a run in the cloud before it starts. This is a pure model of the deployed state machine;
 * every uncertain quantity is a range, from a good day to a bad one. Tests compare it with the requests of the real
 * functions and with a simulated fleet of functions.
 */
import { CLOUD, type Day, onBothDays, type Range } from './conditions.ts';
import type { Prices } from './prices.ts';
import { countRequests, type RequestCounts, shardConcurrency, type Workload } from './request-counts.ts';
import { STAGES, type Stage, timeStages } from './stage-times.ts';

export interface Estimate {
  packed: boolean;
  upload: { objects: number; puts: number; cost: Range };
  preprocessing: {
    chunks: number;
    gets: number;
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
    /** Number of functions that saturates the bucket's request rate on both days; more of them only wait. */
    enough: number;
  };
  /** Undefined without epochs. */
  training?: { hours: Range; cost: Range };
}

/** @param packed whether the dataset was uploaded in packs, or as single files. */
export function estimateRun(workload: Workload, packed: boolean, prices: Prices): Estimate {
  const counts = countRequests(workload, packed);
  const days = {
    low: timeStages(workload, counts, packed, 'low'),
    high: timeStages(workload, counts, packed, 'high'),
  };
  const sum = (day: Day, field: 'wall' | 'gbSeconds') =>
    STAGES.reduce((total, stage) => total + days[day][stage][field], 0);
  const stages = Object.fromEntries(
    STAGES.map((stage) => [stage, onBothDays((day) => days[day][stage].wall)]),
  ) as Record<Stage, Range>;
  const { objects, chunks, psdChunks, pages, gets, puts, uploadPuts } = counts;
  return {
    packed,
    upload: {
      objects,
      puts: uploadPuts,
      cost: onBothDays((day) => uploadPuts * prices.s3Put + priceEvents(counts, prices, day)),
    },
    preprocessing: {
      chunks,
      gets,
      puts: puts + pages,
      gbSeconds: onBothDays((day) => sum(day, 'gbSeconds')),
      wall: onBothDays((day) => sum(day, 'wall')),
      stages,
      cost: onBothDays(
        (day) =>
          sum(day, 'gbSeconds') * prices.lambdaGbSecond +
          (chunks + psdChunks + 3) * prices.lambdaRequest +
          gets * prices.s3Get +
          (puts + pages) * prices.s3Put +
          ((chunks + psdChunks) * CLOUD.itemTransitions[day] + 8) * prices.stepTransition,
      ),
      boundBy: days.low.shards.limited ? 'requests' : 'functions',
      concurrency: shardConcurrency(workload, packed),
      enough: Math.max(days.low.shards.enough, days.high.shards.enough),
    },
    ...(workload.epochs > 0 && { training: estimateTraining(workload, prices) }),
  };
}

/** S3 sends an event for every object to a queue, and a function checks whether the object is late for a run. */
function priceEvents({ objects }: RequestCounts, prices: Prices, day: Day): number {
  const batches = objects / CLOUD.eventBatch;
  const billed = batches * CLOUD.eventTime[day] * CLOUD.memory.ingest;
  return (
    (objects + 2 * batches) * prices.sqsRequest +
    batches * prices.lambdaRequest +
    billed * prices.lambdaGbSecond
  );
}

function estimateTraining({ samples, epochs, trainingRate }: Workload, prices: Prices) {
  const hours = {
    low: (samples * epochs) / trainingRate.high / 3600,
    high: (samples * epochs) / trainingRate.low / 3600,
  };
  return { hours, cost: { low: hours.low * prices.gpuHourSpot, high: hours.high * prices.gpuHour } };
}
