import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { chirpline, chirplineWell } from '../support/command.ts';
import { scratch } from '../support/fixtures.ts';

const HEADER = 'id,target,prediction,fold\n';
const FIRST = 'a,1,0.5,0\nb,0,0.25,0\nc,1,0.375,0\n';
const SECOND = 'd,0,0.375,1\ne,0,0.75,1\n';

/** A folder, and a file of each fold in it. */
function makeFolds(t: TestContext) {
  const folder = scratch(t);
  const [first, second] = [join(folder, 'one_predictions.csv'), join(folder, 'two_predictions.csv')];
  writeFileSync(first, HEADER + FIRST);
  writeFileSync(second, HEADER + SECOND);
  return { first, second, out: join(folder, 'oof.csv') };
}

test('the folds become one file, and their scores are printed', (t) => {
  const { first, second, out } = makeFolds(t);
  // Signals 0.5 and 0.375 against noise 0.25, 0.375 and 0.75: 3.5 of 6 pairs.
  assert.equal(
    chirplineWell('oof', second, first, '--out', out),
    `5 predictions of 2 folds: ${out}\n` +
      'AUC 0.5833  95 % interval 0.0000 to 1.0000\n' +
      `  fold 0  AUC 1.0000  3 records of ${first}\n` +
      `  fold 1  AUC undefined (one class only)  2 records of ${second}\n`,
  );
  assert.equal(readFileSync(out, 'utf8'), HEADER + FIRST + SECOND);
  const { auc, ...others } = JSON.parse(chirplineWell('oof', first, second, '--out', out, '--json'));
  assert.ok(Math.abs(auc - 3.5 / 6) < 1e-12);
  assert.deepEqual(others, {
    out,
    rows: 5,
    interval: { low: 0, high: 1 },
    folds: [
      { fold: 0, file: first, rows: 3, auc: 1 },
      { fold: 1, file: second, rows: 2, auc: null },
    ],
  });
});

test('refused files give an error of one line and no output, and a file is not replaced by its own join', (t) => {
  const { first, second, out } = makeFolds(t);
  for (const [args, status, message] of [
    [[second, '--out', out], 2, /^chirpline: fold 0 is missing.*\n$/],
    [[first, first, '--out', out], 4, /^chirpline: .* both have fold 0.*\n$/],
    [[first, `${second}x`, '--out', out], 1, /two_predictions\.csvx: no such object\n$/],
    [[first, second, '--out', second], 2, /is one of the files to join: give --out another name\n$/],
  ] as const) {
    const ended = chirpline('oof', ...args);
    assert.equal(ended.status, status, ended.stderr);
    assert.match(ended.stderr, message);
  }
  assert.ok(!existsSync(out));
  assert.equal(readFileSync(second, 'utf8'), HEADER + SECOND);
});
