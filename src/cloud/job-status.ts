/**
 * models/<dataset>/jobs/<job>.json: the latest state of a training job, for readers of the bucket. A job in an array has
 * <job>:<fold>.json. Events of Batch may arrive twice and in any order, so an older state never replaces a later one.
 */
import * as v from 'valibot';
import { AT_ONCE, mapAhead } from '../storage/ahead.ts';
import { compareAndSwap } from '../storage/conditional.ts';
import { parseJson } from '../storage/json.ts';
import type { ObjectStore } from '../storage/store.ts';

const JOB_STATES = [
  'SUBMITTED',
  'PENDING',
  'RUNNABLE',
  'STARTING',
  'RUNNING',
  'SUCCEEDED',
  'FAILED',
] as const;
export type JobState = (typeof JOB_STATES)[number];

const jobStatusSchema = v.object({
  job: v.string(),
  name: v.string(),
  dataset: v.string(),
  state: v.picklist(JOB_STATES),
  /** AWS's reason why the job failed or doesn't start. */
  reason: v.optional(v.string()),
  exitCode: v.optional(v.number()),
  /** Attempts that have ended. */
  attempts: v.number(),
  /** Milliseconds since 1970. */
  created: v.optional(v.number()),
  started: v.optional(v.number()),
  stopped: v.optional(v.number()),
  logStream: v.optional(v.string()),
  /** What it trains: see trainingKey. */
  training: v.optional(v.string()),
  /** Only while RUNNABLE: people know if the account's quota allows it no host. */
  quotaChecked: v.optional(v.boolean()),
  /** Only for an array job: how many jobs it has, one per fold. */
  folds: v.optional(v.number()),
  /** Only for a job in an array. */
  fold: v.optional(v.number()),
});
export type JobStatus = v.InferOutput<typeof jobStatusSchema>;

const FOLDER = 'jobs/';
const jobStatusKey = (job: string): string => `${FOLDER}${job}.json`;
const parse = (bytes: Uint8Array, models: ObjectStore, key: string): JobStatus =>
  parseJson(bytes, `${models.location}${key}`, jobStatusSchema);

/** The latest known states of all jobs of a dataset, in no order. */
export async function* readJobStatuses(models: ObjectStore): AsyncGenerator<JobStatus> {
  yield* mapAhead(statusKeys(models), AT_ONCE, async (key) => parse(await models.read(key), models, key));
}

/** Without what belongs to no job, such as the folder markers of the S3 console. */
async function* statusKeys(models: ObjectStore): AsyncGenerator<string> {
  for await (const { key } of models.list(FOLDER)) if (key.endsWith('.json')) yield key;
}

/** Writes the status unless it is known already, or a later one. Resolves to the latest. */
export async function noteJobStatus(models: ObjectStore, status: JobStatus): Promise<JobStatus> {
  const key = jobStatusKey(status.job);
  let latest = status;
  await compareAndSwap(models, key, async (bytes) => {
    const known = bytes && parse(bytes, models, key);
    const isNews = known === undefined || progress(known) < progress(status);
    latest = isNews ? status : known;
    return isNews ? new TextEncoder().encode(`${JSON.stringify(status, undefined, 2)}\n`) : undefined;
  });
  return latest;
}

export function isFinal(state: string): boolean {
  return state === 'SUCCEEDED' || state === 'FAILED';
}

/** Orders the states of a job. Ended attempts count first, since a retried job becomes RUNNABLE again. */
function progress({ state, attempts, quotaChecked = false }: JobStatus): number {
  if (isFinal(state)) return Number.POSITIVE_INFINITY;
  return attempts * JOB_STATES.length + JOB_STATES.indexOf(state) + (quotaChecked ? 0.5 : 0);
}
