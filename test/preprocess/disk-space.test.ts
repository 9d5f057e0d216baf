import assert from 'node:assert/strict';
import { statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MachineError } from '../../src/core/errors.ts';
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { requireSpace } from '../../src/preprocess/disk-space.ts';
import { openStore } from '../../src/storage/open.ts';
import { scratch } from '../support/fixtures.ts';
import { createMemoryStore } from '../support/memory-store.ts';

test('records that have no room on the disk are refused before the work; existing shards need none', async (t) => {
  const folder = scratch(t);
  const records = openStore(folder);
  const { bavail, bsize } = statfsSync(folder);
  const half = Math.ceil((bavail * bsize) / (SAMPLE_SIZE * 4) / 2);
  const plan = (dtype: 'float16' | 'float32', ...samples: number[]) =>
    ({
      settings: { dtype },
      shards: samples.map((samples, i) => ({ name: `shard-${i}`, samples, ids: '' })),
    }) as Parameters<typeof requireSpace>[1];
  await requireSpace(records, plan('float32', half));
  await requireSpace(records, plan('float16', half, half));
  await assert.rejects(
    requireSpace(records, plan('float32', half, half, half)),
    (error) =>
      error instanceof MachineError &&
      /records of float32 need .*B, but .*B are free\. .*--dtype float16, which takes half$/.test(
        error.message,
      ),
  );
  writeFileSync(join(folder, 'shard-1'), '');
  writeFileSync(join(folder, 'shard-2'), '');
  await requireSpace(records, plan('float32', half, half, half));
  await requireSpace(createMemoryStore(), plan('float32', half, half, half));
});
