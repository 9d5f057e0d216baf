import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BatchClient, type SubmitJobCommandInput } from '@aws-sdk/client-batch';
import { ECRClient } from '@aws-sdk/client-ecr';
import { Command } from 'commander';
import { createTrain, type TrainInput } from '../../functions/train.ts';
import type { AnswerRun } from '../../functions/waiting-run.ts';
import { type JobState, noteJobStatus } from '../../src/cloud/job-status.ts';
import { ConflictError, InputError, SettingError } from '../../src/core/errors.ts';
import { trainOptions } from '../../src/options/command-options.ts';
import { parseJobOptions, readJobOptions } from '../../src/options/job-options.ts';
import { METADATA_KEY, serializeMetadata } from '../../src/records/metadata.ts';
import { shardName } from '../../src/records/shard-names.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { answerBy } from '../support/answers.ts';
import { setEnvironment } from '../support/emulator.ts';
import { memoryDatasets } from './stores.ts';

const restore = setEnvironment({
  STAGE: 'dev',
  BUCKET: 'bucket',
  JOB_QUEUE: 'queue',
  JOB_DEFINITION: 'definition',
  TRAIN_OPTIONS: ' --epochs 7  --batch-size 16 ',
});
after(restore);

/** Writes the metadata of records. */
async function publish(records: ObjectStore, shards: number, version = '1'): Promise<void> {
  const hash = '0'.repeat(64);
  const metadata = serializeMetadata({
    ...{ n_samples: shards, n_failed: 0, signal_shape: [3, 4096], dtype: 'float16', dataset: 'tiny' },
    ...{ recipe: {}, recipe_hash: hash, psd_sha256: hash, labels_sha256: hash, plan_hash: hash },
    shards: Array.from({ length: shards }, (_, index) => ({
      ...{ name: shardName(index, shards), n_records: 1, bytes: 1, sha256: hash },
    })),
    software: { name: 'chirpline', version },
  });
  await records.write(METADATA_KEY, new TextEncoder().encode(metadata));
}

/** The function over a dataset `tiny` that has records, and what it sends to Batch. */
async function prepare() {
  const sent: SubmitJobCommandInput[] = [];
  /** Of the jobs that Batch knows. */
  const states = new Map<string, JobState>();
  const { client } = answerBy(new BatchClient({ region: 'us-east-1' }), {
    SubmitJob: (input: SubmitJobCommandInput) => {
      sent.push(input);
      return { jobId: 'job-1', jobName: 'name' };
    },
    DescribeJobs: ({ jobs: [jobId] }: { jobs: [string] }) => ({
      jobs: states.has(jobId) ? [{ jobId, status: states.get(jobId) }] : [],
    }),
  });
  const open = memoryDatasets();
  await publish(open('tiny').records, 1);
  const registry = answerBy(new ECRClient({ region: 'us-east-1' }), {
    DescribeImages: ({ imageIds: [image] }: { imageIds: [{ imageTag: string }] }) => {
      if (image.imageTag === PUSHED) return { imageDetails: [{ imageTags: [PUSHED] }] };
      throw Object.assign(new Error('not there'), { name: 'ImageNotFoundException' });
    },
  });
  const answers: Parameters<AnswerRun>[] = [];
  const train = createTrain(open, client, registry.client, async (...answer) => void answers.push(answer));
  const submit = async (input: TrainInput) => {
    await train(input);
    const { arrayProperties, containerOverrides, ...rest } = sent.at(-1)!;
    const { command = [], environment } = containerOverrides ?? {};
    return { command, environment, size: arrayProperties?.size, ...rest };
  };
  return { train, submit, sent, states, answers, open };
}

const PUSHED = '0.1.0-5c0d';
const REPOSITORY = '123456789012.dkr.ecr.eu-central-1.amazonaws.com/chirpline-dev-training';

test('a job whose image was not pushed is refused, since its host would start in vain', async (t) => {
  t.after(setEnvironment({ IMAGE: `${REPOSITORY}:0.1.0-later` }));
  const { submit, sent } = await prepare();
  await assert.rejects(
    submit({ dataset: 'tiny' }),
    new ConflictError(
      `stage dev: the training image ${REPOSITORY}:0.1.0-later was not pushed yet: npm run container:push -- --stage dev`,
    ),
  );
  assert.deepEqual(sent, []);
  process.env.IMAGE = `${REPOSITORY}:${PUSHED}`;
  assert.equal((await submit({ dataset: 'tiny' })).jobQueue, 'queue');
});

const PLACES = ['chirpline', 'train', 's3://bucket/records/tiny', 's3://bucket/models/tiny'];
const CHECKPOINTS = ['--checkpoints', 's3://bucket/checkpoints/tiny'];

test('a job trains the dataset with the options of the event, or else those of the stage', async () => {
  const { submit } = await prepare();
  const given = await submit({ dataset: 'tiny', options: ['--learning-rate', '1e-3', '--preset=coherent'] });
  assert.deepEqual(given.command, [
    ...PLACES,
    ...CHECKPOINTS,
    ...['--preset', 'coherent', '--learning-rate', '0.001'],
  ]);
  assert.deepEqual([given.jobQueue, given.jobDefinition, given.size], ['queue', 'definition', undefined]);
  assert.equal(given.environment, undefined);
  // The users' policy allows them to end jobs with these tags.
  assert.deepEqual(given.tags, { application: 'chirpline', stage: 'dev' });
  const stage = await submit({ dataset: 'tiny' });
  assert.deepEqual(stage.command.slice(6), ['--epochs', '7', '--batch-size', '16']);
});

test('folds become an array with one job per fold, and one fold becomes a single job', async () => {
  const { submit } = await prepare();
  const all = await submit({ dataset: 'tiny', options: ['--folds', '5'], taskToken: 'token' });
  assert.deepEqual([all.size, all.command.slice(6)], [5, ['--folds', '5']]);
  assert.deepEqual(all.environment, [{ name: 'TASK_TOKEN', value: 'token' }]);
  const one = await submit({ dataset: 'tiny', options: ['--folds', '5', '--fold', '3'] });
  assert.deepEqual([one.size, one.command.slice(6)], [undefined, ['--folds', '5', '--fold', '3']]);
  assert.equal((await submit({ dataset: 'tiny', options: ['--folds', '1'] })).size, undefined);
});

test('a job that starts over has its own place for checkpoints, which all its attempts use', async () => {
  const { submit } = await prepare();
  const place = async (...options: string[]) => {
    const { command } = await submit({ dataset: 'tiny', options });
    assert.deepEqual(command.slice(6), []);
    return command[5]!;
  };
  const fresh = await place('--fresh');
  assert.match(fresh, /^s3:\/\/bucket\/checkpoints\/tiny\/[0-9a-f-]{36}$/);
  assert.notEqual(await place('--fresh'), fresh);
  assert.equal(
    await place('--checkpoints', 's3://bucket/checkpoints/other'),
    's3://bucket/checkpoints/other',
  );
});

test('a run trains once on the same records, again after a failure, and a person as often as he likes', async () => {
  const { train, sent, states, answers, open } = await prepare();
  const { records, models } = open('tiny');
  // What isn't a job's doesn't stop the training.
  await models.write('jobs/notes.txt', new Uint8Array(1));
  const run = async (options?: string[]) => {
    const before = sent.length;
    const input = { dataset: 'tiny', taskToken: 'token', ...(options && { options }) };
    const { id } = await train(input);
    return sent.length > before ? 'submitted' : id;
  };
  /** What the events of the latest job make of its status. */
  const note = (job: string, state: JobState, fold?: number) =>
    noteJobStatus(models, {
      ...{ job, name: 'train-tiny', dataset: 'tiny', state, attempts: 0 },
      training: sent.at(-1)!.parameters!.training,
      ...(fold !== undefined && { fold }),
    });
  assert.equal(await run(), 'submitted');
  await note('one', 'FAILED');
  assert.equal(await run(), 'submitted');
  await note('two:1', 'SUCCEEDED', 1);
  assert.equal(await run(), 'submitted');
  await note('two', 'RUNNING');
  states.set('two', 'RUNNING');
  assert.equal(await run(), 'two');
  // The event of its end may be lost, and Batch forgets a job a week later.
  states.set('two', 'FAILED');
  assert.equal(await run(), 'submitted');
  states.delete('two');
  assert.equal(await run(), 'submitted');
  await note('two', 'SUCCEEDED');
  assert.equal(await run(), 'two');
  assert.deepEqual(answers, Array(2).fill(['token', { job: 'two', state: 'SUCCEEDED' }]));

  assert.equal(await run(['--epochs', '8']), 'submitted');
  const before = sent.length;
  await train({ dataset: 'tiny' });
  assert.equal(sent.length, before + 1);

  await publish(records, 1, 'another version of chirpline');
  assert.equal(await run(), 'two');
  await publish(records, 2);
  assert.equal(await run(), 'submitted');
});

test('options that the training does not accept are refused before a job is submitted', async () => {
  const { train, sent } = await prepare();
  const refused = (options: unknown, message: RegExp) =>
    assert.rejects(train({ dataset: 'tiny', options: options as string[] }), (error: unknown) => {
      assert.ok(error instanceof SettingError);
      assert.match(error.message, message);
      return true;
    });
  await refused(['--epochs', 'many'], /--epochs.*many.*a whole number/);
  await refused(['--colour', 'red'], /--colour/);
  await refused(['somewhere'], /too many arguments/);
  await refused('--epochs 3', /needed a list/);
  await refused(['--epochs', 3], /needed a list/);
  await refused(['--config', '/proc/self/environ'], /--config is .*needed a location in a bucket/);
  await refused(['--init', './w.npz'], /--init is .*needed a location in a bucket/);
  await assert.rejects(train({ dataset: 'nothing', options: [] }), ConflictError);
  await assert.rejects(train({ dataset: '../up', options: [] }), SettingError);
  assert.equal(sent.length, 0);
});

test('a config file is sent as options, without its fold when all folds are wanted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'chirpline-config-'));
  try {
    const file = join(folder, 'config.json');
    writeFileSync(
      file,
      JSON.stringify({ epochs: 3, learning_rate: 0.01, folds: 4, fold: 2, sign_flip: true }),
    );
    const read = (...words: string[]) => {
      const command = new Command();
      for (const option of trainOptions()) command.addOption(option);
      return readJobOptions(command.parse(['--config', file, ...words], { from: 'user' }));
    };
    assert.deepEqual(await read('--epochs', '5', '--note', '-x', '--device', 'gpu'), {
      options: [
        ...['--epochs', '5', '--learning-rate', '0.01', '--folds', '4', '--fold', '2', '--sign-flip', 'true'],
        ...['--device', 'gpu', '--note', '-x'],
      ],
    });
    const { options, folds } = await read('--folds', '5');
    assert.equal(folds, 5);
    assert.deepEqual(options, [...'--epochs 3 --learning-rate 0.01 --folds 5 --sign-flip true'.split(' ')]);
    writeFileSync(file, '{"epochs": "many"}');
    await assert.rejects(read(), InputError);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('parsed options are parsed again to the same options', async () => {
  const words = ['--preset', 'coherent', '--noise', '0.5', '--detector-swap', 'off', '--on-corrupt', 'skip'];
  const { options } = await parseJobOptions(words);
  assert.deepEqual((await parseJobOptions(options)).options, options);
  assert.deepEqual([...options].sort(), words.map((word) => (word === 'off' ? 'false' : word)).sort());
});
