/** The policies for people: infra/*-policy.json. test/e2e/commands.test.ts checks them with the requests of the commands. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ACCOUNT, type IamRequest, isAllowed, type Policy, refused } from '../support/iam.ts';
import { type PolicyName, readPolicy } from '../support/own-policies.ts';
import {
  BOUNDARY,
  BY_COMMANDS,
  BY_HAND,
  BY_PUSH,
  BY_SERVERLESS,
  BY_TYPE,
  HOST_RIGHTS,
} from './needed-actions.ts';
import { ROOT } from './package.ts';

/** Maximum characters of a managed policy, without white space. */
const SIZE_LIMIT = 6144;

/** A deployer has both policies: IAM allows an action if any of them does. */
const DEPLOYER = [readPolicy('deployer'), readPolicy('deployer-training')];
const USER = [readPolicy('user')];
const DEPLOYING = [...Object.values(BY_TYPE).flat(), ...BY_SERVERLESS];

/** Fails for each request that is allowed. */
async function forbid(policies: readonly Policy[], requests: readonly IamRequest[]): Promise<void> {
  const all = requests.map(({ action, resource }) => `${action} ${resource}`);
  assert.deepEqual(
    (await refused(policies, requests)).length,
    requests.length,
    `some of these are allowed:\n${all.join('\n')}`,
  );
}

const of = (service: string, resource: string) => `arn:aws:${service}:eu-central-1:${ACCOUNT}:${resource}`;
const iam = (resource: string) => `arn:aws:iam::${ACCOUNT}:${resource}`;

test('the deployer policies allow all requests that the resources of the stack need', async () => {
  assert.deepEqual(await refused(DEPLOYER, DEPLOYING), []);
});

test('the image policy allows the push of the image, and the user policy what is done by hand', async () => {
  assert.deepEqual(await refused([readPolicy('image')], BY_PUSH), []);
  assert.deepEqual(await refused(USER, [...BY_HAND, ...BY_COMMANDS]), []);
});

test('the image policy of a stage denies changes to the images of other stages, and replacing or deleting its own', async () => {
  const [own, other] = ['dev', 'prod'].map((stage) => of('ecr', `repository/chirpline-${stage}-training`));
  await forbid(
    [readPolicy('image')],
    [
      { action: 'ecr:PutImage', resource: other! },
      { action: 'ecr:BatchDeleteImage', resource: own! },
      { action: 'ecr:PutImageTagMutability', resource: own! },
    ],
  );
});

test('every action that a deployer has is needed', () => {
  for (const { Statement } of DEPLOYER) {
    for (const allowed of Statement.flatMap(({ Action }) => Action)) {
      const expression = new RegExp(`^${allowed.replaceAll('*', '.*')}$`);
      assert.ok(
        DEPLOYING.some(({ action }) => expression.test(action)),
        `${allowed} is allowed but not needed`,
      );
    }
  }
});

test('a deployer cannot make a role with more rights than the boundary has, or pass a role to another service', async () => {
  const role = iam('role/chirpline-x');
  const admin = 'arn:aws:iam::aws:policy/AdministratorAccess';
  const other = { 'iam:PermissionsBoundary': admin };
  // The same requests within the boundary are allowed: see needed-actions.ts.
  await forbid(DEPLOYER, [
    ...[undefined, other].flatMap((context) =>
      ['CreateRole', 'PutRolePolicy', 'UpdateAssumeRolePolicy', 'PutRolePermissionsBoundary'].map((name) => ({
        action: `iam:${name}`,
        resource: role,
        ...(context && { context }),
      })),
    ),
    { action: 'iam:AttachRolePolicy', resource: role, context: { ...BOUNDARY, 'iam:PolicyARN': admin } },
    { action: 'iam:AttachRolePolicy', resource: role, context: { 'iam:PolicyARN': HOST_RIGHTS } },
    { action: 'iam:DeleteRolePermissionsBoundary', resource: role, context: BOUNDARY },
    { action: 'iam:CreatePolicyVersion', resource: iam('policy/chirpline-boundary') },
    { action: 'iam:CreateRole', resource: iam('role/other'), context: BOUNDARY },
    { action: 'iam:CreateUser', resource: iam('user/chirpline-x') },
    { action: 'iam:AttachUserPolicy', resource: iam('user/someone'), context: { 'iam:PolicyARN': admin } },
    ...['glue', 'sagemaker', 'cloudformation', 'codebuild'].map((service) => ({
      action: 'iam:PassRole',
      resource: role,
      context: { 'iam:PassedToService': `${service}.amazonaws.com` },
    })),
    { action: 'iam:PassRole', resource: role },
    {
      action: 'iam:PassRole',
      resource: iam('role/Admin'),
      context: { 'iam:PassedToService': 'lambda.amazonaws.com' },
    },
    { action: 's3:PutObject', resource: 'arn:aws:s3:::other/x' },
    { action: 'lambda:UpdateFunctionCode', resource: of('lambda', 'function:other') },
    { action: 'cloudformation:DeleteStack', resource: of('cloudformation', 'stack/other/5c0d') },
  ]);
});

test("a user cannot touch another stage, the deployed code, the image, or other people's jobs", async () => {
  const data = (stage: string) => `arn:aws:s3:::chirpline-${stage}-${ACCOUNT}-eu-central-1/raw/g2net/x.npy`;
  const own = { 'aws:RequestTag/application': 'chirpline', 'aws:RequestTag/stage': 'dev' };
  const terminate = (application?: string, stage?: string) => ({
    action: 'batch:TerminateJob',
    resource: of('batch', 'job/5c0d'),
    context: {
      ...(application !== undefined && { 'aws:ResourceTag/application': application }),
      ...(stage !== undefined && { 'aws:ResourceTag/stage': stage }),
    },
  });
  assert.deepEqual(await refused(USER, [terminate('chirpline', 'dev')]), []);
  const code = 'arn:aws:s3:::chirpline-dev-serverlessdeploymentbucket-5c0d/serverless/x.zip';
  await forbid(USER, [
    ...['prod', 'dev2', 'de'].flatMap((stage) => [
      ...['PutObject', 'GetObject', 'DeleteObject'].map((name) => ({
        action: `s3:${name}`,
        resource: data(stage),
      })),
      { action: 'states:StartExecution', resource: of('states', `stateMachine:chirpline-${stage}`) },
      { action: 'states:StopExecution', resource: of('states', `execution:chirpline-${stage}:5c0d`) },
      { action: 'sqs:ReceiveMessage', resource: of('sqs', `chirpline-${stage}-labels`) },
      { action: 'lambda:InvokeFunction', resource: of('lambda', `function:chirpline-${stage}-train`) },
      { action: 'batch:SubmitJob', resource: of('batch', `job-queue/chirpline-${stage}-training`) },
      {
        action: 'logs:GetLogEvents',
        resource: of('logs', `log-group:/chirpline/${stage}/training:log-stream:x`),
      },
      terminate('chirpline', stage),
    ]),
    ...['PutObject', 'GetObject', 'DeleteObject'].map((name) => ({ action: `s3:${name}`, resource: code })),
    terminate(),
    terminate('chirpline'),
    terminate('render', 'dev'),
    {
      action: 'batch:TagResource',
      resource: of('batch', 'job/5c0d'),
      context: { ...own, 'aws:ResourceTag/stage': 'prod' },
    },
    {
      action: 'batch:TagResource',
      resource: of('batch', 'job/5c0d'),
      context: { ...own, 'aws:RequestTag/stage': 'prod' },
    },
    { action: 'lambda:InvokeFunction', resource: of('lambda', 'function:chirpline-dev-plan') },
    { action: 'lambda:UpdateFunctionCode', resource: of('lambda', 'function:chirpline-dev-plan') },
    { action: 'ecr:PutImage', resource: of('ecr', 'repository/chirpline-dev-training') },
    { action: 'ecr:BatchGetImage', resource: of('ecr', 'repository/chirpline-prod-training') },
    { action: 'sns:Publish', resource: of('sns', 'chirpline-dev-alarms') },
    { action: 'cloudformation:UpdateStack', resource: of('cloudformation', 'stack/chirpline-dev/5c0d') },
  ]);
});

test('the boundary lets hosts do what AWS lets them, and no role act on IAM, other buckets or stacks', async () => {
  const everything = [
    { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] },
  ];
  const boundary = readPolicy('boundary');
  const repository = of('ecr', 'repository/chirpline-dev-training');
  const instance = of('ecs', 'container-instance/cluster/5c0d');
  // https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonEC2ContainerServiceforEC2Role.html
  const hosts: IamRequest[] = [
    { action: 'ec2:DescribeTags', resource: '*' },
    { action: 'ecr:GetAuthorizationToken', resource: '*' },
    { action: 'ecr:BatchGetImage', resource: repository },
    { action: 'ecr:GetDownloadUrlForLayer', resource: repository },
    { action: 'ecs:Poll', resource: instance },
    { action: 'ecs:SubmitTaskStateChange', resource: of('ecs', 'cluster/cluster') },
    { action: 'ecs:RegisterContainerInstance', resource: of('ecs', 'cluster/cluster') },
    { action: 'logs:PutLogEvents', resource: of('logs', 'log-group:/chirpline/dev/training:log-stream:x') },
  ];
  assert.deepEqual(await refused(everything, hosts, boundary), []);
  const others: IamRequest[] = [
    { action: 'iam:CreateUser', resource: iam('user/x') },
    { action: 'iam:PassRole', resource: iam('role/chirpline-x') },
    { action: 's3:GetObject', resource: 'arn:aws:s3:::other/x' },
    { action: 's3:PutObject', resource: 'arn:aws:s3:::chirpline-dev-serverlessdeploymentbucket-5c0d/x.zip' },
    { action: 'lambda:UpdateFunctionCode', resource: of('lambda', 'function:chirpline-dev-plan') },
    { action: 'cloudformation:UpdateStack', resource: of('cloudformation', 'stack/chirpline-dev/5c0d') },
    { action: 'logs:CreateLogGroup', resource: of('logs', 'log-group:/aws/lambda/chirpline-dev-plan') },
  ];
  assert.equal((await refused(everything, others, boundary)).length, others.length);
});

test('every policy is within the size limit of IAM, and names no account', () => {
  const files = readdirSync(join(ROOT, 'infra')).filter((name) => name.endsWith('-policy.json'));
  assert.equal(files.length, 5);
  for (const file of files) {
    const text = JSON.stringify(readPolicy(file.replace('-policy.json', '') as PolicyName));
    assert.ok(text.length <= SIZE_LIMIT, `${file}: ${text.length} characters`);
    assert.doesNotMatch(readFileSync(join(ROOT, 'infra', file), 'utf8'), /\d{12}/);
  }
});

test('the evaluator knows wildcards and conditions, and refuses what AWS does not have', async () => {
  const allow = (Action: string, Resource: string, Condition = {}) => [
    { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource, Condition }] },
  ];
  const request = { action: 's3:GetBucketAcl', resource: 'arn:aws:s3:::chirpline-dev-1' };
  assert.equal(await isAllowed(allow('s3:getbucket*', 'arn:aws:s3:::chirpline-*'), request), true);
  assert.equal(await isAllowed(allow('s3:GetBucket', 'arn:aws:s3:::chirpline-*'), request), false);
  assert.equal(await isAllowed(allow('s3:GetBucketAcl', 'arn:aws:s3:::other-*'), request), false);
  const secure = { Bool: { 'aws:SecureTransport': 'true' } };
  assert.equal(await isAllowed(allow('s3:*', '*', secure), request), false);
  await assert.rejects(isAllowed([], { ...request, action: 's3:GetEverything' }), /s3:GetEverything/);
  await assert.rejects(isAllowed([], { ...request, resource: '*' + 'x' }), /s3:GetBucketAcl/);
});
