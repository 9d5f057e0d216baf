/** Stores the agent's jobs, queues and definitions on disk, so a new agent resumes where the last one stopped. */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobDefinition } from '@aws-sdk/client-batch';
import type { Job } from './job.ts';

export interface JobStore {
  readonly jobs: Map<string, Job>;
  /** Revisions of each definition, newest last. */
  readonly definitions: Map<string, JobDefinition[]>;
  readonly queues: Set<string>;
  saveJob(job: Job): void;
  saveSettings(): void;
}

interface Settings {
  definitions: [string, JobDefinition[]][];
  queues: string[];
}

export function openJobStore(folder: string): JobStore {
  const jobFolder = join(folder, 'jobs');
  const settingsFile = join(folder, 'settings.json');
  mkdirSync(jobFolder, { recursive: true });
  const jobs = new Map<string, Job>();
  for (const name of readdirSync(jobFolder).filter((entry) => entry.endsWith('.json'))) {
    const job = JSON.parse(readFileSync(join(jobFolder, name), 'utf8')) as Job;
    jobs.set(job.detail.jobId, job);
  }
  const settings = readSettings(settingsFile);
  const definitions = new Map(settings.definitions);
  const queues = new Set(settings.queues);
  return {
    jobs,
    definitions,
    queues,
    saveJob(job) {
      jobs.set(job.detail.jobId, job);
      writeWhole(join(jobFolder, `${job.detail.jobId.replace(':', '-')}.json`), job);
    },
    saveSettings() {
      writeWhole(settingsFile, { definitions: [...definitions], queues: [...queues] } satisfies Settings);
    },
  };
}

function readSettings(file: string): Settings {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Settings;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { definitions: [], queues: [] };
  }
}

/** Atomic: if the agent is killed, either the old file or the new one exists. */
function writeWhole(file: string, value: unknown): void {
  writeFileSync(`${file}.part`, JSON.stringify(value));
  renameSync(`${file}.part`, file);
}
