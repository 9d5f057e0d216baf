import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError } from '../../src/core/errors.ts';
import { injectedInto, parseTruth } from '../../src/evaluation/truth.ts';

const HEADER = 'id,target,m1,snr_net,tc\n';
const GOOD = `${HEADER}a,0,,,\nb,1,30,8.5,1.75\n`;
const parse = (text: string) => parseTruth(Buffer.from(text), 't.csv');
const refused = (work: () => unknown, message: RegExp) =>
  assert.throws(work, (error) => error instanceof InputError && message.test(error.message));

test('the injections are found by id, whatever the order of columns and rows', () => {
  const truth = parse('tc,x,snr_net,id,target\n,,,a,0\n1.75,,8.5,b,1\n');
  const expected = [{ snr: 8.5, tc: 1.75 }, null];
  assert.deepEqual(injectedInto(truth, ['b', 'a'], Uint8Array.of(1, 0)), expected);
  assert.deepEqual(injectedInto(parse(GOOD), ['b', 'a'], Uint8Array.of(1, 0)), expected);
});

test('a truth of other samples is refused by its name and an id', () => {
  refused(
    () => injectedInto(parse(GOOD), ['a', 'c'], Uint8Array.of(0, 1)),
    /^t\.csv: found no row of the sample c, needed a row for each record\. /,
  );
  refused(
    () => injectedInto(parse(GOOD), ['a', 'b'], Uint8Array.of(0, 0)),
    /^t\.csv: found the target 1 of the sample b, needed 0, its record's label\. /,
  );
});

test('a file that is no truth is refused, with the row', () => {
  for (const [text, message] of [
    [
      'id,target,snr_net\na,0,\n',
      /^t\.csv: found the columns .*, needed a header line with the columns id, target, snr_net, and tc$/,
    ],
    [`${GOOD}b,1,30,8.5,1.75\n`, /^t\.csv: found the id b a second time in row 4, needed unique ids$/],
    [`${GOOD}c,1,30,,1.75\n`, /^t\.csv: found the snr_net "" of the sample c in row 4, needed a number/],
    [`${GOOD}c,1,30,-1,1.75\n`, /found the snr_net "-1" of the sample c in row 4/],
    [
      `${GOOD}c,1,30,8,1187008882.4\n`,
      /found the tc "1187008882.4" of the sample c in row 4, needed a number from 0 to 2$/,
    ],
    [`${GOOD}c,2,30,8,1\n`, /found the target "2" of the sample c in row 4, needed 0 or 1$/],
    [`${GOOD}c,1,30,8\n`, /found 4 cells in row 4, needed 5$/],
  ] as const)
    refused(() => parse(text), message);
});
