/**
 * Tests of the commands on a deployed stage, on the emulator: with failed, active and training runs. All requests that functions,
 * jobs and commands send meanwhile are recorded, since the emulator allows everything; an independent evaluator then says whether
 * AWS would allow them by the roles of the template and the policies of infra/.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { CreateJobQueueCommand, SubmitJobCommand } from '@aws-sdk/client-batch';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { locateDataset } from '../../src/cloud/dataset.ts';
import { countMessages } from '../../src/cloud/dead-letters.ts';
import { requireTraining } from '../../src/cloud/deployed-stage.ts';
import { findJob, isActive, listJobs, stopJob } from '../../src/cloud/jobs.ts';
import type { Run } from '../../src/cloud/runs.ts';
import { createStatusReader } from '../../src/cloud/stage-status.ts';
import type { Finding } from '../../src/core/finding.ts';
import { readPlan } from '../../src/preprocess/plan/plan.ts';
import { readManifest } from '../../src/preprocess/state/manifest.ts';
import { decodeExample } from '../../src/records/example.ts';
import { readRecords } from '../../src/records/tfrecord.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { ROOT, TEMPLATE_FILE } from '../cloud/package.ts';
import { rolePolicies } from '../cloud/roles.ts';
import { s3Event } from '../functions/events.ts';
import { chirpline, chirplineIn, chirplineWell } from '../support/command.ts';
import { writeDataset, writeLabels } from '../support/dataset.ts';
import { setEnvironment } from '../support/emulator.ts';
import { folderForTests, scratch } from '../support/fixtures.ts';
import { refused } from '../support/iam.ts';
import { readPolicy } from '../support/own-policies.ts';
import { sitePackages } from '../support/python.ts';
import { readRequests } from '../support/recorded-requests.ts';
import {
  batch,
  cloud,
  deploy,
  EMULATOR,
  endStage,
  folder,
  hold,
  keyOf,
  labelRows,
  open,
  raw,
  readMetadata,
  runsOf,
  sqs,
  stage,
  startStage,
  uploadSome,
  waitFor,
  waitForJob,
  waitForRuns,
} from './stage.ts';

const { folder: notes, remove } = folderForTests();
const RECORDED = join(notes, 'requests.jsonl');
writeFileSync(RECORDED, '');
let restore: () => void;

before(async () => {
  // The emulator hands its environment on to functions, and the agent to jobs.
  restore = setEnvironment({
    RECORDED_REQUESTS: RECORDED,
    NODE_OPTIONS: `--import ${pathToFileURL(join(ROOT, 'test/support/recorder.mjs'))}`,
  });
  // cloud.test.ts starts LocalStack itself; here it is running before.
  await startStage({ attach: EMULATOR === 'localstack' });
});
after(async () => {
  await endStage();
  restore();
  remove();
});

/** Ids and labels in the shards listed in metadata.json, sorted by id. */
async function readLabels(records: ObjectStore): Promise<[string, number][]> {
  const rows: [string, number][] = [];
  for (const { name } of (await readMetadata(records)).shards) {
    for (const { data, offset } of readRecords(await records.read(name), name)) {
      const { id, label } = decodeExample(data, name, offset);
      rows.push([id ?? '', label]);
    }
  }
  return rows.sort(([a], [b]) => (a < b ? -1 : 1));
}

const redrive = () => JSON.parse(chirplineWell('redrive', '--stage', 'local', '--json'));

test('redrive resends dead letters and restarts failed runs, and skips datasets with an active run', async () => {
  const rows = await labelRows();
  const { raw: from, records: spoilt } = open('spoilt');
  const upload = (some: [string, number][]) =>
    Promise.all(some.map(async ([id]) => from.write(keyOf(id), await raw.read(keyOf(id)))));
  // More files are missing than a run tolerates.
  await upload(rows.slice(0, 10));
  await writeLabels(from, rows.slice(0, 40));
  const [failed] = await waitForRuns('spoilt', 1);
  assert.equal(failed?.state, 'FAILED');
  await upload(rows.slice(10, 40));
  const { deadLetters } = stage.queues.find(({ name }) => name === 'objects')!;
  const letter = s3Event({ key: `raw/spoilt/${keyOf(rows[0]![0])}` });
  await sqs.send(new SendMessageCommand({ QueueUrl: deadLetters, MessageBody: letter }));

  const { raw: to, records } = open('busy');
  const letGo = hold('chirpline-local-shard');
  let first: Run;
  try {
    await uploadSome('busy', 40);
    await waitFor('the average PSD', async () => {
      const { plan } = await readManifest(records);
      return plan === undefined ? undefined : records.head((await readPlan(records, plan)).psd);
    });
    first = (await runsOf('busy'))[0]!;
    // Labels of more samples: the run that they start waits for the active one.
    await writeLabels(to, rows.slice(0, 60));
    const isSecond = ({ name }: Run) => name !== first.name;
    await waitFor('the second run', async () => (await runsOf('busy')).find(isSecond));
    // Longer than all retries of a failing step.
    await sleep(6000);
    const second = (await runsOf('busy')).find(isSecond);
    assert.equal(second?.state, 'RUNNING', second?.reason);

    const { messages, runs, skipped } = redrive();
    assert.equal(messages, 1);
    assert.equal(await countMessages(sqs, deadLetters), 0);
    assert.deepEqual(
      (await runsOf('spoilt')).map(({ name }) => name),
      [runs[0], failed.name],
    );
    assert.equal(runs.length, 1);
    assert.deepEqual(
      skipped.map(({ dataset }: { dataset: string }) => dataset),
      ['busy', 'busy'],
    );
    const text = chirplineWell('redrive', '--stage', 'local');
    assert.match(text, /^0 dead letters resent, 0 runs started$/m);
    assert.match(text, new RegExp(`^busy was skipped: run ${first.name} is active$`, 'm'));
    assert.equal((await runsOf('busy')).length, 2);
    for (const [late] of rows.slice(40, 60)) await to.write(keyOf(late), await raw.read(keyOf(late)));
  } finally {
    letGo();
  }
  const [again] = await waitForRuns('spoilt', 2);
  assert.equal(again?.state, 'SUCCEEDED', again?.reason);
  assert.equal((await readMetadata(spoilt)).n_samples, 40);

  const runs = await waitForRuns('busy', 2, 120);
  assert.deepEqual(
    runs.map(({ state }) => state),
    ['SUCCEEDED', 'SUCCEEDED'],
  );
  await waitFor('the samples that came meanwhile', async () =>
    (await readMetadata(records)).n_samples === 60 ? true : undefined,
  );
  assert.deepEqual(await readLabels(records), rows.slice(0, 60));
  // On a busy machine the events of these samples become dead letters one after another, having waited for both runs.
  await waitFor('the last dead letter', async () => {
    const { messages, ...others } = redrive();
    assert.deepEqual(others, { runs: [], skipped: [] });
    return messages === 0 ? true : undefined;
  });
});

test("a job in another stage's queue is not cancelled, nor a run that has ended or does not exist", async () => {
  await batch.send(new CreateJobQueueCommand({ jobQueueName: 'chirpline-prod-training', priority: 1 }));
  const { jobId = '' } = await batch.send(
    new SubmitJobCommand({
      jobName: 'train-busy',
      jobQueue: 'chirpline-prod-training',
      jobDefinition: stage.training!.definition,
      containerOverrides: { command: ['sleep', '60'] },
    }),
  );
  const cancel = (id: string) => chirpline('cancel', id, '--stage', 'local');
  const refused = cancel(jobId);
  assert.equal(refused.status, 2);
  assert.equal(
    refused.stderr,
    `chirpline: job ${jobId} is of stage prod, not of stage local. Use --stage prod\n`,
  );
  const job = await findJob(batch, jobId);
  assert.ok(job !== undefined && isActive(job));
  await stopJob(batch, job);
  await waitForJob(jobId, (found) => !isActive(found));
  assert.match(cancel((await runsOf('busy'))[0]!.name).stderr, /has already ended: SUCCEEDED/);
  for (const id of ['none', 'none:3']) {
    assert.match(
      cancel(id).stderr,
      /^chirpline: stage local has no run or job none(:3)?: chirpline status --stage local lists them$/m,
    );
  }
});

test('a stage that trains after its runs waits for the job, and fails with it', async () => {
  await deploy({ CHIRPLINE_TRAIN_AFTER_RUN: 'true' });
  const few = join(folder, 'few');
  await writeDataset(createFileStore(few), 40);
  chirplineWell('upload', few, '--dataset', 'trained', '--pack', '16', '--stage', 'local');
  const [run] = await waitForRuns('trained', 1, 240);
  assert.equal(run?.state, 'SUCCEEDED', run?.reason);
  const { jobs } = await createStatusReader(stage).read();
  assert.deepEqual(
    jobs.filter(({ dataset }) => dataset === 'trained').map(({ state, ofRun }) => [state, ofRun]),
    [['SUCCEEDED', true]],
  );

  // The same upload again starts another run, which must not pay for the same training, even if the event of its end was lost.
  // LocalStack gives all events the same sequencer, so there the same labels start nothing.
  if (EMULATOR === 'ministack') {
    const { models } = open('trained');
    const note = `jobs/${jobs.find(({ dataset }) => dataset === 'trained')!.id}.json`;
    const noted = JSON.parse(new TextDecoder().decode(await models.read(note)));
    await models.write(note, Buffer.from(JSON.stringify({ ...noted, state: 'RUNNING' })));
    chirplineWell('upload', few, '--dataset', 'trained', '--pack', '16', '--stage', 'local');
    const [again] = await waitForRuns('trained', 2, 240);
    assert.equal(again?.state, 'SUCCEEDED', again?.reason);
    assert.equal((await listJobs(batch, stage.training!.queue, 10, 'trained')).length, 1);
  }

  // One sample can't be split into training and validation.
  await uploadSome('hopeless', 1);
  const [failed] = await waitForRuns('hopeless', 1, 240);
  assert.equal(failed?.state, 'FAILED');
});

test('a run that waits for its training job is cancelled together with it', async () => {
  await uploadSome('stopped', 40);
  const job = await waitFor('the training job', async () =>
    (await listJobs(batch, stage.training!.queue, 10, 'stopped')).find(({ state }) => state === 'RUNNING'),
  );
  const [run] = await runsOf('stopped');
  assert.deepEqual([job.ofRun, run?.state], [true, 'RUNNING']);
  const answer = chirplineWell('cancel', run!.name, '--stage', 'local', '--json');
  assert.deepEqual(JSON.parse(answer), { stopped: [`run ${run!.name}`, `job ${job.id}`] });
  const ended = await waitForJob(job.id, (found) => !isActive(found));
  assert.deepEqual([ended.state, ended.reason], ['FAILED', 'chirpline cancel']);
  const [after] = await waitForRuns('stopped', 1);
  // AWS and LocalStack abort the run. With ministack it fails because its job failed, see docs/local.md.
  assert.match(`${after?.state} ${after?.reason}`, /^(ABORTED|FAILED) .*chirpline cancel$/);
});

// Requests don't depend on the emulator, and LocalStack starts functions without our variables.
if (EMULATOR === 'ministack')
  test('all requests of functions, jobs and commands are allowed by their roles and policies', async () => {
    const options = ['--dataset', 'trained', '--stage', 'local'];
    const { id } = JSON.parse(chirplineWell('submit', ...options, '--epochs', '50', '--json'));
    chirplineWell('status', '--stage', 'local');
    chirplineWell('doctor', '--stage', 'local');
    chirplineWell('cancel', id, '--stage', 'local');

    const requests = readRequests(RECORDED);
    const template = JSON.parse(readFileSync(join(folder, 'cloud/package', TEMPLATE_FILE), 'utf8'));
    const policies = new Map([...rolePolicies(template), ['user', [readPolicy('user', 'local')]]]);
    // All roles but those of services: the state machine and the hosts.
    const expected = [...policies.keys()].filter((role) => role !== 'run' && role !== 'host');
    assert.deepEqual([...requests.keys()].sort(), expected.sort());
    for (const [role, sent] of requests) {
      assert.deepEqual(await refused(policies.get(role)!, sent), [], role);
      // Without policies nothing is.
      assert.notDeepEqual(await refused([], sent), [], role);
    }
    assert.ok(requests.get('train')!.some(({ action }) => action === 'batch:DescribeJobs'));
    const ofUser = new Set(requests.get('user')!.map(({ action }) => action));
    for (const action of [
      'cloudformation:DescribeStacks',
      's3:PutObject',
      'batch:SubmitJob',
      'batch:TerminateJob',
      'states:StartExecution',
      'sqs:SendMessage',
      'batch:DescribeJobQueues',
      'servicequotas:GetServiceQuota',
      'sns:ListSubscriptionsByTopic',
    ])
      assert.ok(ofUser.has(action), action);
  });
test('a job for the GPU fails at once where TensorFlow has none, says why, and is not tried again', async () => {
  const { records, models } = locateDataset(stage.bucket, 'spoilt');
  const { queue, definition } = requireTraining(stage);
  const { jobId } = await batch.send(
    new SubmitJobCommand({
      ...{ jobName: 'train-spoilt', jobQueue: queue, jobDefinition: definition },
      parameters: { dataset: 'spoilt' },
      containerOverrides: {
        command: ['chirpline', 'train', records, models, '--device', 'gpu'],
        // As in the image: no other is looked for, or downloaded. This one is for the CPU.
        environment: [{ name: 'CHIRPLINE_TENSORFLOW', value: join(sitePackages(), 'tensorflow') }],
      },
    }),
  );
  const ended = await waitForJob(jobId!, (job) => !isActive(job));
  assert.deepEqual([ended.state, ended.attempts, ended.exitCode], ['FAILED', 1, 3]);
  const { jobs } = await createStatusReader(stage).read('spoilt');
  const [line, ...more] = jobs.find(({ id }) => id === jobId)!.lastLines;
  assert.match(line!, /^chirpline: .* is built without CUDA, but device gpu was requested/);
  assert.deepEqual(more, []);
});

test('doctor tells what the emulator answers, and does not take what it lacks for an answer', () => {
  const answer = chirplineWell('doctor', '--stage', 'local', '--json');
  const findings = JSON.parse(answer) as Finding[];
  assert.deepEqual(
    findings.map(({ name, status }) => `${status} ${name}`),
    [
      'ok region',
      'ok stack',
      'unknown functions',
      'warn alarms',
      'unknown hosts',
      'unknown GPU quota',
      'unknown image',
    ],
  );
  for (const { name, detail } of findings.filter(({ status }) => status === 'unknown')) {
    const expected = name === 'image' ? /^the job agent chooses it$/ : /^not answered by this emulator \(/;
    assert.match(detail, expected, name);
  }
  const text = chirplineWell('doctor', '--stage', 'local');
  assert.match(text, /^unknown functions +not answered by this emulator/m);
  const other = chirpline('doctor', '--stage', 'other');
  assert.equal(other.status, 3);
  assert.match(other.stdout, /^missing stack +not deployed\n {8}npm run deploy -- --stage other$/m);
});

test('the commands give an error of one line when the cloud or a part of it is not running', (t) => {
  const status = (name: string, variables: NodeJS.ProcessEnv = {}) => {
    const ended = chirplineIn({ env: { ...process.env, ...variables } }, 'status', '--stage', name);
    assert.equal(ended.status, 3);
    return ended.stderr;
  };
  const closed = 'http://127.0.0.1:9';
  const noted = (note: object) => {
    const state = scratch(t);
    writeFileSync(join(state, 'stage.json'), JSON.stringify(note));
    return { CHIRPLINE_LOCAL: state };
  };
  const notUp =
    'chirpline: stage local: the emulator is not running. Start it: npm run local:up && npm run local:deploy\n';
  assert.equal(status('local', { CHIRPLINE_LOCAL: scratch(t) }), notUp);
  assert.equal(status('local', noted({ emulator: closed, agent: closed, agentForFunctions: closed })), notUp);
  assert.equal(
    status(
      'local',
      noted({ emulator: cloud.env.AWS_ENDPOINT_URL, agent: closed, agentForFunctions: closed }),
    ),
    'chirpline: stage local: the job agent is not running. Start it: npm run local:up\n',
  );
  assert.equal(
    status('other'),
    'chirpline: stage other is not deployed in us-east-1. Deploy it: npm run deploy -- --stage other\n',
  );
});
