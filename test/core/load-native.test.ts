import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadAddon, readAddon } from '../../src/native/load-native.ts';
import { scratch } from '../support/fixtures.ts';

test('a missing or incompatible addon is reported with the reason', (t) => {
  const path = join(scratch(t), 'native.node');
  assert.deepEqual(readAddon(path), { reason: 'it was not built' });
  writeFileSync(path, 'no machine code');
  const { addon, reason } = readAddon(path);
  assert.equal(addon, undefined);
  assert.match(reason!, /^it can't be loaded: .*native\.node/);
});

test('the addon is loaded once, and exists on every platform where it can be built', () => {
  assert.equal(loadAddon(), loadAddon());
  const expected = process.platform === 'linux' && process.arch === 'x64';
  assert.equal(loadAddon().addon !== undefined, expected, loadAddon().reason);
});
