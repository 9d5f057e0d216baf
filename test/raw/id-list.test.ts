import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError, NotFoundError } from '../../src/core/errors.ts';
import { parseIdList, readIdList } from '../../src/raw/id-list.ts';
import { createMemoryStore } from '../support/memory-store.ts';

const parse = (text: string) => parseIdList(Buffer.from(text), 'sample_submission.csv');

test('a list of ids keeps their order, whatever the other columns and the kind of CSV', () => {
  for (const text of [
    'id,target\nb,0.5\na,0.5\n',
    '\ufeff"id","target"\r\n"b","0.5"\r\n\r\n"a",0.5',
    'id\nb\na\n',
    'target,id,note\n0.5,b,"x\ny"\n,a,\n',
  ])
    assert.deepEqual(parse(text), ['b', 'a'], JSON.stringify(text));
});

test('a list of ids with a wrong row is refused, with the row, what it has and what it needs', () => {
  for (const [text, message] of [
    ['id,target\na,0.5\n\nb\n', 'found 1 cell on line 4, needed 2'],
    ['id,target\na,0.5,1\n', 'found 3 cells on line 2, needed 2'],
    [
      'id,target\n../a,0.5\n',
      'found the id "../a" on line 2, needed 1-64 letters, digits, _, - or ., not starting with a dot',
    ],
    ['id,target\na,0.5\nb,0.5\na,0.5\n', 'found the id "a" again on line 4, needed each id once'],
    ['id,target\n', 'found no row below the header, needed ids'],
    ['', 'found no rows, needed a header line with the column id'],
    ['name,target\na,0.5\n', 'found the columns ["name","target"], needed a header line with the column id'],
  ] as const) {
    assert.throws(
      () => parse(text),
      (error) => error instanceof InputError && error.message === `sample_submission.csv: ${message}`,
      message,
    );
  }
});

test('a missing list is an error', async () => {
  await assert.rejects(readIdList(createMemoryStore(), 'sample_submission.csv'), NotFoundError);
});
