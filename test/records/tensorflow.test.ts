import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mergeShards } from '../../src/records/merge-records.ts';
import type { RecordDType } from '../../src/records/record-dtype.ts';
import { readShard } from '../../src/records/shard.ts';
import { scratch } from '../support/fixtures.ts';
import { runPython } from '../support/python.ts';
import { assertSameSignal, buildShard, makeSamples } from './samples.ts';

const SAMPLES = makeSamples(5);
/** All signals, concatenated, as float32 bytes. */
const SIGNALS = Buffer.concat(SAMPLES.map(({ signal }) => new Uint8Array(signal.buffer)));

const READ = `
import sys, json, numpy as np, tensorflow as tf
path, dtype, out = sys.argv[1:]
schema = {'signal': tf.io.FixedLenFeature([], tf.string), 'label': tf.io.FixedLenFeature([], tf.int64),
          'id': tf.io.FixedLenFeature([], tf.string)}
ids, labels, signals = [], [], []
for record in tf.data.TFRecordDataset(path):
    example = tf.io.parse_single_example(record, schema)
    signal = tf.io.decode_raw(example['signal'], getattr(tf, dtype))
    signals.append(tf.reshape(signal, (3, 4096)).numpy().astype('<f4'))
    ids.append(example['id'].numpy().decode()); labels.append(int(example['label']))
np.stack(signals).tofile(out)
print(json.dumps({'ids': ids, 'labels': labels}))
`;

/** The ids, labels and signals that TensorFlow reads from a file of records. */
function readByTensorFlow(folder: string, bytes: Uint8Array, dtype: RecordDType) {
  const [path, out] = [join(folder, 'ours.tfrecord'), join(folder, 'signals')];
  writeFileSync(path, bytes);
  const found = JSON.parse(runPython(READ, path, dtype, out)) as unknown;
  return { found, signals: readFileSync(out) };
}

const EXPECTED = { ids: SAMPLES.map(({ id }) => id), labels: SAMPLES.map(({ label }) => label) };

test('TensorFlow reads the signals, labels and ids from a float16 shard', (t) => {
  const { found, signals } = readByTensorFlow(scratch(t), buildShard(SAMPLES, 'float16'), 'float16');
  assert.deepEqual(found, EXPECTED);
  assert.ok(signals.equals(SIGNALS));
});

test('TensorFlow decodes a merged train.tfrecord as float32', async (t) => {
  const shards = [SAMPLES.slice(0, 2), SAMPLES.slice(2)].map((samples, i) => ({
    object: `shard ${i}`,
    bytes: buildShard(samples, 'float16'),
    records: samples.length,
  }));
  const parts: Uint8Array[] = [];
  for await (const part of mergeShards(shards, 'float32')) parts.push(part);
  const { found, signals } = readByTensorFlow(scratch(t), Buffer.concat(parts), 'float32');
  assert.deepEqual(found, EXPECTED);
  assert.ok(signals.equals(SIGNALS));
  // The comparison can fail.
  signals[7]! ^= 1;
  assert.ok(!signals.equals(SIGNALS));
});

const WRITE = `
import sys, json, numpy as np, tensorflow as tf
source, out, dtype, with_id = sys.argv[1:]
samples = json.load(open(source + '.json'))
signals = np.fromfile(source, '<f4').reshape(-1, 3, 4096)
with tf.io.TFRecordWriter(out) as writer:
    for sample, signal in zip(samples, signals):
        feature = {'signal': tf.train.Feature(bytes_list=tf.train.BytesList(value=[signal.astype(dtype).tobytes()])),
                   'label': tf.train.Feature(int64_list=tf.train.Int64List(value=[sample['label']]))}
        if with_id == 'yes':
            feature['id'] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[sample['id'].encode()]))
        example = tf.train.Example(features=tf.train.Features(feature=feature))
        writer.write(example.SerializeToString(deterministic=True))
`;

for (const dtype of ['float16', 'float32'] as const) {
  for (const withId of ['yes', 'no']) {
    test(`a ${dtype} file that TensorFlow wrote ${withId === 'yes' ? 'with' : 'without'} ids is read, and equals ours byte for byte`, (t) => {
      const folder = scratch(t);
      const [source, out] = [join(folder, 'signals'), join(folder, 'theirs.tfrecord')];
      writeFileSync(source, SIGNALS);
      writeFileSync(`${source}.json`, JSON.stringify(SAMPLES.map(({ id, label }) => ({ id, label }))));
      runPython(WRITE, source, out, `<f${dtype === 'float16' ? 2 : 4}`, withId);
      const theirs = new Uint8Array(readFileSync(out));
      let i = 0;
      for (const record of readShard(theirs, out, SAMPLES.length)) {
        const sample = SAMPLES[i]!;
        assert.deepEqual([record.id, record.label], [withId === 'yes' ? sample.id : undefined, sample.label]);
        assert.equal(record.dtype, dtype);
        assertSameSignal(record.signal, sample.signal);
        i += 1;
      }
      if (withId === 'yes') assert.ok(Buffer.from(theirs).equals(buildShard(SAMPLES, dtype)));
    });
  }
}
