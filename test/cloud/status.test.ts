import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeStatus } from '../../src/cli/status.ts';
import { explainCloudError } from '../../src/cloud/errors.ts';
import type { JobView, StageStatus } from '../../src/cloud/status.ts';
import { MachineError } from '../../src/errors.ts';

const at = (seconds: number) => new Date(seconds * 1000);
const NOTHING: StageStatus = { runs: [], jobs: [], deadLetters: [{ queue: 'labels', messages: 0 }] };

test('a run shows its state and how far it has come, a failed one why', () => {
  const text = describeStatus(
    {
      ...NOTHING,
      runs: [
        {
          name: 'g2net-1',
          execution: 'arn',
          dataset: 'g2net',
          state: 'RUNNING',
          started: at(0),
          progress: { psdChunks: { done: 79, total: 79 }, shards: { done: 12, total: 547 } },
        },
        {
          name: 'g2net-0',
          execution: 'arn',
          dataset: 'g2net',
          state: 'FAILED',
          started: at(0),
          stopped: at(5),
          reason: 'InputError: no labels',
        },
      ],
    },
    'dev',
    65_000,
  );
  assert.deepEqual(text.split('\n'), [
    'run g2net-1  g2net  RUNNING  1:05',
    '    PSD 79/79 chunks, 12/547 shards',
    'run g2net-0  g2net  FAILED  5 s',
    '    InputError: no labels',
  ]);
});

const JOB = {
  id: 'j',
  name: 'train-g2net',
  dataset: 'g2net',
  state: 'RUNNABLE',
  attempts: 0,
  created: at(0),
  ofRun: false,
  lastLines: [],
};

test('an array job shows how its folds stand, and those that are at work or in trouble one by one', () => {
  const part = (fold: number, fields: Partial<JobView>) => ({ ...JOB, id: `j:${fold}`, fold, ...fields });
  const text = describeStatus(
    {
      ...NOTHING,
      jobs: [
        {
          ...JOB,
          state: 'PENDING',
          folds: { total: 5, states: { SUCCEEDED: 1, RUNNING: 1, FAILED: 1, RUNNABLE: 2, STARTING: 0 } },
          parts: [
            part(0, { state: 'SUCCEEDED', exitCode: 0, attempts: 1 }),
            part(1, {
              state: 'FAILED',
              exitCode: 2,
              attempts: 1,
              stopped: at(9),
              reason: 'exited',
              lastLines: ['no'],
            }),
            part(2, {
              state: 'RUNNING',
              started: at(60),
              attempts: 2,
              lastLines: ['epoch 3/5', 'epoch 4/5'],
            }),
            part(3, {}),
            part(4, {}),
          ],
        },
      ],
    },
    'dev',
    125_000,
  );
  assert.deepEqual(text.split('\n'), [
    'job j  train-g2net  g2net  PENDING  2:05  5 folds: 1 SUCCEEDED, 1 RUNNING, 1 FAILED, 2 RUNNABLE',
    '    fold 1  FAILED  9 s  exit code 2',
    '        exited',
    '        | no',
    '    fold 2  RUNNING  1:05  2 attempts',
    '        | epoch 3/5',
    '        | epoch 4/5',
  ]);
});

test("a job that never starts is shown as waiting, with AWS's reason when it gives one", () => {
  const show = (reason?: string) =>
    describeStatus(
      { ...NOTHING, jobs: [{ ...JOB, ...(reason !== undefined && { reason }) }] },
      'dev',
      7_200_000,
    );
  assert.match(show(), /RUNNABLE {2}2:00:00\n {4}waits for a host$/);
  assert.match(
    show('MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT'),
    /\n {4}MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT$/,
  );
});

test('dead letters are shown with what to do, and an empty stage says so', () => {
  assert.equal(describeStatus(NOTHING, 'dev'), 'stage dev: no runs and no jobs yet');
  const text = describeStatus({ ...NOTHING, deadLetters: [{ queue: 'objects', messages: 2 }] }, 'dev');
  assert.match(text, /2 dead letters of the objects queue: chirpline redrive/);
});

test('what AWS or the way there answers becomes an answer of ours; a bug stays one', () => {
  const named = (name: string, fields: object = {}) => Object.assign(new Error('text'), { name, ...fields });
  const cases: [Error, RegExp][] = [
    [named('CredentialsProviderError'), /no AWS credentials found/],
    [named('AccessDeniedException', { $metadata: {} }), /deployer-policy/],
    [named('Error', { code: 'ECONNREFUSED' }), /the emulator is not running/],
    [named('ThrottlingException', { $metadata: {} }), /AWS answered ThrottlingException: text/],
  ];
  for (const [error, message] of cases) {
    const explained = explainCloudError(error, 'local');
    assert.ok(explained instanceof MachineError);
    assert.match(explained.message, message);
  }
  const bug = new TypeError('x is undefined');
  assert.equal(explainCloudError(bug, 'local'), bug);
});
