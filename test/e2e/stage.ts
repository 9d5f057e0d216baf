/** The stage of an end-to-end test file, in its own emulated cloud, and functions that inspect it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BatchClient } from '@aws-sdk/client-batch';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type Cloud, createCloud } from '../../infra/local/cloud.ts';
import { readEmulatorName } from '../../infra/local/emulators.ts';
import { locateDataset } from '../../src/cloud/dataset.ts';
import { openStage, type Stage } from '../../src/cloud/deployed-stage.ts';
import { findJob, type Job } from '../../src/cloud/jobs.ts';
import { listRuns, type Run } from '../../src/cloud/runs.ts';
import { parseMetadata } from '../../src/records/metadata.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import { openStore } from '../../src/storage/open.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { writeDataset, writeLabels } from '../support/dataset.ts';
import { type Emulator, findPort, setEnvironment, startEmulator } from '../support/emulator.ts';

export const SAMPLES = 90;
export const SHARD_SIZE = '32';
export const EMULATOR = readEmulatorName(process.env.CHIRPLINE_TEST_EMULATOR);

export let folder: string;
export let cloud: Cloud;
export let stage: Stage;
let restore: () => void;
export let sfn: SFNClient;
export let sqs: SQSClient;
export let batch: BatchClient;
export let raw: ObjectStore;

/** A LocalStack that the stage is attached to, and didn't start. */
let foreign: Emulator | undefined;

/**
 * Starts an emulated cloud, deploys a stage to it, and writes the samples to `raw`. With `attach`, a LocalStack is running
 * before.
 */
export async function startStage({ attach = false } = {}): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), 'chirpline-e2e-'));
  raw = createFileStore(join(folder, 'raw'));
  const [port, agentPort] = [await findPort(), await findPort()];
  const settings = {
    folder: join(folder, 'cloud'),
    port,
    agentPort,
    runner: 'process',
    persist: false,
  } as const;
  foreign = attach ? await startEmulator() : undefined;
  // Our plugin runs functions as processes of this machine, even if this machine is a container itself.
  const agentHost = '127.0.0.1';
  cloud = createCloud({ ...settings, emulator: EMULATOR, attach: foreign?.endpoint, agentHost });
  restore = setEnvironment(cloud.env);
  await cloud.up();
  await deploy();
  stage = await openStage('local');
  sfn = new SFNClient({});
  sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
  batch = new BatchClient({});
  await writeDataset(raw, SAMPLES);
}

/** Deploys the stage; `variables` change its settings. */
export function deploy(variables: Record<string, string> = {}): Promise<void> {
  return cloud.deploy({ CHIRPLINE_SHARD_SIZE: SHARD_SIZE, ...variables });
}

export async function endStage(): Promise<void> {
  await cloud.down();
  await foreign?.stop();
  restore();
  rmSync(folder, { recursive: true, force: true });
}

export const open = (dataset: string) => {
  const { raw, records, models } = locateDataset(stage.bucket, dataset);
  return { raw: openStore(raw), records: openStore(records), models: openStore(models) };
};

export async function runsOf(dataset: string): Promise<Run[]> {
  return listRuns(sfn, stage.stateMachine, 100, dataset);
}

/** Waits until the dataset has at least `count` runs and all have ended; returns them, newest first. */
export async function waitForRuns(dataset: string, count: number, seconds = 60): Promise<Run[]> {
  let runs: Run[] = [];
  const areOver = async () => {
    runs = await runsOf(dataset);
    return runs.length >= count && runs.every(({ state }) => state !== 'RUNNING') ? runs : undefined;
  };
  return waitFor(`${count} runs of ${dataset}`, areOver, seconds, LONG_WAIT).catch((error: unknown) => {
    throw new Error(`${dataset}: ${JSON.stringify(runs)}`, { cause: error });
  });
}

/** Polling interval of what takes seconds [ms]: each request takes CPU time of the emulator, and so of what is waited for. */
export const LONG_WAIT = 300;

export async function waitFor<T>(
  what: string,
  look: () => Promise<T | undefined>,
  seconds = 60,
  interval = 50,
): Promise<T> {
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(interval);
  }
  throw new Error(`waited ${seconds} s for ${what}`);
}

export async function readMetadata(records: ObjectStore) {
  return parseMetadata(await records.read('metadata.json'), 'metadata.json');
}

/** Uploads the first `count` samples, and their labels, as a dataset with this name. */
export async function uploadSome(dataset: string, count: number): Promise<void> {
  const rows = await labelRows();
  const to = open(dataset).raw;
  await Promise.all(rows.slice(0, count).map(async ([id]) => to.write(keyOf(id), await raw.read(keyOf(id)))));
  await writeLabels(to, rows.slice(0, count));
}

export const keyOf = (id: string) => `train/${id[0]}/${id[1]}/${id[2]}/${id}.npy`;

export async function labelRows(): Promise<[string, number][]> {
  const text = new TextDecoder().decode(await raw.read('training_labels.csv'));
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => [line.split(',')[0]!, Number(line.split(',')[1])]);
}

export async function send(queue: string, body: string): Promise<void> {
  const { url } = stage.queues.find(({ name }) => name === queue)!;
  await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: body }));
}

/** PIDs of the emulator's processes that run a function, found by the name in their environment. */
export function findWorkers(name: string): number[] {
  const port = new URL(cloud.env.AWS_ENDPOINT_URL!).port;
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      const environment = readEnvironment(pid);
      return environment.includes(`AWS_LAMBDA_FUNCTION_NAME=${name}\0`) && environment.includes(`:${port}\0`);
    });
}

/** Suspends a function of the stage; returns a function that resumes it. */
export function hold(name: string): () => void {
  const held = new Set<number>();
  const timer = setInterval(() => {
    for (const pid of findWorkers(name)) {
      if (held.has(pid)) continue;
      process.kill(pid, 'SIGSTOP');
      held.add(pid);
    }
  }, 50);
  return () => {
    clearInterval(timer);
    for (const pid of findWorkers(name)) if (held.has(pid)) process.kill(pid, 'SIGCONT');
  };
}

function readEnvironment(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    // The process has ended, or belongs to another user.
    return '';
  }
}

export async function waitForJob(id: string, wanted: (job: Job) => boolean): Promise<Job> {
  return waitFor(
    `job ${id}`,
    async () => {
      const job = await findJob(batch, id);
      return job !== undefined && wanted(job) ? job : undefined;
    },
    120,
    LONG_WAIT,
  );
}
