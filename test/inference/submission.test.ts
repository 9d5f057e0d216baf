import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError } from '../../src/core/errors.ts';
import type { Predictions } from '../../src/inference/predictions.ts';
import { arrangeRows, formatSubmission } from '../../src/inference/submission.ts';

/** Sample b was rejected. */
const PREDICTIONS: Predictions = {
  samples: ['a', 'b', 'c'],
  ids: ['a', 'c'],
  labels: [],
  // The probabilities 1/2 and 1.
  logits: [0, 40],
  rejected: [{ id: 'b', file: 'b.npy', reason: 'broken' }],
};
const like = (...ids: string[]) => ({ object: 'sample_submission.csv', ids });

test('each sample with a prediction has a row; with a value for the others, each sample has one', () => {
  const rows = [
    ['a', 0.5],
    ['c', 1],
  ];
  assert.deepEqual(arrangeRows(PREDICTIONS, {}), { rows, filled: 0, unlisted: [] });
  assert.deepEqual(arrangeRows(PREDICTIONS, { fill: 0 }), {
    rows: [rows[0], ['b', 0], rows[1]],
    filled: 1,
    unlisted: [],
  });
});

test('the rows are the listed ids in their order, and samples that are not listed are reported', () => {
  assert.deepEqual(arrangeRows(PREDICTIONS, { like: like('c') }), {
    rows: [['c', 1]],
    filled: 0,
    unlisted: ['a', 'b'],
  });
  // Without a sample (x, z) or rejected (b).
  assert.deepEqual(arrangeRows(PREDICTIONS, { like: like('x', 'c', 'b', 'z', 'a'), fill: 0.1 }), {
    rows: [
      ['x', 0.1],
      ['c', 1],
      ['b', 0.1],
      ['z', 0.1],
      ['a', 0.5],
    ],
    filled: 3,
    unlisted: [],
  });
});

test('without a value, a listed id without a prediction is an error that counts them and names three', () => {
  for (const [ids, found] of [
    [['a', 'b'], '1 of 2 ids without a usable sample: b'],
    [['z', 'a', 'y', 'b', 'x'], '4 of 5 ids without a usable sample: z, y, b, ...'],
  ] as const)
    assert.throws(
      () => arrangeRows(PREDICTIONS, { like: like(...ids) }),
      (error) =>
        error instanceof InputError && error.fields.found === found && /--fill/.test(error.fields.advice!),
    );
});

test('the text is what Kaggle reads', () => {
  const text = formatSubmission([
    ['a', Math.fround(1 / 3)],
    ['b', 0.1],
    ['c', 0],
  ]);
  assert.equal(text, 'id,target\na,0.3333333432674408\nb,0.1\nc,0\n');
});
