/** The deployed stage, whole, on the emulator: what AWS would do with the same template. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BatchClient, DescribeJobsCommand } from '@aws-sdk/client-batch';
import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type Cloud, createCloud, ROOT } from '../../infra/local/cloud.ts';
import { readEmulatorName } from '../../infra/local/emulators.ts';
import { locateDataset } from '../../src/cloud/dataset.ts';
import { countMessages, redriveMessages } from '../../src/cloud/dead-letters.ts';
import type { JobStatus } from '../../src/cloud/job-status.ts';
import { findJob, isActive, type Job } from '../../src/cloud/jobs.ts';
import { listRuns, type Run, restartRun } from '../../src/cloud/runs.ts';
import { openStage, type Stage } from '../../src/cloud/stage.ts';
import { createStatusReader } from '../../src/cloud/status.ts';
import { submitTraining } from '../../src/cloud/training-job.ts';
import { uploadFolder } from '../../src/cloud/upload.ts';
import { readJson } from '../../src/pipeline/work.ts';
import { parseMetadata } from '../../src/records/metadata.ts';
import { createFileStore } from '../../src/storage/file.ts';
import { openStore } from '../../src/storage/open.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { s3Event } from '../functions/events.ts';
import { chirplineWell } from '../support/command.ts';
import { writeDataset, writeLabels } from '../support/dataset.ts';
import { findPort, setEnvironment } from '../support/emulator.ts';

const SAMPLES = 600;
const EMULATOR = readEmulatorName(process.env.CHIRPLINE_TEST_EMULATOR);
/**
 * What AWS does and LocalStack doesn't: a map ends as failed when too many of its items fail. And it is slower by far [ms].
 */
const { toleratesFailures, deployLimit, uploadLimit } = {
  ministack: { toleratesFailures: true, deployLimit: 30_000, uploadLimit: 1_000 },
  localstack: { toleratesFailures: false, deployLimit: 60_000, uploadLimit: 5_000 },
}[EMULATOR];

let folder: string;
let cloud: Cloud;
let stage: Stage;
let restore: () => void;
let sfn: SFNClient;
let sqs: SQSClient;
let batch: BatchClient;
let raw: ObjectStore;

before(async () => {
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
  cloud = createCloud({ ...settings, emulator: EMULATOR });
  restore = setEnvironment(cloud.env);
  await cloud.up();
  const started = performance.now();
  await cloud.deploy();
  const deployed = performance.now() - started;
  console.log(`deployed in ${(deployed / 1000).toFixed(1)} s`);
  assert.ok(deployed < deployLimit);
  stage = await openStage('local');
  sfn = new SFNClient({});
  sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
  batch = new BatchClient({});
  await writeDataset(raw, SAMPLES);
});
after(async () => {
  await cloud.down();
  restore();
  rmSync(folder, { recursive: true, force: true });
});

const open = (dataset: string) => {
  const { raw, records, models } = locateDataset(stage.bucket, dataset);
  return { raw: openStore(raw), records: openStore(records), models: openStore(models) };
};

async function runsOf(dataset: string): Promise<Run[]> {
  return (await listRuns(sfn, stage.stateMachine, 100)).filter((run) => run.dataset === dataset);
}

/** Waits until the dataset has so many runs and all have ended; the latest is first. */
async function waitForRuns(dataset: string, count: number, seconds = 60): Promise<Run[]> {
  for (let tries = 0; tries < seconds * 10; tries += 1) {
    const runs = await runsOf(dataset);
    if (runs.length >= count && runs.every(({ state }) => state !== 'RUNNING')) return runs;
    await sleep(100);
  }
  throw new Error(`${dataset}: ${JSON.stringify(await runsOf(dataset))}`);
}

async function waitFor<T>(what: string, look: () => Promise<T | undefined>, seconds = 60): Promise<T> {
  for (let tries = 0; tries < seconds * 20; tries += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(50);
  }
  throw new Error(`waited ${seconds} s for ${what}`);
}

async function readMetadata(records: ObjectStore) {
  return parseMetadata(new TextDecoder().decode(await records.read('metadata.json')), 'metadata.json');
}

async function readAll(store: ObjectStore): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for await (const { key } of store.list('')) {
    if (!key.startsWith('_work/')) all.set(key, Buffer.from(await store.read(key)).toString('base64'));
  }
  return all;
}

/** The most that one of the function's environments has logged [MB]. */
async function readPeakMemory(name: string): Promise<number> {
  const logs = new CloudWatchLogsClient({});
  const logGroupName = `/aws/lambda/chirpline-local-${name}`;
  const { events = [] } = await logs.send(new FilterLogEventsCommand({ logGroupName }));
  const peaks = events.flatMap(({ message = '' }) => /"peakMemoryMB":(\d+)/.exec(message)?.[1] ?? []);
  logs.destroy();
  return Math.max(...peaks.map(Number));
}

/** Samples of a dataset of its own name: the first so many, with their labels. */
async function uploadSome(dataset: string, count: number): Promise<void> {
  const rows = await labelRows();
  const to = open(dataset).raw;
  await Promise.all(rows.slice(0, count).map(async ([id]) => to.write(keyOf(id), await raw.read(keyOf(id)))));
  await writeLabels(to, rows.slice(0, count));
}

const keyOf = (id: string) => `train/${id[0]}/${id[1]}/${id[2]}/${id}.npy`;

async function labelRows(): Promise<[string, number][]> {
  const text = new TextDecoder().decode(await raw.read('training_labels.csv'));
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => [line.split(',')[0]!, Number(line.split(',')[1])]);
}

async function send(queue: string, body: string): Promise<void> {
  const { url } = stage.queues.find(({ name }) => name === queue)!;
  await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: body }));
}

test('uploaded samples become records that are byte for byte those of the local runner', async () => {
  const { raw: to, records } = open('whole');
  const result = await uploadFolder(raw, to);
  assert.deepEqual([result.uploaded, result.labels], [SAMPLES, true]);
  const [run] = await waitForRuns('whole', 1);
  assert.equal(run?.state, 'SUCCEEDED', run?.reason);
  const seconds = (run.stopped!.getTime() - run.started.getTime()) / 1000;

  const local = join(folder, 'local');
  const started = performance.now();
  chirplineWell('preprocess', join(folder, 'raw'), local, '--dataset', 'whole', '--shard-size', '256');
  console.log(
    `state machine ${seconds.toFixed(1)} s, local runner ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  const peak = await readPeakMemory('shard');
  console.log(`memory of a function that makes shards: ${peak} MB`);
  assert.ok(peak > 50 && peak < 512);
  const [made, wanted] = [await readAll(records), await readAll(createFileStore(local))];
  assert.deepEqual([...made.keys()], [...wanted.keys()]);
  for (const [key, bytes] of wanted) assert.ok(made.get(key) === bytes, key);
  assert.equal(made.size, 6);
});

test('events that are delivered again start nothing, whichever they are', async () => {
  const body = s3Event({ key: 'raw/twice/training_labels.csv', etag: 'x', sequencer: '1' });
  await uploadSome('twice', 40);
  await waitForRuns('twice', 1);
  for (let copy = 0; copy < 3; copy += 1) await send('labels', body);
  await waitForRuns('twice', 2);
  await send('labels', body);
  await sleep(1500);
  assert.equal((await runsOf('twice')).length, 2);
});

test('an object that comes after the run is in the records within a second, and its events after that change nothing', async () => {
  const { raw: to, records } = open('late');
  const rows = await labelRows();
  await uploadSome('late', 40);
  await waitForRuns('late', 1);
  await writeLabels(to, rows.slice(0, 60));
  await waitForRuns('late', 2);
  const add = async (index: number, samples: number) => {
    const started = performance.now();
    const key = keyOf(rows[index]![0]);
    await to.write(key, await raw.read(key));
    await waitFor('the added shard', async () =>
      (await readMetadata(records)).n_samples === samples ? true : undefined,
    );
    return performance.now() - started;
  };
  await add(40, 41);
  const times = [await add(41, 42), await add(42, 43), await add(43, 44)];
  console.log(`upload of a sample -> shard and metadata: ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`);
  assert.ok(Math.min(...times) < uploadLimit);
  const before = await records.head('metadata.json');
  await send(
    'objects',
    s3Event({ key: `raw/late/${keyOf(rows[41]![0])}` }, { key: `raw/late/${keyOf(rows[0]![0])}` }),
  );
  await sleep(1000);
  assert.deepEqual(await records.head('metadata.json'), before);
});

test('a stack of 256 samples becomes a shard within a second', async () => {
  const { raw: to, records } = open('late');
  const rows = await labelRows();
  const stack = rows.slice(100, 356);
  await writeLabels(to, [...rows.slice(0, 60), ...stack]);
  await waitForRuns('late', 3);
  const { encodeNpy } = await import('../../src/numpy/npy.ts');
  const { readSamples } = await import('../../src/raw/samples.ts');
  const data = new Float64Array(256 * 3 * 4096);
  let row = 0;
  for await (const { strain } of readSamples(
    raw,
    stack.map(([id]) => ({ kind: 'npy' as const, id, key: keyOf(id) })),
  )) {
    data.set(strain!, row * 3 * 4096);
    row += 1;
  }
  await to.write('more.ids.txt', new TextEncoder().encode(stack.map(([id]) => `${id}\n`).join('')));
  const started = performance.now();
  await to.write('more.npy', encodeNpy({ dtype: '<f8', shape: [256, 3, 4096], data }));
  await waitFor('the added shard', async () =>
    (await readMetadata(records)).n_samples === 300 ? true : undefined,
  );
  const ms = performance.now() - started;
  console.log(
    `upload of 256 samples (25 MB, the upload included) -> shard and metadata: ${ms.toFixed(0)} ms`,
  );
  // Twice the aim, since other tests' processes share the cores.
  assert.ok(ms < 2 * uploadLimit);
});

test('a poison message ends among the dead letters, its neighbours are dealt with, and redrive sends it again', async () => {
  const { deadLetters, url } = stage.queues.find(({ name }) => name === 'objects')!;
  const rows = await labelRows();
  const { raw: to, records } = open('late');
  const before = (await readMetadata(records)).n_samples;
  await Promise.all([
    send('objects', 'poison'),
    raw.read(keyOf(rows[50]![0])).then((bytes) => to.write(keyOf(rows[50]![0]), bytes)),
  ]);
  await waitFor('the neighbour', async () =>
    (await readMetadata(records)).n_samples === before + 1 ? true : undefined,
  );
  await waitFor(
    'the dead letter',
    async () => ((await countMessages(sqs, deadLetters)) === 1 ? true : undefined),
    60,
  );
  const status = await createStatusReader(stage).read();
  assert.deepEqual(status.deadLetters, [
    { queue: 'labels', messages: 0 },
    { queue: 'objects', messages: 1 },
  ]);
  assert.equal(await redriveMessages(sqs, deadLetters, url), 1);
  assert.equal(await countMessages(sqs, deadLetters), 0);
});

/** Puts foreign bytes where shards are to be written: their chunks fail for good. */
async function spoil(dataset: string, ...shards: number[]): Promise<void> {
  for (const index of shards) {
    await open(dataset).records.write(`train-0000${index}-of-00003.tfrecord`, new Uint8Array([1, 2, 3]));
  }
}

test('below the tolerated share of failed chunks the others are made, and redrive makes the missing one alone', async () => {
  const { raw: to, records } = open('spoilt');
  await spoil('spoilt', 1);
  await uploadFolder(raw, to);
  const [run] = await waitForRuns('spoilt', 1);
  assert.equal(run?.state, 'FAILED');
  assert.match(run.reason ?? '', /1 of 3 shards of .* are missing \(1\)/);
  assert.equal(await records.head('metadata.json'), undefined);
  const kept = await records.head('train-00000-of-00003.tfrecord');

  await records.remove('train-00001-of-00003.tfrecord');
  const name = await restartRun(sfn, stage.stateMachine, run);
  assert.ok(name);
  // AWS answers the same for a run that is on, others refuse the name: either way there is no third run.
  await restartRun(sfn, stage.stateMachine, run);
  const [again, , ...more] = await waitForRuns('spoilt', 2);
  assert.equal(more.length, 0);
  assert.equal(again?.state, 'SUCCEEDED', again?.reason);
  assert.deepEqual(await records.head('train-00000-of-00003.tfrecord'), kept);
  assert.equal((await readMetadata(records)).n_samples, SAMPLES);
});

test('beyond the tolerated share the run stops there', async () => {
  const { raw: to } = open('spoilt-more');
  await spoil('spoilt-more', 0, 2);
  await uploadFolder(raw, to);
  const [run] = await waitForRuns('spoilt-more', 1);
  assert.equal(run?.state, 'FAILED');
  assert.match(
    run.reason ?? '',
    toleratesFailures ? /ExceedToleratedFailureThreshold/ : /2 of 3 shards of .* are missing \(0, 2\)/,
  );
});

test('a function that is killed in the middle is called again, and nothing shows of it', async () => {
  const { raw: to, records } = open('killed');
  await uploadFolder(raw, to);
  const pids = await waitFor('a function at work', async () => {
    const found = findWorkers('chirpline-local-shard');
    const started = (await records.head('avg_psd.npz')) !== undefined;
    return started && found.length > 0 ? found : undefined;
  });
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  const [run] = await waitForRuns('killed', 1);
  assert.equal(run?.state, 'SUCCEEDED', run?.reason);
  assert.equal((await readMetadata(records)).n_samples, SAMPLES);
});

/** Processes of the emulator in which a function lives, by the name in their environment. */
function findWorkers(name: string): number[] {
  const port = new URL(cloud.env.AWS_ENDPOINT_URL!).port;
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      const environment = readEnvironment(pid);
      return environment.includes(`AWS_LAMBDA_FUNCTION_NAME=${name}\0`) && environment.includes(`:${port}\0`);
    });
}

function readEnvironment(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    // It has ended, or isn't ours.
    return '';
  }
}

async function waitForJob(id: string, wanted: (job: Job) => boolean): Promise<Job> {
  return waitFor(
    `job ${id}`,
    async () => {
      const job = await findJob(batch, id);
      return job !== undefined && wanted(job) ? job : undefined;
    },
    120,
  );
}

const submit = (dataset: string, ...options: string[]) =>
  submitTraining(
    batch,
    { bucket: stage.bucket, queue: stage.trainingQueue, definition: stage.trainingJob },
    open(dataset).records,
    { dataset, options },
  );

/** What an attempt of a job has printed. */
function readLog(id: string, attempt: number): string {
  const file = join(folder, 'cloud/agent/logs', `${id.replace(':', '-')}-${attempt}.log`);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

async function waitForLine(id: string, attempt: number, line: RegExp): Promise<void> {
  const printed = () => readLog(id, attempt);
  await waitFor(`${line} in the log of ${id}`, async () => line.test(printed()) || undefined);
}

async function listKeys(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  return keys;
}

function submitByCommand(...options: string[]): string {
  const answer = chirplineWell('submit', '--stage', 'local', '--dataset', 'twice', '--json', ...options);
  return JSON.parse(answer).id;
}

test('each fold is trained by a job of its own, and one whose host is reclaimed goes on from its checkpoint', async () => {
  const config = join(folder, 'config.yaml');
  writeFileSync(config, 'epochs: 6\nbatch_size: 10\nseed: 9\n');
  const id = submitByCommand('--config', config, '--folds', '2');
  const [first, second] = [`${id}:0`, `${id}:1`];
  await waitForLine(first, 1, /^epoch 1\/6 .* val/m);
  const url = `${cloud.env.AWS_ENDPOINT_URL_BATCH}/v1/reclaimhost`;
  await fetch(url, { method: 'POST', body: JSON.stringify({ jobId: first }) });
  const reader = createStatusReader(stage);
  const shown = await waitFor('the second attempt in the status', async () => {
    const job = (await reader.read('twice')).jobs.find((found) => found.id === id);
    const part = job?.parts?.[0];
    return part?.attempts === 1 && part.state === 'RUNNING' && part.lastLines.length > 0 ? job : undefined;
  });
  assert.deepEqual(shown.folds, { total: 2, states: { RUNNING: 1, RUNNABLE: 1 } });
  await waitForLine(
    first,
    2,
    /^going on with diy_\d{8}_\d{4}\S* from its checkpoint in epoch \d+ after step/m,
  );
  const checkpoints = openStore(locateDataset(stage.bucket, 'twice').checkpoints);
  assert.match((await listKeys(checkpoints)).join('\n'), /^[0-9a-f]{12}\/\d{6}-\d{8}\.npz$/m);

  const job = await waitForJob(id, (found) => !isActive(found));
  assert.deepEqual([job.state, job.folds?.states], ['SUCCEEDED', { SUCCEEDED: 2 }]);
  const { attempts = [] } = (await batch.send(new DescribeJobsCommand({ jobs: [first] }))).jobs![0]!;
  assert.deepEqual(
    attempts.map(({ container }) => container?.exitCode),
    [75, 0],
  );
  const { models } = open('twice');
  const keys = await listKeys(models);
  const configs = await Promise.all(
    keys
      .filter((key) => key.endsWith('_config.json'))
      .map((key) => readJson<Record<string, number>>(models, key)),
  );
  assert.deepEqual(configs.map(({ fold, folds, epochs, seed }) => [fold, folds, epochs, seed]).sort(), [
    [0, 2, 6, 9],
    [1, 2, 6, 9],
  ]);
  for (const name of ['weights.npz', 'metrics.json']) {
    assert.equal(keys.filter((key) => key.startsWith('saved/') && key.endsWith(name)).length, 2, name);
  }
  assert.deepEqual(await listKeys(checkpoints), []);
  for (const [of, tries] of [
    [first, 2],
    [second, 1],
  ] as const) {
    const status = await waitFor(`the status object of ${of}`, async () => {
      const read = await readJson<JobStatus>(models, `jobs/${of}.json`);
      return read.state === 'SUCCEEDED' ? read : undefined;
    });
    assert.deepEqual([status.dataset, status.attempts, status.exitCode], ['twice', tries, 0]);
  }
});

test('an array of folds is cancelled as a whole', async () => {
  const id = submitByCommand('--epochs', '1000', '--folds', '3');
  await waitForJob(`${id}:0`, ({ state }) => state === 'RUNNING');
  assert.match(chirplineWell('cancel', id, '--stage', 'local'), new RegExp(`stopped job ${id}`));
  const job = await waitForJob(id, (found) => !isActive(found));
  assert.deepEqual([job.state, job.reason, job.folds?.states], ['FAILED', 'chirpline cancel', { FAILED: 3 }]);
});

test('a training job that fails shows its exit code and what it printed, and is not tried again', async () => {
  const { id } = await submit('late', '--epochs', 'many');
  const job = await waitForJob(id, (found) => !isActive(found));
  assert.deepEqual([job.state, job.attempts, job.exitCode], ['FAILED', 1, 2]);
  const { jobs } = await createStatusReader(stage).read();
  assert.match(jobs.find((shown) => shown.id === id)?.lastLines.join('\n') ?? '', /--epochs/);
});

test('a dataset that is not preprocessed cannot be trained on', async () => {
  await assert.rejects(submit('nothing'), { name: 'ConflictError' });
  await assert.rejects(async () => submit('../up'), { name: 'SettingError' });
});

test('a stage that trains after its runs waits for the job, and fails with it', async () => {
  await cloud.deploy({ CHIRPLINE_TRAIN_AFTER_RUN: 'true' });
  await uploadSome('trained', 64);
  const [run] = await waitForRuns('trained', 1, 120);
  assert.equal(run?.state, 'SUCCEEDED', run?.reason);
  const { jobs } = await createStatusReader(stage).read();
  assert.deepEqual(
    jobs.filter(({ dataset }) => dataset === 'trained').map(({ state, ofRun }) => [state, ofRun]),
    [['SUCCEEDED', true]],
  );

  // One sample can't be split into training and validation.
  await uploadSome('hopeless', 1);
  const [failed] = await waitForRuns('hopeless', 1, 120);
  assert.equal(failed?.state, 'FAILED');
});

test('the commands say in one line what is wrong when the cloud is not there', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(ROOT, 'dist/cli/main.js'), ...args], {
      encoding: 'utf8',
      env: {
        ...process.env,
        AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
        AWS_ENDPOINT_URL_BATCH: 'http://127.0.0.1:9',
      },
    });
  const absent = run('status', '--stage', 'local');
  assert.deepEqual(
    [absent.status, absent.stderr],
    [
      3,
      'chirpline: stage local: the emulator is not running. Start it: npm run local:up && npm run local:deploy\n',
    ],
  );
  const undeployed = spawnSync(
    process.execPath,
    [join(ROOT, 'dist/cli/main.js'), 'status', '--stage', 'other'],
    { encoding: 'utf8' },
  );
  assert.deepEqual(
    [undeployed.status, undeployed.stderr],
    [3, 'chirpline: stage other is not deployed. Deploy it: npx serverless deploy --stage other\n'],
  );
});
