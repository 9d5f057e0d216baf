/** The training image, built and run: alone, and as jobs of the emulated cloud. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BatchClient,
  CreateJobQueueCommand,
  DescribeJobsCommand,
  type JobDetail,
  type KeyValuePair,
  RegisterJobDefinitionCommand,
  SubmitJobCommand,
  TerminateJobCommand,
} from '@aws-sdk/client-batch';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type Cloud, createCloud } from '../../infra/local/cloud.ts';
import { locateDataset } from '../../src/cloud/dataset.ts';
import { submitTraining } from '../../src/cloud/training-job.ts';
import { openStore } from '../../src/storage/open.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { chirplineWell } from '../support/command.ts';
import { findPort, setEnvironment } from '../support/emulator.ts';
import { buildTrainingImage, IMAGE } from './image.ts';
import { podman, preparePodman, run } from './podman.ts';

const BUCKET = 'training-image';
const DATASET = 'set';
const QUEUE = 'training';
const SAMPLES = '40';

let folder: string;
let cloud: Cloud | undefined;
let batch: BatchClient;
let restore: (() => void) | undefined;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chirpline-image-'));
  preparePodman();
  buildTrainingImage();
  const [port, agentPort] = [await findPort(), await findPort()];
  cloud = createCloud({
    folder: join(folder, 'cloud'),
    port,
    agentPort,
    runner: 'podman',
    image: IMAGE,
    persist: false,
  });
  restore = setEnvironment(cloud.env);
  await cloud.up();
  await new S3Client({ forcePathStyle: true }).send(new CreateBucketCommand({ Bucket: BUCKET }));
  chirplineWell('simulate', join(folder, 'raw'), '--samples', SAMPLES, '--seed', '1', '--snr-median', '15');
  const { records } = locateDataset(BUCKET, DATASET);
  for (const to of [records, join(folder, 'records')]) {
    chirplineWell('preprocess', join(folder, 'raw'), to, '--dataset', DATASET, '--shard-size', '16');
  }
  batch = new BatchClient({});
  await batch.send(new CreateJobQueueCommand({ jobQueueName: QUEUE, priority: 1 }));
  // As in infra/training.yml.
  await define('training', ['chirpline', 'train', 'Ref::records', 'Ref::models']);
});
after(async () => {
  // If `before` failed, its error is reported, not a missing cloud.
  await cloud?.down();
  restore?.();
  rmSync(folder, { recursive: true, force: true });
});

async function define(name: string, command: string[], environment: KeyValuePair[] = []): Promise<void> {
  await batch.send(
    new RegisterJobDefinitionCommand({
      jobDefinitionName: name,
      type: 'container',
      containerProperties: { image: 'of-the-agent', command, environment },
      retryStrategy: {
        attempts: 2,
        evaluateOnExit: [
          { onStatusReason: 'Host EC2*', action: 'RETRY' },
          { onExitCode: '75', action: 'RETRY' },
          { onReason: '*', action: 'EXIT' },
        ],
      },
    }),
  );
}

const openModels = () => openStore(locateDataset(BUCKET, DATASET).models);
const openCheckpoints = () => openStore(locateDataset(BUCKET, DATASET).checkpoints);

async function submit(options: string[]): Promise<string> {
  const records = openStore(locateDataset(BUCKET, DATASET).records);
  const place = { stage: 'local', bucket: BUCKET, queue: QUEUE, definition: 'training' };
  return (await submitTraining(batch, place, records, { dataset: DATASET, options })).id;
}

async function describe(id: string): Promise<JobDetail> {
  const { jobs = [] } = await batch.send(new DescribeJobsCommand({ jobs: [id] }));
  assert.ok(jobs[0], id);
  return jobs[0];
}

async function waitForEnd(id: string, seconds = 120): Promise<JobDetail> {
  for (let tries = 0; tries < seconds * 4; tries += 1) {
    const job = await describe(id);
    if (job.status === 'SUCCEEDED' || job.status === 'FAILED') return job;
    await sleep(250);
  }
  throw new Error(`waited ${seconds} s for job ${id}: ${readLog(id)}`);
}

/** The log of an attempt of a job. */
function readLog(id: string, attempt = 1): string {
  const file = join(folder, 'cloud/agent/logs', `${id.replace(':', '-')}-${attempt}.log`);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

async function waitForLog(id: string, attempt: number, line: RegExp, seconds = 180): Promise<void> {
  for (let tries = 0; !line.test(readLog(id, attempt)); tries += 1) {
    assert.ok(tries < seconds * 10, `waited ${seconds} s for ${line}: ${readLog(id, attempt)}`);
    await sleep(100);
  }
}

async function listKeys(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  return keys;
}

test('an array job takes all settings from the environment; each of its jobs trains a fold and leaves its artifacts', async () => {
  const training = { PRESET: 'coherent', EPOCHS: '1', BATCH_SIZE: '10', FOLDS: '2', SEED: '7' };
  const environment = { BUCKET, DATASET, ...training };
  await define(
    'by-environment',
    ['chirpline', 'train'],
    Object.entries(environment).map(([name, value]) => ({ name, value })),
  );
  const { jobId = '' } = await batch.send(
    new SubmitJobCommand({
      jobName: 'folds',
      jobQueue: QUEUE,
      jobDefinition: 'by-environment',
      arrayProperties: { size: 2 },
    }),
  );
  const { status } = await waitForEnd(jobId);
  const logs = [0, 1].map((index) => readLog(`${jobId}:${index}`));
  assert.equal(status, 'SUCCEEDED', logs.join('\n'));
  for (const log of logs) assert.match(log, /TensorFlow 2\.\d+\.\d+ on CPU/);

  const keys = await listKeys(openModels());
  const configs = keys.filter((key) => key.endsWith('_config.json'));
  const folds: Record<string, number>[] = [];
  for (const key of configs) {
    const {
      fold,
      folds: of,
      seed,
      epochs,
    } = JSON.parse(new TextDecoder().decode(await openModels().read(key)));
    folds.push({ fold, of, seed, epochs });
    const run = key.replace(/^saved\/(.*)_config\.json$/, '$1');
    for (const name of [`${run}_weights.npz`, `${run}_metrics.json`, `plots/${run}_dashboard.png`]) {
      assert.ok(keys.includes(`saved/${name}`), `${name} is not among ${keys}`);
    }
  }
  const wanted = [0, 1].map((fold) => ({ fold, of: 2, seed: 7, epochs: 1 }));
  folds.sort((a, b) => a.fold! - b.fold!);
  assert.deepEqual(folds, wanted);
  assert.ok(keys.includes('saved/report.html'));
  assert.deepEqual(await listKeys(openCheckpoints()), []);
});

test('an invalid setting ends the job with code 2 and the name of the variable', async () => {
  const { jobId = '' } = await batch.send(
    new SubmitJobCommand({
      jobName: 'wrong',
      jobQueue: QUEUE,
      jobDefinition: 'by-environment',
      containerOverrides: { environment: [{ name: 'EPOCHS', value: '0' }] },
    }),
  );
  const { status, container } = await waitForEnd(jobId);
  assert.deepEqual([status, container?.exitCode], ['FAILED', 2]);
  assert.match(readLog(jobId), /EPOCHS is "0": needed: a whole number/);
});

test('a job whose host is reclaimed resumes in its next attempt; terminated, it ends with its container', async () => {
  const id = await submit([
    '--preset',
    'coherent',
    '--epochs',
    '1000',
    '--batch-size',
    '16',
    '--learning-rate',
    '1e-9',
    '--seed',
    '3',
  ]);
  await waitForLog(id, 1, /^epoch 1\/1000 .* val/m);
  await fetch(`${cloud?.env.AWS_ENDPOINT_URL_BATCH}/v1/reclaimhost`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jobId: id }),
  });
  await waitForLog(id, 2, /^resuming \S+ from its checkpoint in epoch \d+ after step \d+$/m);
  const { attempts = [] } = await describe(id);
  assert.deepEqual(
    attempts.map(({ container }) => container?.exitCode),
    [75],
  );

  const name = `chirpline-${id}-2`;
  const pid = podman('inspect', '--format', '{{.State.Pid}}', name).stdout.trim();
  assert.match(pid, /^[1-9]\d*$/);
  assert.ok(existsSync(`/proc/${pid}`));
  await batch.send(new TerminateJobCommand({ jobId: id, reason: 'enough' }));
  const { status, statusReason, container } = await waitForEnd(id, 30);
  assert.deepEqual([status, statusReason, container?.exitCode], ['FAILED', 'enough', 75], readLog(id, 2));
  const checkpoints = await listKeys(openCheckpoints());
  assert.ok(
    checkpoints.some((key) => key.endsWith('.npz')),
    `${checkpoints}`,
  );
  assert.ok(!existsSync(`/proc/${pid}`));
  assert.equal(podman('ps', '--all', '--quiet', '--filter', `name=${name}`).stdout, '');
});

test('the image trains without a network, without root and on a read-only disk, and contains no compiler', async () => {
  const models = join(folder, 'models');
  mkdirSync(models);
  await chmod(models, 0o777);
  const started = performance.now();
  const script =
    'id -u; for name in g++ python3 pip; do command -v $name; done; chirpline train /records /models';
  const { status, stdout, stderr } = run([
    ...(['podman', 'run', '--rm', '--network=none', '--read-only', '--tmpfs=/tmp'] as const),
    ...['-v', `${join(folder, 'records')}:/records:ro`, '-v', `${models}:/models`],
    ...['-e', 'PRESET=coherent', '-e', 'EPOCHS=1', '-e', 'BATCH_SIZE=16', IMAGE, 'sh', '-c', script],
  ]);
  assert.equal(status, 0, stderr);
  console.log(`a container's training took ${((performance.now() - started) / 1000).toFixed(1)} s`);
  assert.match(stdout, /^1000\nbest epoch/);
  assert.ok(readdirSync(join(models, 'saved')).includes('report.html'));
});
