/** Describes the content of a file (raw samples, arrays, records or metadata), and checks all its checksums. */
import { SettingError } from '../core/errors.ts';
import { DETECTORS, SAMPLE_LENGTH, SAMPLE_SIZE, type Strain } from '../core/strain.ts';
import type { NpyArray } from '../numpy/npy.ts';
import { readNpz, readNpzHeaders } from '../numpy/npz.ts';
import { catalogFile } from '../raw/catalog.ts';
import { readSamples } from '../raw/samples.ts';
import { decodeExample } from '../records/example.ts';
import { METADATA_LIMIT, parseMetadata } from '../records/metadata.ts';
import { decodeSignal } from '../records/record-dtype.ts';
import { checkSignal, describeNonFinite } from '../records/shard.ts';
import { streamRecords } from '../records/tfrecord.ts';
import { strainFault } from '../signal/check.ts';
import { hashObject } from '../storage/hash-object.ts';
import { readLimited } from '../storage/limited.ts';
import type { ObjectStore } from '../storage/store.ts';

/** Largest number of rows shown. */
const SHOWN = 20;

export interface Inspection {
  kind: 'raw samples' | 'arrays' | 'records' | 'metadata';
  /** Facts by name, for scripts. */
  facts: Record<string, unknown>;
  /** A table for people; the first row has the columns' names. */
  rows: string[][];
  /** Faults of the file; empty if it is sound. */
  faults: string[];
}

/** Throws NotFoundError, InputError for a broken file, and SettingError for a file of an unknown kind. */
export async function inspectFile(store: ObjectStore, key: string): Promise<Inspection> {
  if (key.endsWith('.tfrecord')) return inspectRecords(store, key);
  if (key.endsWith('metadata.json')) return inspectMetadata(store, key);
  if (key.endsWith('.npz') && !(await holdsStrain(store, key))) {
    return describeArrays(await readNpz(await store.read(key), `${store.location}${key}`));
  }
  if (isRawFile(key)) return inspectSamples(store, key);
  throw new SettingError(`${key}: needed a .npy, .npz, .tar or .tfrecord file, or a metadata.json`);
}

/** Whether the file's name has an extension of raw samples. */
export function isRawFile(key: string): boolean {
  return /\.(npy|npz|tar)$/.test(key);
}

/** Reads headers only, since a file of raw samples may be larger than the memory. */
async function holdsStrain(store: ObjectStore, key: string): Promise<boolean> {
  const info = await store.head(key);
  // The caller's read then fails, and its error also names a missing bucket.
  if (info === undefined) return false;
  const source = {
    size: info.size,
    read: (offset: number, length: number) => store.read(key, { offset, length }),
  };
  for await (const header of readNpzHeaders(source, `${store.location}${key}`)) {
    if (header?.shape.slice(-2).join() === [DETECTORS.length, SAMPLE_LENGTH].join()) return true;
  }
  return false;
}

function describeArrays(arrays: Map<string, NpyArray>): Inspection {
  const described = [...arrays].map(([name, { dtype, shape, data }]) => ({
    name,
    dtype,
    shape,
    ...rangeOf(data),
  }));
  const faults = described.filter(({ finite }) => !finite).map(({ name }) => `${name} holds NaN or Inf`);
  if (described.length === 0) faults.push('no arrays');
  return {
    kind: 'arrays',
    facts: { arrays: described },
    rows: [
      ['array', 'type', 'shape', 'min', 'max'],
      ...described.map(({ name, dtype, shape, least, largest }) => [
        name,
        dtype,
        `(${shape.join(', ')})`,
        least.toPrecision(4),
        largest.toPrecision(4),
      ]),
    ],
    faults,
  };
}

function rangeOf(data: NpyArray['data']): { least: number; largest: number; finite: boolean } {
  let [least, largest, finite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, true];
  for (const entry of data) {
    const value = Number(entry);
    finite &&= Number.isFinite(value);
    least = Math.min(least, value);
    largest = Math.max(largest, value);
  }
  return { least, largest, finite };
}

async function inspectSamples(store: ObjectStore, key: string): Promise<Inspection> {
  const { refs, faults: fileFaults } = await catalogFile(store, key);
  const faults = fileFaults.map(({ message }) => message);
  const rows = [['id', ...DETECTORS.map((detector) => `${detector} rms`)]];
  let good = 0;
  for await (const { ref, strain, reason } of readSamples(store, refs)) {
    const fault = reason ?? strainFault(strain);
    if (fault !== undefined) faults.push(`${ref.id}: ${fault}`);
    else good += 1;
    if (strain !== undefined && rows.length <= SHOWN) {
      rows.push([
        ref.id,
        ...DETECTORS.map((_, detector) => rootMeanSquare(strain, detector).toExponential(3)),
      ]);
    }
  }
  if (refs.length === 0 && faults.length === 0)
    faults.push(
      `no samples: it holds no .npy file of shape (${DETECTORS.length}, ${SAMPLE_LENGTH}) or a stack of these`,
    );
  return { kind: 'raw samples', facts: { samples: refs.length, good }, rows, faults };
}

function rootMeanSquare(strain: Strain, detector: number): number {
  const own = strain.subarray(detector * SAMPLE_LENGTH, (detector + 1) * SAMPLE_LENGTH);
  return Math.sqrt(own.reduce((sum, value) => sum + value * value, 0) / SAMPLE_LENGTH);
}

async function inspectRecords(store: ObjectStore, key: string): Promise<Inspection> {
  const object = `${store.location}${key}`;
  const rows = [['record', 'offset', 'id', 'label', 'type']];
  const targets = [0, 0];
  const dtypes = new Set<string>();
  const faults: string[] = [];
  const values = new Float32Array(SAMPLE_SIZE);
  for await (const { data, offset } of streamRecords(store.stream(key), object)) {
    const { id = '', label, signal } = decodeExample(data, object, offset);
    const dtype = checkSignal(signal, object, offset);
    const index = targets[0]! + targets[1]!;
    if (index < SHOWN) rows.push([String(index), String(offset), id, String(label), dtype]);
    targets[label]! += 1;
    dtypes.add(dtype);
    decodeSignal(signal, dtype, values);
    const bad = describeNonFinite(values);
    if (bad !== undefined) faults.push(`record ${index} at byte ${offset} has ${bad}`);
  }
  const [noise, signals] = targets as [number, number];
  const facts = { records: noise + signals, signals, noise, dtype: [...dtypes], checksums: 'right' };
  if (noise + signals === 0) faults.push('no records');
  return { kind: 'records', facts, rows, faults };
}

/** Compares every shard's hash with metadata.json. */
async function inspectMetadata(store: ObjectStore, key: string): Promise<Inspection> {
  const bytes = await readLimited(store, key, METADATA_LIMIT);
  const metadata = parseMetadata(bytes, `${store.location}${key}`);
  const folder = key.slice(0, key.lastIndexOf('/') + 1);
  const rows = [['shard', 'records', 'bytes', 'SHA-256']];
  const faults: string[] = [];
  for (const { name, n_records, bytes, sha256 } of metadata.shards) {
    const found = (await store.head(folder + name)) && (await hashObject(store, folder + name));
    const matches = found === sha256;
    if (!matches)
      faults.push(`${name}: ${found === undefined ? 'no such file' : `SHA-256 is ${found}, not ${sha256}`}`);
    rows.push([name, String(n_records), String(bytes), matches ? 'ok' : 'WRONG']);
  }
  const { shards: _, recipe: __, ...facts } = metadata;
  return { kind: 'metadata', facts, rows, faults };
}
