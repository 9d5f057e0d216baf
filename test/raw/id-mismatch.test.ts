import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError } from '../../src/core/errors.ts';
import { describeAlike, refuseMismatch } from '../../src/raw/id-mismatch.ts';

const ids = (count: number, letter: string) =>
  Array.from({ length: count }, (_, index) => `${letter}${index}`);

test('a list of which next to nothing matches is refused, with an id of either side', () => {
  const match = { onlyListed: ids(20, 'x'), onlySamples: ids(30, 'y'), shared: 1 };
  assert.throws(
    () => refuseMismatch('labels.csv', match),
    (error) =>
      error instanceof InputError &&
      /^labels\.csv: found only 1 of its 21 ids among the 31 raw samples \(it has "x0", the samples have "y0"\)/.test(
        error.message,
      ),
  );
});

test('ids that differ only in case or have an extension are told as that', () => {
  const match = { onlyListed: ['A1', 'b2.npy', 'zz'], onlySamples: ['b2', 'a1', 'c3'], shared: 0 };
  assert.throws(
    () => refuseMismatch('labels.csv', match),
    /2 differ only in upper and lower case or in \.npy \("A1", "a1"\)/,
  );
  assert.equal(describeAlike({ onlyListed: ['d'], onlySamples: ['a', 'b'], shared: 100 }), undefined);
});

test('a part of the samples, a part of the list, and a few that differ are not refused', () => {
  refuseMismatch('x', { onlyListed: ids(1000, 'x'), onlySamples: [], shared: 3 });
  refuseMismatch('x', { onlyListed: [], onlySamples: ids(1000, 'y'), shared: 3 });
  refuseMismatch('x', { onlyListed: ids(9, 'x'), onlySamples: ids(9, 'y'), shared: 1 });
  refuseMismatch('x', { onlyListed: ids(9, 'x'), onlySamples: [], shared: 0 });
});
