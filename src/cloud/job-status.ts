/**
 * models/<dataset>/jobs/<job>.json: the latest state of a training job, for whoever looks into the bucket; of a job in
 * an array <job>:<fold>.json. Events of Batch may come twice and in any order, so an older state never replaces a later one.
 */
import * as v from 'valibot';
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
  /** Why the job failed, or why it doesn't start, as AWS says. */
  reason: v.optional(v.string()),
  exitCode: v.optional(v.number()),
  /** Attempts that have ended. */
  attempts: v.number(),
  /** Milliseconds since 1970. */
  created: v.optional(v.number()),
  started: v.optional(v.number()),
  stopped: v.optional(v.number()),
  logStream: v.optional(v.string()),
  /** Of an array job: how many jobs it has, one a fold. */
  folds: v.optional(v.number()),
  /** Of a job in an array. */
  fold: v.optional(v.number()),
});
export type JobStatus = v.InferOutput<typeof jobStatusSchema>;

const jobStatusKey = (job: string): string => `jobs/${job}.json`;

/** Writes the status unless a later one is there; resolves to whether it did. */
export async function noteJobStatus(models: ObjectStore, status: JobStatus): Promise<boolean> {
  const key = jobStatusKey(status.job);
  let noted = false;
  await compareAndSwap(models, key, async (bytes) => {
    const known = bytes && parseJson(bytes, `${models.location}${key}`, jobStatusSchema);
    noted = known === undefined || progress(known) < progress(status);
    return noted ? new TextEncoder().encode(`${JSON.stringify(status, undefined, 2)}\n`) : undefined;
  });
  return noted;
}

export function isFinal(state: JobState): boolean {
  return state === 'SUCCEEDED' || state === 'FAILED';
}

/** How far a job has come: ended attempts count first, since a job that is tried again is RUNNABLE once more. */
function progress({ state, attempts }: JobStatus): number {
  if (isFinal(state)) return Number.POSITIVE_INFINITY;
  return attempts * JOB_STATES.length + JOB_STATES.indexOf(state);
}
