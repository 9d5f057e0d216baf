import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SFNClient } from '@aws-sdk/client-sfn';
import { datasetOfExecution, executionName } from '../../src/cloud/executions.ts';
import { findRun, listRuns } from '../../src/cloud/runs.ts';

import { findUnfinished } from '../../src/cloud/unfinished.ts';

import { answerBy } from '../support/answers.ts';

const MACHINE = 'arn:aws:states:eu-central-1:123456789012:stateMachine:chirpline-dev';
const RUN = 'arn:aws:states:eu-central-1:123456789012:execution:chirpline-dev';

interface Execution {
  dataset: string;
  name: string;
  status: string;
  cause?: string;
}

let cause = 0;
const execution = (dataset: string, status: string, more: Partial<Execution> = {}): Execution => {
  cause += 1;
  return { dataset, status, name: executionName(dataset, `upload ${cause}`), ...more };
};

/** A client that knows these executions, oldest first. */
function answerFor(executions: Execution[]) {
  const started = (at: number) => new Date(at * 1000);
  return answerBy(new SFNClient({ region: 'eu-central-1' }), {
    ListExecutions({ maxResults = 100, nextToken = '0' }: { maxResults?: number; nextToken?: string }) {
      const from = Number(nextToken);
      const end = from + maxResults;
      return {
        executions: executions
          .map(({ name, status }, index) => {
            return { name, status, executionArn: `${RUN}:${name}`, startDate: started(index) };
          })
          .reverse()
          .slice(from, end),
        ...(end < executions.length && { nextToken: String(end) }),
      };
    },
    DescribeExecution({ executionArn }: { executionArn: string }) {
      const index = executions.findIndex(({ name }) => executionArn === `${RUN}:${name}`);
      const found = executions[index];
      if (found === undefined)
        throw Object.assign(new Error('does not exist'), { name: 'ExecutionDoesNotExist' });
      const { name, status, dataset, cause } = found;
      const failure = cause === undefined ? {} : { error: 'ConflictError', cause };
      return { name, status, startDate: started(index), input: JSON.stringify({ dataset }), ...failure };
    },
  });
}

const others = (count: number) => Array.from({ length: count }, () => execution('other', 'SUCCEEDED'));

test('the name of an execution contains its dataset, except for one started by hand', () => {
  const longest = `a${'-._B'.repeat(15)}9zz`;
  for (const dataset of ['g2net', 'a', longest, 'g-0123456789ab']) {
    assert.equal(datasetOfExecution(executionName(dataset, 'cause')), dataset);
  }
  for (const name of ['a1b2c3d4-1111-2222-3333-0123456789ab', 'by-hand', 'g2net-0123456789AB']) {
    assert.equal(datasetOfExecution(name), undefined, name);
  }
});

test("a dataset's latest runs are found after a thousand newer runs of others, without describing those", async () => {
  const [first, byHand, last] = [
    execution('g2net', 'SUCCEEDED'),
    execution('g2net', 'SUCCEEDED', { name: 'a1b2c3d4-1111-2222-3333-0123456789ab' }),
    execution('g2net', 'RUNNING'),
  ];
  const { client, sent } = answerFor([first, byHand, last, ...others(1200)]);
  const runs = await listRuns(client, MACHINE, 10, 'g2net');
  assert.deepEqual(
    runs.map(({ name }) => name),
    [last.name, byHand.name, first.name],
  );
  assert.equal(sent.filter(({ command }) => command === 'DescribeExecution').length, 3);
  assert.equal((await listRuns(client, MACHINE, 2, 'g2net')).length, 2);
  assert.equal((await listRuns(client, MACHINE, 10)).length, 10);
});

test('the number of pages of executions is limited', async () => {
  const { client, sent } = answerFor(others(20_000));
  assert.deepEqual(await listRuns(client, MACHINE, 10, 'g2net'), []);
  assert.equal(sent.length, 10);
});

test('a run is found by its name, even after thousands of newer ones', async () => {
  const wanted = execution('g2net', 'RUNNING');
  const { client, sent } = answerFor([wanted, ...others(2000)]);
  assert.equal((await findRun(client, MACHINE, wanted.name))?.dataset, 'g2net');
  assert.equal(await findRun(client, MACHINE, 'none'), undefined);
  assert.equal(sent.length, 2);
});

const noPlan = async () => false;

test('a dataset whose latest run succeeded is unfinished if a late call left a plan', async () => {
  const [good, other, stopped] = [
    execution('g2net', 'SUCCEEDED'),
    execution('other', 'SUCCEEDED'),
    execution('stopped', 'ABORTED'),
  ];
  const { client } = answerFor([good, other, stopped]);
  const { left } = await findUnfinished(client, MACHINE, async (dataset) => dataset !== 'other');
  assert.deepEqual(
    left.map(({ name }) => name),
    [good.name],
  );
});

test('a dataset whose latest run failed is unfinished, even after thousands of runs of others', async () => {
  const failed = execution('g2net', 'FAILED', { cause: '3 shards are missing' });
  const slow = execution('slow', 'TIMED_OUT');
  const { client } = answerFor([
    execution('fixed', 'FAILED', { cause: 'x' }),
    execution('stopped', 'FAILED', { cause: 'x' }),
    failed,
    slow,
    execution('fixed', 'SUCCEEDED'),
    execution('stopped', 'ABORTED'),
    ...others(1500),
  ]);
  const found = await findUnfinished(client, MACHINE, noPlan);
  assert.deepEqual(
    found.left.map(({ name }) => name),
    [slow.name, failed.name],
  );
  assert.deepEqual(found.running, []);
});

test('a dataset with an active run is skipped, even if other runs of it failed', async () => {
  const on = execution('g2net', 'RUNNING');
  const { client } = answerFor([
    execution('g2net', 'FAILED', { cause: 'x' }),
    on,
    execution('g2net', 'FAILED', { cause: 'y' }),
  ]);
  const { left, running } = await findUnfinished(client, MACHINE, async () => true);
  assert.deepEqual(left, []);
  assert.deepEqual(
    running.map(({ name, dataset }) => [name, dataset]),
    [[on.name, 'g2net']],
  );
});
