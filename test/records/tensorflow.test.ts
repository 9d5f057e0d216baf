import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { mergeShards } from '../../src/records/merge-records.ts';
import type { RecordDType } from '../../src/records/record-dtype.ts';
import { readShard } from '../../src/records/shard.ts';
import { folderForTests } from '../support/fixtures.ts';
import { runPython } from '../support/python.ts';
import { assertSameSignal, buildShard, makeSamples } from './samples.ts';

const SAMPLES = makeSamples(5);
/** All signals, concatenated, as float32 bytes. */
const SIGNALS = Buffer.concat(SAMPLES.map(({ signal }) => new Uint8Array(signal.buffer)));

/** TensorFlow is loaded once, since that takes longer than everything it does here. */
const PROGRAM = `
import sys, json, numpy as np, tensorflow as tf
folder, reads, writes = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
schema = {'signal': tf.io.FixedLenFeature([], tf.string), 'label': tf.io.FixedLenFeature([], tf.int64),
          'id': tf.io.FixedLenFeature([], tf.string)}
found = {}
for name, dtype in reads.items():
    ids, labels, signals = [], [], []
    for record in tf.data.TFRecordDataset(f'{folder}/{name}'):
        example = tf.io.parse_single_example(record, schema)
        signal = tf.io.decode_raw(example['signal'], getattr(tf, dtype))
        signals.append(tf.reshape(signal, (3, 4096)).numpy().astype('<f4'))
        ids.append(example['id'].numpy().decode()); labels.append(int(example['label']))
    np.stack(signals).tofile(f'{folder}/{name}.signals')
    found[name] = {'ids': ids, 'labels': labels}
samples = json.load(open(f'{folder}/samples.json'))
signals = np.fromfile(f'{folder}/signals', '<f4').reshape(-1, 3, 4096)
for name, (dtype, with_id) in writes.items():
    with tf.io.TFRecordWriter(f'{folder}/{name}') as writer:
        for sample, signal in zip(samples, signals):
            stored = signal.astype({'float16': '<f2', 'float32': '<f4'}[dtype]).tobytes()
            feature = {'signal': tf.train.Feature(bytes_list=tf.train.BytesList(value=[stored])),
                       'label': tf.train.Feature(int64_list=tf.train.Int64List(value=[sample['label']]))}
            if with_id:
                feature['id'] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[sample['id'].encode()]))
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString(deterministic=True))
print(json.dumps(found))
`;

const { folder, remove } = folderForTests();
after(remove);
const place = (name: string) => join(folder, name);
const nameOf = (dtype: RecordDType, withId: boolean) => `${dtype}-${withId ? 'with' : 'without'}-ids`;
/** The files that TensorFlow writes: their dtype, and whether they have ids. */
const WRITTEN = (['float16', 'float32'] as const).flatMap((dtype) =>
  [true, false].map((withId) => [dtype, withId] as const),
);
/** What TensorFlow read from each of our files. */
let found: Record<string, unknown>;

before(async () => {
  writeFileSync(place('shard'), buildShard(SAMPLES, 'float16'));
  const shards = [SAMPLES.slice(0, 2), SAMPLES.slice(2)].map((samples, i) => ({
    object: `shard ${i}`,
    bytes: buildShard(samples, 'float16'),
    records: samples.length,
  }));
  const parts: Uint8Array[] = [];
  for await (const part of mergeShards(shards, 'float32')) parts.push(part);
  writeFileSync(place('merged'), Buffer.concat(parts));
  writeFileSync(place('signals'), SIGNALS);
  writeFileSync(place('samples.json'), JSON.stringify(SAMPLES.map(({ id, label }) => ({ id, label }))));
  const reads = { shard: 'float16', merged: 'float32' };
  const writes = Object.fromEntries(WRITTEN.map((file) => [nameOf(...file), file]));
  found = JSON.parse(runPython(PROGRAM, folder, JSON.stringify(reads), JSON.stringify(writes)));
});

const EXPECTED = { ids: SAMPLES.map(({ id }) => id), labels: SAMPLES.map(({ label }) => label) };

test('TensorFlow reads the signals, labels and ids from a float16 shard', () => {
  assert.deepEqual(found.shard, EXPECTED);
  assert.ok(readFileSync(place('shard.signals')).equals(SIGNALS));
});

test('TensorFlow decodes a merged train.tfrecord as float32', () => {
  assert.deepEqual(found.merged, EXPECTED);
  const signals = readFileSync(place('merged.signals'));
  assert.ok(signals.equals(SIGNALS));
  // The comparison can fail.
  signals[7]! ^= 1;
  assert.ok(!signals.equals(SIGNALS));
});

for (const [dtype, withId] of WRITTEN) {
  test(`a ${dtype} file that TensorFlow wrote ${withId ? 'with' : 'without'} ids is read, and equals ours byte for byte`, () => {
    const file = place(nameOf(dtype, withId));
    const theirs = new Uint8Array(readFileSync(file));
    let i = 0;
    for (const record of readShard(theirs, file, SAMPLES.length)) {
      const sample = SAMPLES[i]!;
      assert.deepEqual([record.id, record.label], [withId ? sample.id : undefined, sample.label]);
      assert.equal(record.dtype, dtype);
      assertSameSignal(record.signal, sample.signal);
      i += 1;
    }
    if (withId) assert.ok(Buffer.from(theirs).equals(buildShard(SAMPLES, dtype)));
  });
}
