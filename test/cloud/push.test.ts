/** Tests `npm run container:push` on the emulator's registry, with a docker that only notes its calls. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CreateRepositoryCommand, ECRClient, PutImageCommand } from '@aws-sdk/client-ecr';
import { chirplineIn } from '../support/command.ts';
import { type Emulator, setEnvironment, startEmulator } from '../support/emulator.ts';
import { scratch } from '../support/fixtures.ts';
import { createStubStack } from '../support/stub-stack.ts';
import { ROOT } from './package.ts';

const REGISTRY = '000000000000.dkr.ecr.us-east-1.amazonaws.com';
const STAGE = 'other';
const REPOSITORY = `chirpline-${STAGE}-training`;
const TAG = '0.1.0-000000000000';
const IMAGE = `${REGISTRY}/${REPOSITORY}:${TAG}`;
let emulator: Emulator;
let env: NodeJS.ProcessEnv;
let restore: () => void;

before(async () => {
  emulator = await startEmulator('ministack');
  restore = setEnvironment(emulator.env);
  env = { ...process.env };
  await createStubStack(STAGE, { TrainingImage: IMAGE });
  await createStubStack('none', {});
});
after(async () => {
  restore();
  await emulator.stop();
});

function push(stage: string) {
  const words = ['--import', 'tsx', 'infra/deploy/main.ts', 'push', '--stage', stage];
  return spawnSync(process.execPath, words, { cwd: ROOT, encoding: 'utf8', env });
}

test('an image is not made for a stage without a repository, or from another commit than the deployed one', () => {
  const none = push('none');
  assert.equal(none.status, 4, none.stderr);
  assert.match(none.stderr, /^chirpline: stage none has no repository for an image: /);
  const other = push(STAGE);
  assert.equal(other.status, 4, other.stderr);
  assert.match(
    other.stderr,
    /^chirpline: stage other was deployed from 0\.1\.0-0{12}, this is 0\.1\.0-\w+\. Deploy/,
  );
});

test('a job is refused while its image is absent; an image that is there is not pushed again', async () => {
  const submit = () => chirplineIn({ env }, 'submit', '--stage', STAGE, '--dataset', 'g2net');
  const { status, stderr } = submit();
  assert.deepEqual(
    [status, stderr],
    [
      4,
      `chirpline: stage ${STAGE}: the training image ${IMAGE} was not pushed yet: npm run container:push -- --stage ${STAGE}\n`,
    ],
  );
  const client = new ECRClient();
  await client.send(new CreateRepositoryCommand({ repositoryName: REPOSITORY }));
  const imageManifest = JSON.stringify({
    schemaVersion: 2,
    manifests: [{ platform: { architecture: 'arm64' } }],
  });
  await client.send(new PutImageCommand({ repositoryName: REPOSITORY, imageTag: TAG, imageManifest }));
  client.destroy();
  const pushed = push(STAGE);
  assert.deepEqual([pushed.status, pushed.stdout], [0, `${IMAGE} already exists\n`], pushed.stderr);
  // The bucket of this stack doesn't exist.
  assert.doesNotMatch(submit().stderr, /not pushed/);
});

test('the password of the registry goes to the builder by standard input, then the image is pushed', (t) => {
  const folder = scratch(t);
  const calls = join(folder, 'calls');
  const docker = join(folder, 'docker');
  writeFileSync(
    docker,
    `#!/bin/sh\necho "$@" >> ${calls}\nif [ "$1" = login ]; then cat >> ${calls}; echo >> ${calls}; fi\n`,
  );
  chmodSync(docker, 0o755);
  const { status, stderr } = spawnSync(process.execPath, ['scripts/container-push.mjs', IMAGE], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...env, PATH: `${folder}:${process.env.PATH}` },
    input: 'password',
  });
  assert.equal(status, 0, stderr);
  const [version, ...rest] = readFileSync(calls, 'utf8').trim().split('\n');
  assert.equal(version, 'version');
  assert.deepEqual(rest, [`login --username AWS --password-stdin ${REGISTRY}`, 'password', `push ${IMAGE}`]);
});
