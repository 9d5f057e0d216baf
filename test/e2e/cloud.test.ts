/** Tests of the whole deployed stage on the emulator, with the same template as on AWS. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DescribeJobsCommand } from '@aws-sdk/client-batch';
import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { locateDataset } from '../../src/cloud/dataset.ts';
import { countMessages, redriveMessages } from '../../src/cloud/dead-letters.ts';
import { requireTraining } from '../../src/cloud/deployed-stage.ts';
import type { JobStatus } from '../../src/cloud/job-status.ts';
import { isActive } from '../../src/cloud/jobs.ts';
import { restartRun } from '../../src/cloud/runs.ts';
import { createStatusReader } from '../../src/cloud/stage-status.ts';
import { submitTraining } from '../../src/cloud/training-job.ts';
import { uploadFolder } from '../../src/cloud/upload/uploader.ts';
import { type Plan, readPlan } from '../../src/preprocess/plan/plan.ts';
import { readManifest } from '../../src/preprocess/state/manifest.ts';
import { planPsdKey, shardListKey } from '../../src/preprocess/state/record-keys.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import { openStore } from '../../src/storage/open.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { s3Event } from '../functions/events.ts';
import { chirplineWell } from '../support/command.ts';
import { writeLabels } from '../support/dataset.ts';
import {
  batch,
  cloud,
  EMULATOR,
  endStage,
  findWorkers,
  folder,
  keyOf,
  LONG_WAIT,
  labelRows,
  open,
  raw,
  readMetadata,
  runsOf,
  SAMPLES,
  SHARD_SIZE,
  send,
  sfn,
  sqs,
  stage,
  startStage,
  uploadSome,
  waitFor,
  waitForJob,
  waitForRuns,
} from './stage.ts';

/**
 * On AWS a map fails when too many of its items fail; on LocalStack it doesn't. LocalStack is also much slower [ms].
 */
const { toleratesFailures, uploadLimit } = {
  ministack: { toleratesFailures: true, uploadLimit: 1_000 },
  localstack: { toleratesFailures: false, uploadLimit: 5_000 },
}[EMULATOR];

/** LocalStack is much slower [s]. */
const DEPLOY_LIMIT = { ministack: 30, localstack: 60 }[EMULATOR];
before(async () => {
  const deployed = await startStage();
  assert.ok(deployed < DEPLOY_LIMIT, `deployed in ${deployed} s`);
});
after(endStage);

async function readObject<T>(store: ObjectStore, key: string): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await store.read(key)));
}

async function readAll(store: ObjectStore): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for await (const { key } of store.list('')) {
    if (!key.startsWith('_work/')) all.set(key, Buffer.from(await store.read(key)).toString('base64'));
  }
  return all;
}

/** Peak memory of all environments of a function, from its logs [MB]. */
async function readPeakMemory(name: string): Promise<number> {
  const logs = new CloudWatchLogsClient({});
  const logGroupName = `/aws/lambda/chirpline-local-${name}`;
  const { events = [] } = await logs.send(new FilterLogEventsCommand({ logGroupName }));
  const peaks = events.flatMap(({ message = '' }) => /"peakMemoryMB":(\d+)/.exec(message)?.[1] ?? []);
  logs.destroy();
  return Math.max(...peaks.map(Number));
}

test('uploaded samples become records with the same bytes as those of the local runner', async () => {
  const { raw: to, records } = open('whole');
  const result = await uploadFolder(raw, to);
  assert.deepEqual([result.uploaded, result.labels], [SAMPLES, true]);
  const [run] = await waitForRuns('whole', 1);
  assert.equal(run?.state, 'SUCCEEDED', run?.reason);
  const seconds = (run.stopped!.getTime() - run.started.getTime()) / 1000;

  const local = join(folder, 'local');
  const started = performance.now();
  chirplineWell('preprocess', join(folder, 'raw'), local, '--dataset', 'whole', '--shard-size', SHARD_SIZE);
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

test('events that are delivered again start no run', async () => {
  const body = s3Event({ key: 'raw/twice/training_labels.csv', etag: 'x', sequencer: '1' });
  await uploadSome('twice', 24);
  await waitForRuns('twice', 1);
  for (let copy = 0; copy < 3; copy += 1) await send('labels', body);
  await waitForRuns('twice', 2);
  await send('labels', body);
  await sleep(1500);
  assert.equal((await runsOf('twice')).length, 2);
});

test('an object that arrives after the run is in the records within a second, and repeated events change nothing', async () => {
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
    `upload of 256 samples (25 MB, including the upload) -> shard and metadata: ${ms.toFixed(0)} ms`,
  );
  // Twice the goal, since the emulator shares the cores.
  assert.ok(ms < 2 * uploadLimit);
});

test('a poison message becomes a dead letter, other messages are processed, and redrive resends it', async () => {
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
    LONG_WAIT,
  );
  const status = await createStatusReader(stage).read();
  assert.deepEqual(status.deadLetters, [
    { queue: 'labels', messages: 0, resendable: true },
    { queue: 'objects', messages: 1, resendable: true },
    { queue: 'jobs', messages: 0, resendable: false },
  ]);
  assert.equal(await redriveMessages(sqs, deadLetters, url!), 1);
  assert.equal(await countMessages(sqs, deadLetters), 0);
});

/** Waits for a plan under way. */
function waitForPlan(records: ObjectStore): Promise<Plan> {
  return waitFor('the plan', async () => {
    const { plan } = await readManifest(records);
    return plan === undefined ? undefined : readPlan(records, plan);
  });
}

/** Breaks the lists of some chunks of the run that starts, so that these chunks fail. Returns a function that fixes them. */
async function spoil(dataset: string, ...shards: number[]): Promise<() => Promise<void>> {
  const { records } = open(dataset);
  const { id } = await waitForPlan(records);
  const lists = await Promise.all(
    shards.map(async (index) => {
      const key = shardListKey(id, index);
      const bytes = await records.read(key);
      await records.write(key, new Uint8Array([1, 2, 3]));
      return { key, bytes };
    }),
  );
  return async () => {
    for (const { key, bytes } of lists) await records.write(key, bytes);
  };
}

test('below the tolerated share of failed chunks the others are made, and redrive makes only the missing one', async () => {
  const { raw: to, records } = open('spoilt');
  await uploadFolder(raw, to);
  const fix = await spoil('spoilt', 1);
  const [run] = await waitForRuns('spoilt', 1);
  assert.equal(run?.state, 'FAILED');
  assert.match(run.reason ?? '', /1 of 3 shards of .* are missing \(1\)/);
  assert.equal(await records.head('metadata.json'), undefined);
  const kept = await records.head('train-00000-of-00003.tfrecord');
  assert.ok(kept);

  await fix();
  const name = await restartRun(sfn, stage.stateMachine, run);
  assert.ok(name);
  // AWS returns the active run, the emulators refuse the name: in both cases there is no third run.
  await restartRun(sfn, stage.stateMachine, run);
  const [again, , ...more] = await waitForRuns('spoilt', 2);
  assert.equal(more.length, 0);
  assert.equal(again?.state, 'SUCCEEDED', again?.reason);
  assert.deepEqual(await records.head('train-00000-of-00003.tfrecord'), kept);
  assert.equal((await readMetadata(records)).n_samples, SAMPLES);
});

test('above the tolerated share of failed chunks the run stops', async () => {
  const { raw: to } = open('spoilt-more');
  await uploadFolder(raw, to);
  await spoil('spoilt-more', 0, 2);
  const [run] = await waitForRuns('spoilt-more', 1);
  assert.equal(run?.state, 'FAILED');
  assert.match(
    run.reason ?? '',
    toleratesFailures ? /ExceedToleratedFailureThreshold/ : /2 of 3 shards of .* are missing \(0, 2\)/,
  );
});

test('two runs of one dataset at once: the second waits, and adds the samples that have arrived since', async () => {
  const { raw: to, records } = open('both');
  const rows = await labelRows();
  await uploadSome('both', 40);
  await waitForPlan(records);
  for (const [id] of rows.slice(40, 50)) await to.write(keyOf(id), await raw.read(keyOf(id)));
  await writeLabels(to, rows.slice(0, 50));
  const runs = await waitForRuns('both', 2, 120);
  assert.deepEqual(
    runs.map(({ state }) => state),
    ['SUCCEEDED', 'SUCCEEDED'],
  );
  const { n_samples, n_failed } = await readMetadata(records);
  assert.deepEqual([n_samples, n_failed], [50, 0]);
});

test('a function that is killed is retried, and the run succeeds', async () => {
  const { raw: to, records } = open('killed');
  await uploadFolder(raw, to);
  const pids = await waitFor('a function at work', async () => {
    const found = findWorkers('chirpline-local-shard');
    const { plan } = await readManifest(records);
    const started = plan !== undefined && (await records.head(planPsdKey(plan))) !== undefined;
    return started && found.length > 0 ? found : undefined;
  });
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  const [run] = await waitForRuns('killed', 1);
  assert.equal(run?.state, 'SUCCEEDED', run?.reason);
  assert.equal((await readMetadata(records)).n_samples, SAMPLES);
});

const submit = (dataset: string, ...options: string[]) =>
  submitTraining(
    batch,
    { stage: stage.name, bucket: stage.bucket, ...requireTraining(stage) },
    open(dataset).records,
    {
      dataset,
      options,
    },
  );

/** The output of a job's attempt. */
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

test('each fold is trained by its own job, and a job whose host is reclaimed resumes from its checkpoint', async () => {
  const config = join(folder, 'config.yaml');
  writeFileSync(config, 'preset: coherent\nepochs: 6\nbatch_size: 6\nseed: 9\n');
  const id = submitByCommand('--config', config, '--folds', '2');
  const [first, second] = [`${id}:0`, `${id}:1`];
  await waitForLine(first, 1, /^epoch 1\/6 .* val/m);
  const url = `${cloud.env.AWS_ENDPOINT_URL_BATCH}/v1/reclaimhost`;
  const headers = { 'content-type': 'application/json' };
  await fetch(url, { method: 'POST', headers, body: JSON.stringify({ jobId: first }) });
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
    /^resuming coherent_\d{8}_\d{4}\S* from its checkpoint in epoch \d+ after step/m,
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
      .map((key) => readObject<Record<string, number>>(models, key)),
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
      const read = await readObject<JobStatus>(models, `jobs/${of}.json`);
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

test('a training job that fails shows its exit code and output, and is not retried', async () => {
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
