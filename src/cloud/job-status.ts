/**
 * models/<dataset>/jobs/<job>.json: the latest state of a training job, for whoever looks into the bucket; of a job in
 * an array <job>:<fold>.json. Events of Batch may come twice and in any order, so an older state never replaces a later one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PreconditionError } from '../errors.ts';
import { readJson } from '../pipeline/work.ts';
import type { ObjectStore } from '../storage/store.ts';

export const JOB_STATES = [
  'SUBMITTED',
  'PENDING',
  'RUNNABLE',
  'STARTING',
  'RUNNING',
  'SUCCEEDED',
  'FAILED',
] as const;
export type JobState = (typeof JOB_STATES)[number];

export interface JobStatus {
  job: string;
  name: string;
  dataset: string;
  state: JobState;
  /** Why the job failed, or why it doesn't start, as AWS says. */
  reason?: string;
  exitCode?: number;
  /** Attempts that have ended. */
  attempts: number;
  /** Milliseconds since 1970. */
  created?: number;
  started?: number;
  stopped?: number;
  logStream?: string;
  /** Of an array job: how many jobs it has, one a fold. */
  folds?: number;
  /** Of a job in an array. */
  fold?: number;
}

export const jobStatusKey = (job: string): string => `jobs/${job}.json`;

const ATTEMPTS = 10;
const PAUSE = 100;

/** Writes the status unless a later one is there; resolves to whether it did. */
export async function noteJobStatus(models: ObjectStore, status: JobStatus): Promise<boolean> {
  const key = jobStatusKey(status.job);
  const bytes = new TextEncoder().encode(`${JSON.stringify(status, undefined, 2)}\n`);
  for (let attempt = 1; ; attempt += 1) {
    const found = await models.head(key);
    if (found !== undefined && progress(await readJson<JobStatus>(models, key)) >= progress(status))
      return false;
    try {
      await models.write(key, bytes, found === undefined ? { ifAbsent: true } : { ifMatch: found.etag });
      return true;
    } catch (error) {
      if (!(error instanceof PreconditionError) || attempt === ATTEMPTS) throw error;
      await sleep(Math.random() * PAUSE);
    }
  }
}

export function isFinal(state: JobState): boolean {
  return state === 'SUCCEEDED' || state === 'FAILED';
}

/** How far a job has come: ended attempts count first, since a job that is tried again is RUNNABLE once more. */
function progress({ state, attempts }: JobStatus): number {
  if (isFinal(state)) return Number.POSITIVE_INFINITY;
  return attempts * JOB_STATES.length + JOB_STATES.indexOf(state);
}
