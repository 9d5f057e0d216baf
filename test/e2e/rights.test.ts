/**
 * Records the requests that functions, jobs and commands send on the emulator, which allows everything, and asks an independent
 * evaluator whether AWS would allow them by the roles of the template and the policies of infra/.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import { packageStage, ROOT } from '../cloud/package.ts';
import { rolePolicies } from '../cloud/roles.ts';
import { chirplineWell } from '../support/command.ts';
import { writeDataset } from '../support/dataset.ts';
import { setEnvironment } from '../support/emulator.ts';
import { folderForTests } from '../support/fixtures.ts';
import { refused } from '../support/iam.ts';
import { readPolicy } from '../support/own-policies.ts';
import { readRequests } from '../support/recorded-requests.ts';
import { endStage, folder, keyOf, labelRows, open, raw, startStage, waitFor, waitForRuns } from './stage.ts';

const { folder: notes, remove } = folderForTests();
const RECORDED = join(notes, 'requests.jsonl');
writeFileSync(RECORDED, '');
let restore: () => void;

before(async () => {
  // The emulator hands its environment on to functions, and the agent to jobs.
  restore = setEnvironment({
    CHIRPLINE_TRAIN_AFTER_RUN: 'true',
    RECORDED_REQUESTS: RECORDED,
    NODE_OPTIONS: `--import ${pathToFileURL(join(ROOT, 'test/support/recorder.mjs'))}`,
  });
  await startStage();
});
after(async () => {
  await endStage();
  restore();
  remove();
});

test('all requests of functions, jobs and commands are allowed by their roles and policies', async () => {
  const chirpline = (...words: string[]) => chirplineWell(...words, '--stage', 'local');
  const few = join(folder, 'few');
  await writeDataset(createFileStore(few), 40);
  chirpline('upload', few, '--dataset', 'packs', '--pack', '16');
  // It ends with its training.
  const [run] = await waitForRuns('packs', 1, 240);
  assert.equal(run?.state, 'SUCCEEDED');
  // The same upload again starts another run, which must not pay for the same training.
  chirpline('upload', few, '--dataset', 'packs', '--pack', '16');
  const [again] = await waitForRuns('packs', 2, 240);
  assert.equal(again?.state, 'SUCCEEDED', again?.reason);
  assert.equal(JSON.parse(chirpline('status', '--json')).jobs.length, 1);
  const [[id]] = (await labelRows()) as [[string, number]];
  // A late object, which has no label.
  await open('packs').raw.write(keyOf(`${id.slice(0, -1)}x`), await raw.read(keyOf(id)));
  await waitFor('the late object', async () => readRequests(RECORDED).get('ingest'));
  const { id: job } = JSON.parse(chirpline('submit', '--dataset', 'packs', '--epochs', '50', '--json'));
  chirpline('status');
  chirpline('cancel', job);
  chirpline('redrive');

  const requests = readRequests(RECORDED);
  const roles = rolePolicies(packageStage('local').template);
  const policies = new Map([...roles, ['user', [readPolicy('user', 'local')]]]);
  // All roles but those of services: the state machine and the hosts.
  const expected = [...policies.keys()].filter((role) => role !== 'run' && role !== 'host');
  assert.deepEqual([...requests.keys()].sort(), expected.sort());
  for (const [role, sent] of requests) {
    assert.deepEqual(await refused(policies.get(role)!, sent), [], role);
    // Without policies nothing is.
    assert.notDeepEqual(await refused([], sent), [], role);
  }
  const ofUser = new Set(requests.get('user')!.map(({ action }) => action));
  for (const action of [
    'cloudformation:DescribeStacks',
    's3:PutObject',
    'batch:SubmitJob',
    'batch:TerminateJob',
  ])
    assert.ok(ofUser.has(action), action);
});
