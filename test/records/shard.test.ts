import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError } from '../../src/core/errors.ts';
import { encodeFloat16 } from '../../src/core/float16.ts';
import { decodeExample, encodeExample } from '../../src/records/example.ts';
import { mergeShards } from '../../src/records/merge-records.ts';
import { type RecordDType, SIGNAL_BYTES } from '../../src/records/record-dtype.ts';
import { createShardBuilder, readShard } from '../../src/records/shard.ts';
import { shardName } from '../../src/records/shard-names.ts';
import { frameRecord } from '../../src/records/tfrecord.ts';
import { assertSameSignal, buildShard, makeSamples } from './samples.ts';

const DTYPES: RecordDType[] = ['float16', 'float32'];
const SAMPLES = makeSamples(4);

function signalBytes(signal: Float32Array, dtype: RecordDType): Uint8Array {
  if (dtype === 'float32') return new Uint8Array(signal.slice().buffer);
  const bytes = new Uint8Array(signal.length * 2);
  encodeFloat16(signal, bytes, 0);
  return bytes;
}

test('shards are named by number and total', () => {
  assert.equal(shardName(0, 547), 'train-00000-of-00547.tfrecord');
  assert.equal(shardName(546, 547), 'train-00546-of-00547.tfrecord');
});

for (const dtype of DTYPES) {
  test(`a ${dtype} shard equals the encoding by protobufjs byte for byte, with ids of any length`, () => {
    const { signal } = SAMPLES[1]!;
    const ids = [
      undefined,
      '',
      'a',
      '0123456789',
      'b',
      'ü',
      'グラフ',
      'x'.repeat(80),
      'y'.repeat(130),
      'z'.repeat(20_000),
      'c',
    ];
    const builder = createShardBuilder(dtype, ids.length * 2);
    const expected: Uint8Array[] = [];
    for (const label of [0, 1] as const) {
      for (const id of ids) {
        builder.add(id, label, signal);
        expected.push(frameRecord(encodeExample({ id, label, signal: signalBytes(signal, dtype) })));
      }
    }
    assert.equal(builder.count, ids.length * 2);
    assert.ok(Buffer.concat(expected).equals(builder.finish()));
  });

  test(`a ${dtype} shard is read back`, () => {
    const bytes = buildShard(SAMPLES, dtype);
    const found = [...readShard(bytes, 's', SAMPLES.length)].map(({ id, label, offset }) => ({
      id,
      label,
      offset,
    }));
    assert.deepEqual(
      found,
      SAMPLES.map(({ id, label }, i) => ({ id, label, offset: (i * bytes.length) / SAMPLES.length })),
    );
    let i = 0;
    for (const { signal, dtype: read } of readShard(bytes, 's')) {
      assert.equal(read, dtype);
      assertSameSignal(signal, SAMPLES[i]!.signal);
      i += 1;
    }
  });
}

test('the same samples make the same bytes, and other samples make others', () => {
  const bytes = Buffer.from(buildShard(SAMPLES, 'float16'));
  assert.ok(bytes.equals(buildShard(makeSamples(4), 'float16')));
  assert.ok(!bytes.equals(buildShard(SAMPLES.toReversed(), 'float16')));
});

test('a builder accepts only signals of the right size, and only as many at a time as its capacity', () => {
  const { signal } = SAMPLES[0]!;
  const builder = createShardBuilder('float16', 1);
  assert.throws(() => builder.add('a', 0, signal.subarray(1)), RangeError);
  builder.add('a', 0, signal);
  assert.throws(() => builder.add('b', 0, signal), RangeError);
  assert.equal([...readShard(builder.finish(), 's', 1)].length, 1);
  builder.add('b', 0, signal);
  assert.equal(builder.count, 2);
  assert.throws(() => createShardBuilder('float16', 0).add('a', 0, signal), RangeError);
  assert.equal(createShardBuilder('float16', 3).finish().length, 0);
});

test('the pieces of a shard concatenate to the shard', () => {
  const whole = createShardBuilder('float16', SAMPLES.length);
  for (const { id, label, signal } of SAMPLES) whole.add(id, label, signal);
  const expected = Buffer.from(whole.finish());
  for (const size of [1, 2, SAMPLES.length]) {
    const builder = createShardBuilder('float16', size);
    const pieces: Buffer[] = [];
    for (const [index, { id, label, signal }] of SAMPLES.entries()) {
      builder.add(id, label, signal);
      if ((index + 1) % size === 0) pieces.push(Buffer.from(builder.finish()));
    }
    pieces.push(Buffer.from(builder.finish()));
    assert.ok(Buffer.concat(pieces).equals(expected));
    assert.ok(!Buffer.concat(pieces.toReversed()).equals(expected) || size === SAMPLES.length);
  }
});

test('a shard without records, or with an unexpected number of records, is refused', () => {
  const bytes = buildShard(SAMPLES, 'float16');
  const read = (part: Uint8Array, expected?: number) => [...readShard(part, 's.tfrecord', expected)].length;
  assert.throws(
    () => read(new Uint8Array(0)),
    /^InputError: s\.tfrecord at byte 0: found the end .* at least one/,
  );
  assert.equal(read(new Uint8Array(0), 0), 0);
  assert.throws(() => read(bytes.subarray(0, bytes.length / 2), 4), /after 2 records, needed 4/);
  assert.throws(() => read(bytes, 3), InputError);
});

/** An Example whose only feature is named `__proto__`, an Int64List of 1. */
const POLLUTING = Uint8Array.from([
  ...[0x0a, 0x14, 0x0a, 0x12, 0x0a, 0x09, ...Buffer.from('__proto__')],
  ...[0x12, 0x05, 0x1a, 0x03, 0x0a, 0x01, 0x01],
]);

test('a record that is no sample is refused with an error that names the file, the record and the fault', () => {
  const signal = new Uint8Array(SIGNAL_BYTES.float16);
  const start = frameRecord(encodeExample({ id: 'good', label: 0, signal }));
  const good = encodeExample({ label: 0, signal });
  const replaceAt = (bytes: Uint8Array, at: number, value: number) => bytes.with(at, value);
  const labelAt = good.findIndex((byte, i) => byte !== encodeExample({ label: 1, signal })[i]);
  const rename = (from: string, to: string) =>
    new Uint8Array(Buffer.from(Buffer.from(good).toString('latin1').replace(from, to), 'latin1'));
  const cases: [string, Uint8Array, RegExp][] = [
    ['a label of 2', replaceAt(good, labelAt, 2), /the label 2, needed 0 or 1/],
    [
      'a signal of another size',
      encodeExample({ label: 0, signal: signal.subarray(2) }),
      /a signal of 24574 bytes/,
    ],
    ['no signal', rename('signal', 'Signal'), /the features "label", "Signal", needed a feature "signal"/],
    ['no label', rename('label', 'Label'), /needed a feature "label"/],
    ['features in the prototype', POLLUTING, /needed a feature "signal"/],
    ['no features', new Uint8Array(0), /the features \(none\)/],
    ['random bytes', new Uint8Array(100).fill(0xee), /a record that can't be decoded/],
    ['half an Example', good.subarray(0, 500), /a record that can't be decoded/],
  ];
  for (const [name, record, message] of cases) {
    const bytes = new Uint8Array(Buffer.concat([start, frameRecord(record)]));
    assert.throws(
      () => [...readShard(bytes, 's.tfrecord')],
      (error) =>
        error instanceof InputError &&
        error.fields.object === 's.tfrecord' &&
        error.fields.offset === start.length &&
        message.test(error.message),
      name,
    );
  }
});

test('a record truncated or changed at any byte is either decoded to a sample or refused', () => {
  const record = encodeExample({ id: '0123456789', label: 1, signal: new Uint8Array(64).fill(7) });
  let refused = 0;
  for (let at = 0; at < record.length; at++) {
    for (const bytes of [
      record.subarray(0, at),
      ...[1, 0x80, 0xff].map((bits) => record.with(at, record[at]! ^ bits)),
    ]) {
      try {
        const { label } = decodeExample(bytes, 's', 0);
        assert.ok(label === 0 || label === 1);
      } catch (error) {
        assert.ok(error instanceof InputError, `byte ${at}: ${String(error)}`);
        refused += 1;
      }
    }
  }
  assert.ok(refused > 100);
});

test('shards are merged unchanged, or as float32 without loss', async () => {
  const shards = (dtype: RecordDType) =>
    [SAMPLES.slice(0, 3), SAMPLES.slice(3)].map((samples, i) => ({
      object: shardName(i, 2),
      bytes: buildShard(samples, dtype),
      records: samples.length,
    }));
  const merge = async (from: RecordDType, to: RecordDType) => {
    const parts: Uint8Array[] = [];
    for await (const part of mergeShards(shards(from), to)) parts.push(part);
    return Buffer.concat(parts);
  };
  for (const from of DTYPES) {
    for (const to of DTYPES)
      assert.ok((await merge(from, to)).equals(buildShard(SAMPLES, to)), `${from} to ${to}`);
  }
  const short = shards('float16').map((shard) => ({ ...shard, records: shard.records + 1 }));
  await assert.rejects(async () => {
    for await (const part of mergeShards(short, 'float32')) assert.ok(part.length > 0);
  }, /after 3 records, needed 4/);
});
