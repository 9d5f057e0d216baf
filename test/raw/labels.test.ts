import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InputError } from '../../src/core/errors.ts';
import { parseLabels } from '../../src/raw/labels.ts';

const parse = (text: string) => parseLabels(Buffer.from(text), 'training_labels.csv');
const LABELS = [
  { id: '00000e74ad', target: 1 },
  { id: '00001f4945', target: 0 },
] as const;

describe('a labels file', () => {
  test('is read with LF, CRLF, a BOM, quotes, empty lines, other columns, blanks, floats and no newline at its end', () => {
    for (const text of [
      'id,target\n00000e74ad,1\n00001f4945,0\n',
      'id,target\r\n00000e74ad,1\r\n00001f4945,0',
      '\ufeffid,target\n00000e74ad,1\n00001f4945,0\n',
      '\ufeff"id","target"\r\n"00000e74ad","1"\r\n\r\n"00001f4945",0\r\n\r\n',
      'comment,target,id\n"a ""b"",\nc",1,00000e74ad\n,0,00001f4945\n',
      'id, target\n00000e74ad, 1\n00001f4945,\t0 \n',
      ' id ,target\r\n 00000e74ad ,"1"\r\n00001f4945, "0"\r\n  \r\n',
      'id,target\n00000e74ad,1.0\n00001f4945,0.0\n',
      'target,id\n1.000000000000000000e+00,00000e74ad\n0.,00001f4945\n',
    ]) {
      assert.deepEqual(parse(text), { labels: LABELS, faults: [], repeated: 0 }, JSON.stringify(text));
    }
  });

  test('with two columns only, as from Kaggle, is checked like any other', () => {
    const reasons = (text: string) => parse(text).faults.map(({ id, reason }) => `${id}: ${reason}`);
    assert.deepEqual(reasons('id,target\nx,1\ny,0\nx,0\n'), [
      'x: 2 labels have this id (line 2)',
      'x: 2 labels have this id (line 4)',
    ]);
    for (const row of ['x,2', 'x,', 'x', '../x,1', ',1', 'x,1,1', 'x,01', 'x,1.5', 'x,0.0e', 'x,1e0']) {
      const { labels, faults } = parse(`id,target\n00000e74ad,1\n${row}\n00001f4945,0\n`);
      assert.deepEqual(labels, LABELS, row);
      assert.equal(faults.length, 1, row);
    }
  });

  test('with invalid rows keeps the valid ones and gives the reason and line of each invalid one', () => {
    const { labels, faults } = parse(
      'id,target,note\n00000e74ad,1,\n\nx,2,\ny,1,"two\nlines"\n../z,0,\ny,0,\nw,,\nv,1.1,\nu\n00001f4945,0,\nt,1,,\n',
    );
    assert.deepEqual(labels, LABELS);
    assert.deepEqual(
      faults.map(({ id, reason }) => `${id}: ${reason}`),
      [
        'x: found the target "2", needed 0 or 1 (line 4)',
        'y: 2 labels have this id (line 6)',
        ': found the id "../z", needed 1-64 letters, digits, _, - or ., not starting with a dot (line 7)',
        'y: 2 labels have this id (line 8)',
        'w: found the target "", needed 0 or 1 (line 9)',
        'v: found the target "1.1", needed 0 or 1 (line 10)',
        'u: found 1 cell, needed 3 (line 11)',
        't: found 4 cells, needed 3 (line 13)',
      ],
    );
    assert.ok(faults.every(({ file }) => file === 'training_labels.csv'));
  });

  test('with rows that repeat others exactly gives each once, and counts the repeats', () => {
    for (const text of [
      'id,target\n00000e74ad,1\n00001f4945,0\n00000e74ad,1\n00000e74ad,1\n',
      'id,target,note\r\n00000e74ad,1,a\r\n00000e74ad,1,a\r\n00001f4945,0,\r\n"00000e74ad","1","a"\r\n',
    ]) {
      assert.deepEqual(parse(text), { labels: LABELS, faults: [], repeated: 2 }, JSON.stringify(text));
    }
    // The rows differ in the other column, so neither can be preferred.
    const { labels, faults, repeated } = parse(
      'id,target,note\n00000e74ad,1,a\n00000e74ad,1,b\n00000e74ad,1,a\n00001f4945,0,\n',
    );
    assert.deepEqual([labels, repeated], [[LABELS[1]], 0]);
    assert.deepEqual(
      faults.map(({ reason }) => reason),
      [2, 3, 4].map((line) => `3 labels have this id (line ${line})`),
    );
    // An invalid row that is repeated is reported once, too.
    assert.deepEqual(
      parse('id,target\nx,2\nx,2\n').faults.map(({ reason }) => reason),
      ['found the target "2", needed 0 or 1 (line 2)'],
    );
  });

  test('is refused when it is not UTF-8 CSV with the two columns', () => {
    for (const [bytes, pattern] of [
      [Buffer.from(''), /no rows/],
      [Buffer.from('00000e74ad,1\n'), /the columns \["00000e74ad","1"\], needed a header line/],
      [Buffer.from('id;target\na;1\n'), /the columns/],
      [Buffer.from(`id,target\n"${'a'.repeat(1 << 17)}`), /training_labels\.csv: found Max Record Size/],
      [Buffer.from('id,target\n"a\n'), /Quote Not Closed/],
      [Buffer.from('\ufeffid,target\na,1\n', 'utf16le'), /text in UTF-16/],
      [Buffer.from('id,target\n\xe9,1\n', 'latin1'), /text that is not UTF-8, needed UTF-8/],
    ] as const) {
      assert.throws(
        () => parseLabels(bytes, 'training_labels.csv'),
        (error) => error instanceof InputError && pattern.test(error.message),
        String(pattern),
      );
    }
  });

  test('of 560,000 rows takes about a second', () => {
    const labels = Array.from({ length: 560_000 }, (_, index) => ({
      id: index.toString(16).padStart(10, '0'),
      target: (index & 1) as 0 | 1,
    }));
    const rows = labels.map(({ id, target }) => `${id},${target}\n`);
    const bytes = Buffer.from(`id,target\n${rows.join('')}`);
    const started = performance.now();
    const parsed = parseLabels(bytes, 'x');
    const seconds = (performance.now() - started) / 1000;
    assert.equal(parsed.labels.length, 560_000);
    assert.deepEqual(parsed.labels.at(-1), labels.at(-1));
    // Ten times as long as on an idle machine.
    assert.ok(seconds < 10, `${seconds} s`);
  });
});
