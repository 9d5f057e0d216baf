/**
 * Benchmark of the training input alone: float16 records from the page cache to shuffled float32 batches, compared with
 * Python's tf.data.
 *
 *   npm run bench -- input [--json]
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRandomStream } from '../src/core/random.ts';
import { SAMPLE_SIZE } from '../src/core/strain.ts';
import { createShardBuilder } from '../src/records/shard.ts';
import { createFileStore } from '../src/storage/file/file-store.ts';
import { openTrainingInput } from '../src/training/input/record-input.ts';
import type { RecordSet } from '../src/training/input/records.ts';
import { filesOf } from '../src/training/input/shard-files.ts';
import { completeSettings } from '../src/training/settings.ts';
import { tf } from '../test/model/tensorflow.ts';
import { PYTHON } from '../test/support/python.ts';

const SHARDS = 16;
const RECORDS = 1024;
const PASSES = 5;

const folder = mkdtempSync(join(tmpdir(), 'chirpline-bench-'));
try {
  const set = writeRecords();
  // 98 % of the records, in an order drawn from a buffer that holds all of them.
  const settings = completeSettings({ validation_split: 0.02, batch_size: 64 }, 'cpu');
  const input = openTrainingInput(tf, set, filesOf(createFileStore(folder).folder), settings);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let pass = 0; pass < PASSES; pass++) {
    const start = performance.now();
    let records = 0;
    for await (const { size } of input.training(pass + 1)) records += size;
    ours.push((records * 1000) / (performance.now() - start));
    theirs.push(measurePython());
  }
  input.dispose();
  const [chirpline, python] = [median(ours), median(theirs)];
  if (process.argv.includes('--json')) {
    console.log(
      JSON.stringify({ threads: availableParallelism(), chirpline, tf_data: python }, undefined, 2),
    );
  } else {
    console.log(
      `training input, batches of 64, ${availableParallelism()} threads, median of ${PASSES} passes over ${SHARDS * RECORDS} records`,
    );
    console.log(
      `  chirpline       ${chirpline.toFixed(0)} records/s   ${(chirpline / python).toFixed(2)} x tf.data`,
    );
    console.log(`  Python tf.data  ${python.toFixed(0)} records/s`);
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** Writes the same shard under many names: the content of a shard makes no difference. */
function writeRecords(): RecordSet {
  const random = createRandomStream(1, 0, 0);
  const builder = createShardBuilder('float16', RECORDS);
  const signal = new Float32Array(SAMPLE_SIZE);
  for (let i = 0; i < RECORDS; i++) {
    for (let k = 0; k < SAMPLE_SIZE; k++) signal[k] = random.uniform(-2, 2);
    builder.add(String(i).padStart(10, '0'), i % 2 === 0 ? 0 : 1, signal);
  }
  const bytes = builder.finish();
  mkdirSync(folder, { recursive: true });
  const shards = Array.from({ length: SHARDS }, (_, i) => {
    const name = `${i}.tfrecord`;
    writeFileSync(join(folder, name), bytes);
    return { name, bytes: bytes.length, runs: [{ offset: 0, records: RECORDS }] };
  });
  return { store: createFileStore(folder), shards, count: SHARDS * RECORDS, dtype: 'float16' };
}

/** Rate of Python's tf.data [records/s]. */
function measurePython(): number {
  const script = fileURLToPath(new URL('tf_data.py', import.meta.url));
  const { stdout, stderr, status } = spawnSync(PYTHON, [script, folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
