/** The policies for users and deployers: infra/*-policy.json. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BY_CALL, BY_COMMAND, BY_HAND, BY_SERVERLESS, BY_TYPE, type Need } from './needed-actions.ts';
import { ROOT } from './package.ts';

/** Maximum characters of a managed policy, without white space. */
const SIZE_LIMIT = 6144;

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: string | string[];
}
interface Policy {
  Statement: Statement[];
}

const read = (name: string) => JSON.parse(readFileSync(join(ROOT, 'infra', name), 'utf8')) as Policy;
const FILES = readdirSync(join(ROOT, 'infra')).filter((name) => name.endsWith('-policy.json'));
/** A deployer has both policies: IAM allows an action if any of them does. */
const DEPLOYER = ['deployer-policy.json', 'deployer-training-policy.json'].flatMap(
  (name) => read(name).Statement,
);
const USER = read('user-policy.json').Statement;

/** Matches IAM's wildcards. Actions are compared case-insensitively. */
function matches(patterns: string | string[], text: string, flags = ''): boolean {
  return [patterns].flat().some((pattern) => compile(pattern, flags).test(text));
}

const compiled = new Map<string, RegExp>();

/** The checks match a few hundred patterns, each many thousand times. */
function compile(pattern: string, flags: string): RegExp {
  const key = `${flags}/${pattern}`;
  let expression = compiled.get(key);
  if (expression === undefined) {
    const parts = pattern.split('*').map((part) => part.replace(/[.?+^$()[\]{}|\\]/g, '\\$&'));
    expression = new RegExp(`^${parts.join('.*')}$`, flags);
    compiled.set(key, expression);
  }
  return expression;
}

function missing(policy: readonly Statement[], needs: readonly Need[]): string[] {
  return needs
    .filter(
      ([action, resource]) =>
        !policy.some(
          ({ Effect, Action, Resource }) =>
            Effect === 'Allow' && matches(Action, action, 'i') && matches(Resource, resource),
        ),
    )
    .map(([action, resource]) => `${action} on ${resource}`);
}

/** Yields the policy without one action, for each action of each statement. */
function* withoutOne(policy: readonly Statement[]): Generator<{ taken: string; left: Statement[] }> {
  for (const statement of policy) {
    for (const taken of [statement.Action].flat()) {
      const Action = [statement.Action].flat().filter((action) => action !== taken);
      yield { taken, left: policy.map((other) => (other === statement ? { ...other, Action } : other)) };
    }
  }
}

const DEPLOYING = [...Object.values(BY_TYPE).flat(), ...BY_SERVERLESS];
const USING = [...Object.values(BY_COMMAND), ...Object.values(BY_CALL), BY_HAND].flat();

test('the deployer policies allow all actions that the resources of the stack need', () => {
  assert.deepEqual(missing(DEPLOYER, DEPLOYING), []);
});

test('the user policy allows all actions that the commands and the push of the image need', () => {
  assert.deepEqual(missing(USER, USING), []);
});

test('every action that a policy allows is needed', () => {
  for (const [policy, needs] of [
    [DEPLOYER, DEPLOYING],
    [USER, USING],
  ] as const) {
    for (const { taken, left } of withoutOne(policy)) {
      assert.notDeepEqual(missing(left, needs), [], `${taken} is allowed but not needed`);
    }
  }
});

test('the needed actions cover exactly the requests that the command line sends', () => {
  const found = new Set<string>();
  const files = readdirSync(join(ROOT, 'src'), { recursive: true }).map(String);
  for (const name of files.filter((file) => file.endsWith('.ts'))) {
    const source = readFileSync(join(ROOT, 'src', name), 'utf8');
    for (const [, call] of source.matchAll(/\bnew (?:sdk\.)?((?:[A-Z]\w+Command|Upload)\b)/g))
      found.add(call!);
    for (const [call] of source.matchAll(/\bpaginate\w+/g)) found.add(call);
  }
  assert.deepEqual([...Object.keys(BY_COMMAND), ...Object.keys(BY_CALL)].sort(), [...found].sort());
});

test('every policy is within the size limit of IAM', () => {
  assert.equal(FILES.length, 3);
  for (const name of FILES) {
    const size = readFileSync(join(ROOT, 'infra', name), 'utf8').replace(/\s/g, '').length;
    assert.ok(size <= SIZE_LIMIT, `${name}: ${size} characters`);
  }
});

test('policies name only our own resources, in one account', () => {
  for (const { Action, Resource } of [...DEPLOYER, ...USER]) {
    for (const resource of [Resource].flat()) {
      const named = /:(iam|s3|sqs|sns|states|ecr|events|cloudformation)(:|$)/.test(resource);
      if (named && !resource.includes('/aws-service-role/')) assert.match(resource, /[:/]chirpline-/);
      if (resource !== '*' && !resource.startsWith('arn:aws:s3:::')) assert.match(resource, /:ACCOUNT:/);
    }
    for (const action of [Action].flat()) assert.doesNotMatch(action, /^\*|:\*$/);
  }
});

test('the check of a policy understands wildcards, and refuses other resources', () => {
  const allow = (Action: string, Resource: string) => [{ Effect: 'Allow', Action, Resource }];
  const need: Need[] = [['s3:GetBucketAcl', 'arn:aws:s3:::chirpline-dev-1']];
  assert.deepEqual(missing(allow('s3:getbucket*', 'arn:aws:s3:::chirpline-*'), need), []);
  assert.equal(missing(allow('s3:GetBucket', 'arn:aws:s3:::chirpline-*'), need).length, 1);
  assert.equal(missing(allow('s3:GetBucketAcl', 'arn:aws:s3:::other-*'), need).length, 1);
});
