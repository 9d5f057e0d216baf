import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { chirpline } from '../support/command.ts';
import { scratch } from '../support/fixtures.ts';

test('what a worker thread is refused by the machine is told as what it is, not as a bug', (t) => {
  const out = scratch(t);
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'train'), 'a file where a folder is needed');
  const { status, stderr } = chirpline('simulate', out, '--samples', '2', '--seed', '1');
  assert.equal(status, 3);
  assert.match(stderr, /^chirpline: cannot write .*\/train\/.*a file stands where a folder is needed/m);
});
