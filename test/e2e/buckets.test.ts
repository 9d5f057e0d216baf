/** Tests of S3 and SQS without functions, on the emulator that CHIRPLINE_TEST_EMULATOR names. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { createCloud } from '../../infra/local/cloud.ts';
import { readEmulatorName } from '../../infra/local/emulators.ts';
import { countMessages, redriveMessages } from '../../src/cloud/dead-letters.ts';
import { uploadFolder } from '../../src/cloud/upload/uploader.ts';
import { MachineError, SettingError } from '../../src/core/errors.ts';
import { formatBytes } from '../../src/core/format-bytes.ts';
import { createTaskRunner } from '../../src/preprocess/chunk-task.ts';
import { finalizePlan } from '../../src/preprocess/finalize.ts';
import { readMetadataIfPresent } from '../../src/preprocess/state/publish.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import { openStore } from '../../src/storage/open.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { makeBucket } from '../storage/bucket.ts';
import { chirplineIn, chirplineWell } from '../support/command.ts';
import { type Dataset, writeDataset } from '../support/dataset.ts';
import { type Emulator, setEnvironment, startEmulator } from '../support/emulator.ts';
import { estimatePsd, needPlan, runWhole, SETTINGS } from '../support/steps.ts';

const SAMPLES = 60;

let folder: string;
let emulator: Emulator;
let restore: () => void;
let dataset: Dataset;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chirpline-buckets-'));
  const started = performance.now();
  emulator = await startEmulator();
  console.log(`emulator up in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  restore = setEnvironment(emulator.env);
  await makeBucket('data');
  dataset = await writeDataset(createFileStore(join(folder, 'raw')), SAMPLES);
});
after(async () => {
  restore();
  await emulator.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function readAll(store: ObjectStore): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for await (const { key } of store.list('')) {
    if (!key.startsWith('_work/')) all.set(key, Buffer.from(await store.read(key)).toString('base64'));
  }
  return all;
}

test('records made from bucket to bucket have the same bytes as those made from folder to folder', async () => {
  const raw = join(folder, 'raw');
  const { uploaded } = await uploadFolder(createFileStore(raw), openStore('s3://data/raw'));
  assert.equal(uploaded, SAMPLES);
  const options = ['--dataset', 'whole', '--shard-size', '24'];
  const started = performance.now();
  chirplineWell('preprocess', 's3://data/raw', 's3://data/records', ...options);
  console.log(`${SAMPLES} samples in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  chirplineWell('preprocess', raw, join(folder, 'records'), ...options);
  const made = await readAll(openStore('s3://data/records'));
  const wanted = await readAll(createFileStore(join(folder, 'records')));
  assert.deepEqual([...made.keys()], [...wanted.keys()]);
  for (const [key, bytes] of wanted) assert.ok(made.get(key) === bytes, key);
  assert.equal(made.size, 6);
});

test('a training on a bucket fetches its shards, writes the model to the bucket, and leaves no local files', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'chirpline-staging-'));
  t.after(() => rmSync(place, { recursive: true }));
  const train = (records: string, models: string) =>
    chirplineIn(
      { env: { ...process.env, TMPDIR: place } },
      ...['train', records, models, '--preset', 'coherent', '--epochs', '1', '--batch-size', '24'],
      ...['--device', 'cpu'],
    );
  const { status, stderr } = train('s3://data/records', 's3://data/models');
  assert.equal(status, 0, stderr);
  const { shards } = (await readMetadataIfPresent(openStore('s3://data/records')))!;
  const size = formatBytes(shards.reduce((sum, { bytes }) => sum + bytes, 0));
  assert.ok(
    stderr.includes(`fetching 3 shards (${size}) from s3://data/records/ while training starts`),
    stderr,
  );
  const made = await readAll(openStore('s3://data/models'));
  const kept = [...made.keys()].map((key) => key.replace(/coherent_\d{8}_\d{4}/, 'RUN'));
  assert.ok(kept.includes('saved/RUN_weights.npz') && kept.includes('saved/report.html'), kept.join());
  assert.deepEqual(
    kept.filter((key) => key.startsWith('checkpoints/')),
    [],
  );
  assert.deepEqual(readdirSync(place), []);

  const store = openStore('s3://data/records');
  const shard = await store.read('train-00002-of-00003.tfrecord');
  shard[1000]! ^= 1;
  await store.write('train-00002-of-00003.tfrecord', shard);
  const damaged = train('s3://data/records', 's3://data/other');
  assert.equal(damaged.status, 1, damaged.stderr);
  assert.match(damaged.stderr, /train-00002-of-00003\.tfrecord: found bytes with SHA-256/);
  assert.deepEqual(readdirSync(place), []);
});

test('an object in a bucket that is overwritten after the plan is left to the next plan', async () => {
  const stores = { raw: openStore('s3://data/raw'), records: openStore('s3://data/changed') };
  const settings = { ...SETTINGS, dataset: 'changed', shardSize: SAMPLES, psdSamples: 10 };
  const plan = await needPlan(stores, settings);
  await estimatePsd(stores, plan);
  const [one, other] = dataset.ids.map((id) => `train/${id[0]}/${id[1]}/${id[2]}/${id}.npy`);
  await stores.raw.write(one!, await stores.raw.read(other!));
  const task = { step: 'shard', plan: plan.id, index: 0 } as const;
  assert.deepEqual(await createTaskRunner(stores)(task), { done: SAMPLES - 1, rejected: 1 });
  assert.equal((await finalizePlan(stores, plan.id, 0)).again, true);
  assert.equal(await readMetadataIfPresent(stores.records), undefined);
  const { n_samples, n_failed, shards } = await runWhole(stores, settings, 0);
  assert.deepEqual([n_samples, n_failed, shards.length], [SAMPLES, 0, 2]);
});

test('an emulator is not started while another runs on its port, and an unknown emulator is refused', async () => {
  const running = readEmulatorName(process.env.CHIRPLINE_TEST_EMULATOR);
  const other = running === 'ministack' ? 'localstack' : 'ministack';
  const port = Number(new URL(emulator.endpoint).port);
  const settings = { folder, port, agentPort: port, runner: 'process', persist: false } as const;
  await assert.rejects(createCloud({ ...settings, emulator: other }).up(), (error: unknown) => {
    assert.ok(error instanceof MachineError);
    const use = running === 'localstack' ? '. Or use it: npm run local:up -- --attach' : '';
    const advice = `Stop it, or choose another port: --port PORT${use}`;
    assert.equal(error.message, `${running} is running on port ${port}. ${advice}`);
    return true;
  });
  assert.throws(() => readEmulatorName('motor'), SettingError);
});

test('dead letters are moved back to their queue', async () => {
  const client = new SQSClient({ useQueueUrlAsEndpoint: false });
  const make = async (QueueName: string) =>
    (await client.send(new CreateQueueCommand({ QueueName }))).QueueUrl!;
  const [from, to] = [await make('letters'), await make('work')];
  const bodies = Array.from({ length: 12 }, (_, i) => `message ${i}`);
  for (const MessageBody of bodies)
    await client.send(new SendMessageCommand({ QueueUrl: from, MessageBody }));
  assert.equal(await redriveMessages(client, from, to), 12);
  assert.deepEqual([await countMessages(client, from), await countMessages(client, to)], [0, 12]);
  const received: (string | undefined)[] = [];
  while (received.length < 12) {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({ QueueUrl: to, MaxNumberOfMessages: 10 }),
    );
    assert.notEqual(Messages.length, 0);
    received.push(...Messages.map(({ Body }) => Body));
  }
  assert.deepEqual(received.sort(), bodies.sort());
  client.destroy();
});
