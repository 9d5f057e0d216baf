import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRejected, parseRejected } from '../../src/preprocess/state/rejected.ts';

test('rejected.csv is read back as it was written, including formulas and line breaks', () => {
  const rows = [
    { id: '-a', file: '=cmd|x.npy', reason: '+1, "quoted"' },
    { id: '', file: "@b's.npy", reason: 'two\nlines' },
    { id: "'c", file: '', reason: '' },
  ];
  assert.deepEqual(parseRejected(formatRejected(rows)), rows);
  assert.deepEqual(parseRejected(formatRejected([])), []);
});
