/** Tests the roles of a packaged stage by what AWS's services and the functions do with them. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { ACCOUNT, type IamRequest, isAllowed, type Policy, refused } from '../support/iam.ts';
import { readPolicy } from '../support/own-policies.ts';
import { packageStage } from './package.ts';
import { rolePolicies } from './roles.ts';

const STAGE = 'dev';
const FUNCTIONS = ['start', 'ingest', 'plan', 'psd', 'reduce', 'shard', 'finalize', 'train', 'job'];
const arn = (service: string, name: string) => `arn:aws:${service}:us-east-1:${ACCOUNT}:${name}`;
const object = (key: string) => `arn:aws:s3:::chirpline-${STAGE}-${ACCOUNT}-us-east-1/${key}`;
const on = (resource: string, ...actions: string[]) => actions.map((action) => ({ action, resource }));

/** What services do with a role, which no emulator does. */
const BY_SERVICES: Record<string, IamRequest[]> = {
  ...Object.fromEntries(
    FUNCTIONS.map((name) => [
      name,
      on(
        arn('logs', `log-group:/aws/lambda/chirpline-${STAGE}-${name}:log-stream:x`),
        'logs:CreateLogStream',
        'logs:PutLogEvents',
      ),
    ]),
  ),
  run: [
    ...['plan', 'psd', 'reduce', 'shard', 'finalize', 'train'].flatMap((name) =>
      on(arn('lambda', `function:chirpline-${STAGE}-${name}`), 'lambda:InvokeFunction'),
    ),
    ...on(object('records/g2net/_work/5c0d/shards.json'), 's3:GetObject'),
    ...on(arn('states', `stateMachine:chirpline-${STAGE}`), 'states:StartExecution'),
    ...on(
      arn('states', `execution:chirpline-${STAGE}:5c0d`),
      'states:DescribeExecution',
      'states:StopExecution',
    ),
  ],
};
for (const [name, queue] of [
  ['start', 'labels'],
  ['ingest', 'objects'],
] as const) {
  const own = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];
  BY_SERVICES[name]!.push(...on(arn('sqs', `chirpline-${STAGE}-${queue}`), ...own));
}
// Of a function, but only on AWS.
BY_SERVICES.train!.push(...on(arn('ecr', `repository/chirpline-${STAGE}-training`), 'ecr:DescribeImages'));
BY_SERVICES.job!.push(
  ...on(arn('sqs', `chirpline-${STAGE}-jobs-dead`), 'sqs:SendMessage'),
  // Of the function itself, but only on AWS.
  ...on(arn('sns', `chirpline-${STAGE}-alarms`), 'sns:Publish'),
  ...on('*', 'servicequotas:GetServiceQuota'),
);

const WRITING = ['s3:PutObject', 's3:DeleteObject'];
const FORBIDDEN: Record<string, IamRequest[]> = {
  ...Object.fromEntries(
    FUNCTIONS.map((name) => [
      name,
      [
        ...on(object('raw/g2net/x.npy'), ...WRITING),
        ...on(object('models/g2net/saved/x_weights.npz'), ...WRITING),
        ...on(arn('logs', `log-group:/aws/lambda/chirpline-${STAGE}-${name}`), 'logs:CreateLogGroup'),
        ...on(arn('iam', `role/chirpline-x`).replace('us-east-1', ''), 'iam:PutRolePolicy'),
        ...on(object('raw/g2net/x.npy').replace(`-${STAGE}-`, '-prod-'), 's3:GetObject'),
      ],
    ]),
  ),
  training: [
    ...on(object('raw/g2net/x.npy'), 's3:GetObject', ...WRITING),
    ...on(object('records/g2net/metadata.json'), ...WRITING),
    ...on(arn('batch', `job-queue/chirpline-${STAGE}-training`), 'batch:SubmitJob'),
  ],
  run: on(object('raw/g2net/x.npy'), 's3:GetObject', ...WRITING),
};
FORBIDDEN.job!.push(...on(arn('batch', `job-queue/chirpline-${STAGE}-training`), 'batch:SubmitJob'));
FORBIDDEN.shard!.push(...on(arn('states', `stateMachine:chirpline-${STAGE}`), 'states:StartExecution'));
FORBIDDEN.train!.push(...on(arn('ecr', `repository/chirpline-${STAGE}-training`), 'ecr:PutImage'));
FORBIDDEN.reduce!.push(...on(object('raw/g2net/x.npy'), 's3:GetObject'));

describe('the roles of a stage', () => {
  let roles: Map<string, Policy[]>;
  before(() => {
    roles = rolePolicies(packageStage(STAGE).template);
  });

  test('allow what services do with them', async () => {
    for (const [name, requests] of Object.entries(BY_SERVICES))
      assert.deepEqual(await refused(roles.get(name)!, requests), [], name);
  });

  test('forbid what belongs to others', async () => {
    for (const [name, requests] of Object.entries(FORBIDDEN)) {
      for (const request of requests)
        assert.equal(await isAllowed(roles.get(name)!, request), false, `${name}: ${request.action}`);
    }
  });

  test('allow within the boundary what they allow without it', async () => {
    const boundary = readPolicy('boundary');
    let checked = 0;
    for (const [name, policies] of roles) {
      for (const request of policies.flatMap(examples)) {
        if (!(await isAllowed(policies, request))) continue;
        checked += 1;
        assert.equal(
          await isAllowed(policies, request, boundary),
          true,
          `${name}: ${JSON.stringify(request)}`,
        );
      }
    }
    assert.ok(checked > 60, `${checked} requests`);
  });
});

/** A request for each action and resource of a policy. */
function examples({ Statement }: Policy): IamRequest[] {
  return Statement.filter(({ Effect }) => Effect === 'Allow').flatMap(({ Action, Resource, Condition }) =>
    [Action].flat().flatMap((action) =>
      [Resource].flat().map((resource) => ({
        action,
        resource: exampleOf(resource),
        ...(Condition?.StringEquals !== undefined && { context: Condition.StringEquals }),
      })),
    ),
  );
}

/** A resource that the pattern matches. */
function exampleOf(pattern: string): string {
  if (pattern === '*') return pattern;
  return (
    pattern
      .replace(/log-group:([^:]+):\*:\*$/, 'log-group:$1:log-stream:x')
      // An execution of a map.
      .replace(/(:execution:[^:]+)\/\*$/, '$1/shards:x')
      .replaceAll('*', 'x')
  );
}
