/** Tests which deployments and removals are refused because of what AWS answers, in one line and before anything is changed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { type Answers, describeStack, NO_STACK, STAGE_OUTPUTS, startFakeAws } from '../support/fake-aws.ts';
import { ROOT } from './package.ts';

/** Runs the command, beside which this process answers. */
async function refuse(t: TestContext, command: 'deploy' | 'remove', answers: Answers) {
  const { env, asked } = await startFakeAws(t, answers);
  const words = ['--import', 'tsx', 'infra/deploy/main.ts', command, '--stage', 'dev'];
  const child = spawn(process.execPath, words, { cwd: ROOT, env: { ...process.env, ...env } });
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [status] = await closed;
  assert.equal(stdout, '');
  return { status, stderr, asked };
}

const offer = (...types: string[]) =>
  `<DescribeInstanceTypeOfferingsResponse><instanceTypeOfferingSet>${types.map((type) => `<item><instanceType>${type}</instanceType></item>`).join('')}</instanceTypeOfferingSet></DescribeInstanceTypeOfferingsResponse>`;

test('in a region without a type of host', async (t) => {
  const { status, stderr, asked } = await refuse(t, 'deploy', {
    DescribeStacks: () => NO_STACK,
    DescribeInstanceTypeOfferings: () => offer('g4dn.xlarge'),
  });
  assert.deepEqual(
    [status, stderr],
    [
      2,
      'chirpline: infra/stages/dev.yml: eu-south-1 has no g5.xlarge, g6.xlarge: remove from instanceTypes: it has g4dn.xlarge, or choose another region\n',
    ],
  );
  assert.deepEqual(asked, ['DescribeStacks', 'DescribeInstanceTypeOfferings']);
});

test('while somebody else deploys or removes the stage', async (t) => {
  for (const [command, state] of [
    ['deploy', 'UPDATE_IN_PROGRESS'],
    ['remove', 'CREATE_IN_PROGRESS'],
    ['remove', 'DELETE_IN_PROGRESS'],
  ] as const) {
    const { status, stderr, asked } = await refuse(t, command, {
      DescribeStacks: () => describeStack(state, STAGE_OUTPUTS),
    });
    assert.deepEqual([status, asked], [4, ['DescribeStacks']], stderr);
    assert.match(
      stderr,
      new RegExp(`^chirpline: stage dev is being changed \\(${state}\\), perhaps by somebody else`),
    );
  }
});

test('while a job or run is active: removing the stage would break it off', async (t) => {
  const answers: Answers = {
    DescribeStacks: () => describeStack('CREATE_COMPLETE', STAGE_OUTPUTS),
    ListExecutions: () => ({ executions: [] }),
    listjobs: () => ({ jobSummaryList: [{ jobId: 'a', jobName: 'train-g2net' }] }),
    describejobs: () => ({ jobs: [{ jobId: 'a', jobName: 'train-g2net', status: 'RUNNING', createdAt: 1 }] }),
  };
  const { status, stderr } = await refuse(t, 'remove', answers);
  assert.deepEqual(
    [status, stderr],
    [
      4,
      'chirpline: stage dev is at work: job a. Wait for the end (chirpline status --stage dev --watch), or chirpline cancel each\n',
    ],
  );
});
