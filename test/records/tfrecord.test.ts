import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError } from '../../src/core/errors.ts';
import {
  frameRecord,
  RECORD_LIMIT,
  readRecords,
  streamRecords,
  type TFRecord,
} from '../../src/records/tfrecord.ts';

const RECORDS = [0, 1, 100, 7].map((length, i) => new Uint8Array(length).map((_, j) => i * 50 + j));
const FILE = new Uint8Array(Buffer.concat(RECORDS.map(frameRecord)));
/** Where each frame starts, and the end of the file. */
const STARTS = [0, 16, 33, 149, FILE.length];

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

async function collect(records: AsyncIterable<TFRecord>): Promise<TFRecord[]> {
  const found: TFRecord[] = [];
  for await (const { offset, data } of records) found.push({ offset, data: new Uint8Array(data) });
  return found;
}

/** Reads with both readers, whose records or errors must agree. */
async function readBoth(bytes: Uint8Array, chunkSize: number): Promise<TFRecord[] | InputError> {
  const outcome = (error: unknown) => {
    assert.ok(error instanceof InputError, String(error));
    return error;
  };
  let whole: TFRecord[] | InputError;
  try {
    whole = [...readRecords(bytes, 'f.tfrecord')];
  } catch (error) {
    whole = outcome(error);
  }
  const streamed = await collect(streamRecords(inChunks(bytes, chunkSize), 'f.tfrecord')).catch(outcome);
  if (whole instanceof InputError) {
    assert.ok(streamed instanceof InputError);
    assert.equal(streamed.message, whole.message);
  } else {
    assert.deepEqual(streamed, whole);
  }
  return whole;
}

test('framed records are read back, from a whole file and from chunks of any size', async () => {
  const expected = RECORDS.map((data, i) => ({ offset: STARTS[i]!, data }));
  for (const chunkSize of [1, 2, 11, 12, 13, 16, 17, 100, 1000]) {
    assert.deepEqual(await readBoth(FILE, chunkSize), expected, `chunks of ${chunkSize}`);
  }
});

test('one flipped bit anywhere gives an error that names the file and the record', async () => {
  for (let at = 0; at < FILE.length; at++) {
    const broken = FILE.slice();
    broken[at]! ^= 1 << (at % 8);
    const error = await readBoth(broken, 37);
    assert.ok(error instanceof InputError, `byte ${at}`);
    const start = STARTS.findLast((value) => value <= at)!;
    assert.equal(error.fields.object, 'f.tfrecord');
    assert.equal(error.fields.offset, at - start < 12 ? start : start + 12, `byte ${at}`);
    assert.match(error.message, /^f\.tfrecord at byte \d+: found record (length|data) with masked CRC-32C/);
  }
});

test('a file truncated inside a record gives an error that names the record', async () => {
  for (let length = 0; length < FILE.length; length++) {
    const outcome = await readBoth(FILE.subarray(0, length), 64);
    const whole = STARTS.indexOf(length);
    if (whole >= 0) {
      assert.ok(Array.isArray(outcome) && outcome.length === whole, `length ${length}`);
      continue;
    }
    assert.ok(outcome instanceof InputError, `length ${length}`);
    assert.equal(
      outcome.fields.offset,
      STARTS.findLast((value) => value < length),
    );
    assert.match(outcome.fields.found, /^the end of the file/);
  }
});

test('an inserted or a missing byte anywhere is noticed', async () => {
  for (let at = 1; at < FILE.length; at += 3) {
    if (STARTS.includes(at)) continue;
    const without = Buffer.concat([FILE.subarray(0, at), FILE.subarray(at + 1)]);
    const withMore = Buffer.concat([FILE.subarray(0, at), Buffer.of(FILE[at]! ^ 0x55), FILE.subarray(at)]);
    assert.ok((await readBoth(without, 50)) instanceof InputError, `without byte ${at}`);
    assert.ok((await readBoth(withMore, 50)) instanceof InputError, `more at byte ${at}`);
  }
});

test('a length above the limit is refused even if its CRC is right, before the data is read', async () => {
  // The header of a record of 2^24 + 1 bytes, without most of its data.
  const header = frameRecord(new Uint8Array(RECORD_LIMIT + 1)).slice(0, 20);
  const error = await readBoth(header, 5);
  assert.ok(error instanceof InputError);
  assert.match(error.message, /a record of 16777217 bytes/);
});

test('an empty file has no records', async () => {
  assert.deepEqual(await readBoth(new Uint8Array(0), 1), []);
});
