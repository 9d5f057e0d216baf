/** What a local run leaves behind when one of its worker threads fails. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MachineError } from '../../src/core/errors.ts';
import { preprocessDataset } from '../../src/preprocess/local-run.ts';
import { readManifest } from '../../src/preprocess/state/manifest.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import { writeDataset } from '../support/dataset.ts';
import { scratch } from '../support/fixtures.ts';

test('a shard that cannot be written leaves no temporary files of the other workers, and no lease', async (t) => {
  const raw = scratch(t);
  const records = scratch(t);
  await writeDataset(createFileStore(raw), 120);
  mkdirSync(join(records, 'train-00000-of-00004.tfrecord'));
  const settings = {
    dataset: 'd',
    dtype: 'float32',
    shardSize: 30,
    psdSamples: 100,
    seed: 1,
    workers: 2,
    maxRejected: 0,
  } as const;
  await assert.rejects(preprocessDataset(raw, records, settings), MachineError);
  const names = readdirSync(records, { recursive: true }).map(String);
  assert.deepEqual(
    names.filter((name) => /\.chirpline-/.test(name)),
    [],
  );
  assert.equal((await readManifest(createFileStore(records))).lease, undefined);
});
