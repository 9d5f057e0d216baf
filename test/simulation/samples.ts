/** The raw samples that all worlds share, and their records from a run without faults. */
import { createHash } from 'node:crypto';
import { encodeNpy, parseNpy } from '../../src/numpy/npy.ts';
import { readPsd } from '../../src/preprocess/average-psd.ts';
import { collect, makeShard } from '../../src/preprocess/shard-maker.ts';
import { readShard } from '../../src/records/shard.ts';
import { createPreprocessor } from '../../src/signal/preprocessor.ts';
import { sampleKey } from '../../src/simulate/layout.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { writeDataset } from '../support/dataset.ts';
import { createMemoryStore } from '../support/memory-store.ts';

/** Number of samples before the run, and in total. */
export const BASE = 9;
export const COUNT = 14;

export interface Samples {
  ids: string[];
  targets: (0 | 1)[];
  keys: string[];
  bytes: Uint8Array[];
  /** Other valid strain under the same id and key. */
  second: Uint8Array[];
}

export async function makeSamples(): Promise<Samples> {
  const pool = createMemoryStore();
  const { ids, targets } = await writeDataset(pool, COUNT);
  const other = createMemoryStore();
  const { ids: otherIds } = await writeDataset(other, COUNT, 2);
  const keys = ids.map(sampleKey);
  return {
    ids,
    targets: targets as (0 | 1)[],
    keys,
    bytes: await Promise.all(keys.map((key) => pool.read(key))),
    second: await Promise.all(otherIds.map((id) => other.read(sampleKey(id)))),
  };
}

/** Samples as one stack, in that order. */
export function stackOf({ bytes }: Samples, indices: readonly number[]): Uint8Array {
  const data = Float64Array.from(
    indices.flatMap((index) => [...(parseNpy(bytes[index]!, 'a sample').data as Float64Array)]),
  );
  return encodeNpy({ dtype: '<f8', shape: [indices.length, 3, 4096], data });
}

export function labelsOf({ ids, targets }: Samples, count: number): Uint8Array {
  return new TextEncoder().encode(
    ['id,target', ...ids.slice(0, count).map((id, index) => `${id},${targets[index]}`), ''].join('\n'),
  );
}

const cache = new Map<string, Map<string, Set<string>>>();

/** Hashes of the right records of each id, with the PSD in `records`. */
export async function rightRecords(
  samples: Samples,
  records: ObjectStore,
): Promise<Map<string, Set<string>>> {
  const { psd, sha256 } = await readPsd(records, 'avg_psd.npz');
  const known = cache.get(sha256);
  if (known !== undefined) return known;
  const right = new Map(samples.ids.map((id) => [id, new Set<string>()]));
  for (const version of [samples.bytes, samples.second]) {
    const raw = createMemoryStore();
    for (const [index, key] of samples.keys.entries()) await raw.write(key, version[index]!);
    const refs = samples.ids.map((id, index) => ({
      ref: { kind: 'npy' as const, id, key: samples.keys[index]! },
      label: samples.targets[index]!,
    }));
    const shard = makeShard(raw, 'right', refs, 'float16', createPreprocessor(psd));
    for (const { id, hash } of hashRecords(await collect(shard.pieces), 'right', COUNT))
      right.get(id)!.add(hash);
  }
  cache.set(sha256, right);
  return right;
}

export function* hashRecords(
  bytes: Uint8Array,
  object: string,
  expected: number,
): Generator<{ id: string; hash: string }> {
  for (const { id = '', label, signal } of readShard(bytes, object, expected)) {
    const data = new Uint8Array(signal.buffer, signal.byteOffset, signal.byteLength);
    yield { id, hash: createHash('sha256').update(data).update(String(label)).digest('hex') };
  }
}
