/** The lists that a shard added to a finished run changes, by conditional writes that may be repeated. */
import { setTimeout as sleep } from 'node:timers/promises';
import { PreconditionError } from '../errors.ts';
import { parseMetadata, serializeMetadata } from '../records/metadata.ts';
import type { ObjectInfo, ObjectStore } from '../storage/store.ts';
import type { LabelledRef } from './chunks.ts';
import { formatRejected, parseRejected, type Rejection } from './rejected.ts';
import type { ShardResult } from './shard.ts';
import { ADDED_KEY, METADATA_KEY, REJECTED_KEY } from './work.ts';

/** Ids of the samples in each added shard. */
type Claims = Record<string, string[]>;

/** Takes the ids that no other added shard has; returns which shard each of them is in. */
export async function claimIds(
  records: ObjectStore,
  name: string,
  ids: string[],
): Promise<Map<string, string>> {
  const owners = new Map<string, string>();
  await change(records, ADDED_KEY, (text) => {
    const claims = JSON.parse(text ?? '{}') as Claims;
    owners.clear();
    for (const [shard, members] of Object.entries(claims)) for (const id of members) owners.set(id, shard);
    const free = ids.filter((id) => !owners.has(id));
    for (const id of free) owners.set(id, name);
    if (free.length === 0) return undefined;
    return JSON.stringify({ ...claims, [name]: [...(claims[name] ?? []), ...free] });
  });
  return owners;
}

export async function readRejected(records: ObjectStore): Promise<Rejection[]> {
  if ((await records.head(REJECTED_KEY)) === undefined) return [];
  return parseRejected(decode(await records.read(REJECTED_KEY)));
}

/** In rejected.csv, rows of samples that have a record now go; new ones come. */
export function noteRejected(
  records: ObjectStore,
  samples: LabelledRef[],
  rejected: Rejection[],
): Promise<void> {
  const ids = new Set(samples.map(({ ref }) => ref.id));
  const keyOf = ({ id, file, reason }: Rejection) => JSON.stringify([id, file, reason]);
  return change(records, REJECTED_KEY, (text) => {
    const rows = text === undefined ? [] : parseRejected(text);
    const kept = rows.filter(({ id }) => !ids.has(id));
    const known = new Set(kept.map(keyOf));
    const added = rejected.filter((row) => !known.has(keyOf(row)));
    if (added.length === 0 && kept.length === rows.length) return undefined;
    return formatRejected([...kept, ...added]);
  });
}

/** Puts the shard behind the others in metadata.json, and the number of rejected samples as it is now. */
export async function noteShard(
  records: ObjectStore,
  { name, records: n_records, bytes, sha256 }: ShardResult,
): Promise<void> {
  const object = `${records.location}${METADATA_KEY}`;
  await change(records, METADATA_KEY, async (text) => {
    const metadata = parseMetadata(text ?? '', object);
    const listed = metadata.shards.some((shard) => shard.name === name);
    const n_failed = (await readRejected(records)).length;
    if ((listed || n_records === 0) && metadata.n_failed === n_failed) return undefined;
    const shards =
      listed || n_records === 0 ? metadata.shards : [...metadata.shards, { name, n_records, bytes, sha256 }];
    const n_samples = shards.reduce((sum, shard) => sum + shard.n_records, 0);
    return serializeMetadata({ ...metadata, n_samples, n_failed, shards });
  });
}

const ATTEMPTS = 50;
/** Longest wait before the next attempt [ms]; others are at it, so it is drawn at random. */
const PAUSE = 400;

/** Changes a text by conditional writes until nobody else came between; undefined leaves it as it is. */
async function change(
  store: ObjectStore,
  key: string,
  edit: (text: string | undefined) => string | undefined | Promise<string | undefined>,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const found: ObjectInfo | undefined = await store.head(key);
    const text = found && decode(await store.read(key));
    const changed = await edit(text);
    if (changed === undefined) return;
    const condition = found === undefined ? { ifAbsent: true } : { ifMatch: found.etag };
    try {
      await store.write(key, new TextEncoder().encode(changed), condition);
      return;
    } catch (error) {
      if (!(error instanceof PreconditionError) || attempt === ATTEMPTS) throw error;
      await sleep(Math.random() * PAUSE);
    }
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
