import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createRandomStream } from '../../src/core/random.ts';
import { SAMPLE_LENGTH, SAMPLE_SIZE } from '../../src/core/strain.ts';
import { serializeMetadata } from '../../src/records/metadata.ts';
import { createShardBuilder } from '../../src/records/shard.ts';
import { shardName } from '../../src/records/shard-names.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { filesOf, type ShardFiles } from '../../src/training/input/shard-files.ts';
import { folderForTests } from '../support/fixtures.ts';

export interface ToySettings {
  count: number;
  /** Records per shard. */
  shardSize?: number;
  dtype?: 'float16' | 'float32';
  seed?: number;
  /** Label of record i; by default every other record is a signal. */
  label?: (i: number) => 0 | 1;
  /** Changes the signal of record i. */
  edit?: (signal: Float32Array, i: number) => void;
}

export const toyId = (i: number): string => `toy${String(i).padStart(7, '0')}`;

/** White noise of variance 1; a signal is a loud tone in all three detectors. */
export function makeSignal(label: 0 | 1, seed: number, index: number): Float32Array {
  const random = createRandomStream(seed, index, 1);
  return Float32Array.from({ length: SAMPLE_SIZE }, (_, i) => {
    return random.normal() + (label === 1 ? 1.5 * Math.sin(0.3 * (i % SAMPLE_LENGTH)) : 0);
  });
}

/** The shards of a store that makeToyRecords made. */
export function toyFiles({ folder }: ObjectStore): ShardFiles {
  if (folder === undefined) throw new Error('not a store of files');
  return filesOf(folder);
}

const { folder, remove } = folderForTests();
process.on('exit', remove);
let made = 0;

/** A folder of records that a model learns to classify within a few steps; removed when the process ends. */
export async function makeToyRecords(settings: ToySettings): Promise<ObjectStore> {
  const {
    count,
    shardSize = 16,
    dtype = 'float16',
    seed = 1,
    label = (i) => (i % 2 === 0 ? 0 : 1),
  } = settings;
  made++;
  const store = createFileStore(join(folder, String(made)));
  const total = Math.ceil(count / shardSize);
  const shards = [];
  for (let shard = 0; shard < total; shard++) {
    const n_records = Math.min(shardSize, count - shard * shardSize);
    const builder = createShardBuilder(dtype, n_records);
    for (let i = shard * shardSize; i < shard * shardSize + n_records; i++) {
      const signal = makeSignal(label(i), seed, i);
      settings.edit?.(signal, i);
      builder.add(toyId(i), label(i), signal);
    }
    const bytes = builder.finish();
    const name = shardName(shard, total);
    await store.write(name, bytes);
    shards.push({
      name,
      n_records,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
  }
  const hash = '0'.repeat(64);
  const metadata = serializeMetadata({
    n_samples: count,
    n_failed: 0,
    signal_shape: [3, 4096],
    dtype,
    dataset: 'toy',
    recipe: {},
    recipe_hash: hash,
    psd_sha256: hash,
    labels_sha256: hash,
    plan_hash: hash,
    shards,
    software: { name: 'toy', version: '1' },
  });
  await store.write('metadata.json', new TextEncoder().encode(metadata));
  return store;
}

/**
 * Replaces the second shard with a copy of the first one, of the same size. `noted` writes its hash into metadata.json, so
 * only the duplicate ids reveal it.
 */
export async function replaceShard(store: ObjectStore, noted = false): Promise<void> {
  const metadata = JSON.parse(new TextDecoder().decode(await store.read('metadata.json')));
  const [first, second] = metadata.shards;
  await store.write(second.name, await store.read(first.name));
  if (!noted) return;
  metadata.shards[1] = { ...first, name: second.name };
  await store.write('metadata.json', new TextEncoder().encode(JSON.stringify(metadata)));
}
