import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConflictError, InputError, SettingError } from '../../src/core/errors.ts';
import { orderFolds, scoreFolds } from '../../src/inference/out-of-fold.ts';
import {
  parsePredictions,
  readPredictions,
  serializePredictions,
} from '../../src/inference/predictions-file.ts';
import { createMemoryStore } from '../support/memory-store.ts';

const HEADER = 'id,target,prediction,fold\n';
const FIRST = ['a,1,0.9,0', 'b,0,0.2,0', 'c,1,0.4,0'];
const SECOND = ['d,0,0.4,1', 'e,1,0.7,1', 'f,0,0.1,1'];
const parse = (rows: readonly string[], object = 'x.csv') =>
  parsePredictions(Buffer.from(HEADER + rows.join('\n')), object);

test('the folds are joined in their order, and scored like a computation by hand', () => {
  const folds = orderFolds([parse(SECOND, 'second.csv'), parse(FIRST, 'first.csv')]);
  const ids = serializePredictions(folds)
    .split('\n')
    .map((row) => row.split(',')[0]);
  assert.deepEqual(ids, ['id', 'a', 'b', 'c', 'd', 'e', 'f', '']);
  const { auc, interval, ...others } = scoreFolds(folds);
  assert.deepEqual(others, {
    rows: 6,
    folds: [
      { fold: 0, file: 'first.csv', rows: 3, auc: 1 },
      { fold: 1, file: 'second.csv', rows: 3, auc: 1 },
    ],
  });
  // Of the 9 pairs, 8 are in order and one is a tie: c and d.
  assert.ok(Math.abs(auc! - 8.5 / 9) < 1e-12, `${auc}`);
  // The shares of the signals a, c, e are 1, 5/6, 1, and so are those of the noise samples: each variance is 1/108, for 3 samples.
  const low = 8.5 / 9 - 1.959964 * Math.sqrt(2 / 3 / 108);
  assert.ok(Math.abs(interval!.low - low) < 1e-12, `${interval!.low}`);
  assert.equal(interval!.high, 1);
});

test('what is written is read again, to the bit', () => {
  const probabilities = Float64Array.of(0, 5e-324, 1 / 3, 0.1, 1 - 2 ** -53);
  const labels = Uint8Array.of(0, 1, 0, 1, 1);
  const fold = { fold: 999, ids: ['0', '-x', '1e5', 'a.b', '_'], labels, probabilities };
  const { object, ...again } = parsePredictions(Buffer.from(serializePredictions([fold])), 'x.csv');
  assert.deepEqual(again, fold);
});

test('columns may be in any order, and others are ignored', () => {
  const text = '\ufeff"fold",prediction,note,target,id\r\n2,5e-1,"a,b",1,x\r\n\r\n';
  const { fold, ids, labels, probabilities } = parsePredictions(Buffer.from(text), 'x.csv');
  assert.deepEqual([fold, ids, [...labels], [...probabilities]], [2, ['x'], [1], [0.5]]);
});

test('with one class the AUC is null, and so is its interval', () => {
  const { auc, interval, folds } = scoreFolds(orderFolds([parse(['a,0,0.9,0', 'b,0,0.2,0'])]));
  assert.deepEqual([auc, interval, folds[0]!.auc], [null, null, null]);
});

test('a file that holds no predictions is refused, with the row', () => {
  const refused = (text: string, message: RegExp) =>
    assert.throws(
      () => parsePredictions(Buffer.from(text), 'x.csv'),
      (error) => error instanceof InputError && message.test(error.message),
      text,
    );
  refused(
    '',
    /x\.csv: found no rows, needed a header line with the columns id, target, prediction, and fold/,
  );
  refused('id,target\na,1\n', /found the columns \["id","target"\], needed a header line/);
  refused(HEADER, /found no row below the header, needed predictions/);
  for (const [row, message] of [
    ['=cmd,1,0.5,0', /found the id "=cmd" in row 5, needed 1-64 letters/],
    [',1,0.5,0', /found the id "" in row 5/],
    ['x,1,0.5', /found 3 cells in row 5, needed 4/],
    ['x,2,0.5,0', /found the target "2" in row 5, needed 0 or 1/],
    ['x,1,NaN,0', /found the prediction "NaN" in row 5, needed a number from 0 to 1/],
    ['x,1,,0', /found the prediction "" in row 5/],
    ['x,1,Infinity,0', /found the prediction "Infinity" in row 5/],
    ['x,1,-0.1,0', /found the prediction "-0\.1" in row 5/],
    ['x,1,1.00000001,0', /found the prediction "1\.00000001" in row 5/],
    ['x,1,0.5,-1', /found the fold "-1" in row 5, needed a whole number from 0 to 999/],
    ['x,1,0.5,1.5', /found the fold "1\.5" in row 5/],
    ['x,1,0.5,1', /found fold 1 in row 5, needed 0, as in the first row/],
  ] as const)
    refused(HEADER + [...FIRST, row].join('\n'), message);
});

test('a file that is too large is refused before it is read', async () => {
  const store = createMemoryStore();
  const asked: (number | undefined)[] = [];
  const large = {
    ...store,
    read: async (_: string, range?: { length: number }) => {
      asked.push(range?.length);
      return new Uint8Array(range!.length);
    },
  };
  await assert.rejects(
    readPredictions(large, 'x.csv'),
    (error) => error instanceof InputError && /more than 268435456 bytes/.test(error.message),
  );
  assert.deepEqual(asked, [(1 << 28) + 1]);
});

test('an id that occurs twice is refused, with both files and rows', () => {
  const twice = (files: readonly (readonly string[])[], message: RegExp) =>
    assert.throws(
      () => orderFolds(files.map((rows, i) => parse(rows, `${i}.csv`))),
      (error) => error instanceof InputError && message.test(error.message),
    );
  twice(
    [FIRST, [...SECOND, 'b,0,0.2,1']],
    /1\.csv: found the id "b" in row 5, which row 3 of 0\.csv also has, needed unique ids/,
  );
  twice([[...FIRST, 'a,1,0.9,0']], /0\.csv: found the id "a" in row 5, which row 2 of 0\.csv also has/);
});

test('a missing fold and a fold that is given twice are refused by name', () => {
  assert.throws(
    () => orderFolds([parse(FIRST, 'first.csv'), parse(['x,1,0.5,2'], 'third.csv')]),
    (error) =>
      error instanceof SettingError &&
      /^fold 1 is missing, although third\.csv has fold 2\./.test(error.message),
  );
  assert.throws(
    () => orderFolds([parse(SECOND, 'second.csv')]),
    (error) => error instanceof SettingError && /^fold 0 is missing/.test(error.message),
  );
  assert.throws(
    () => orderFolds([parse(FIRST, 'first.csv'), parse(FIRST, 'again.csv')]),
    (error) =>
      error instanceof ConflictError &&
      /^first\.csv and again\.csv both have fold 0\./.test(error.message) &&
      error.exitCode === 4,
  );
});
