/** What a local run leaves when one of its worker threads fails. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ConflictError } from '../../src/errors.ts';
import { preprocessDataset } from '../../src/pipeline/local.ts';
import { createFileStore } from '../../src/storage/file.ts';
import { writeDataset } from '../support/dataset.ts';
import { scratch } from '../support/fixtures.ts';

test('a conflict at one shard leaves no temporary file of the others, and no lock', async (t) => {
  const raw = scratch(t);
  const records = scratch(t);
  await writeDataset(createFileStore(raw), 120);
  writeFileSync(join(records, 'train-00000-of-00004.tfrecord'), 'of somebody else');
  const settings = {
    dataset: 'd',
    dtype: 'float32',
    shardSize: 30,
    psdSamples: 100,
    seed: 1,
    workers: 2,
    maxRejected: 0,
  } as const;
  await assert.rejects(preprocessDataset(raw, records, settings), ConflictError);
  const names = readdirSync(records, { recursive: true }).map(String);
  assert.deepEqual(
    names.filter((name) => /\.chirpline-|lock\.json/.test(name)),
    [],
  );
});
