/**
 * What was added to a finished run, `_work/added.json`: one conditional write takes an object's samples in, whatever becomes
 * of whoever made their shard. What others read, metadata.json and rejected.csv, follows from it (added-lists.ts).
 */
import { describePlace } from '../raw/sample-ref.ts';
import { addedShardName } from '../records/shard.ts';
import type { ObjectInfo, ObjectStore } from '../storage/store.ts';
import { changeText } from './change.ts';
import type { LabelledRef } from './chunks.ts';
import { sha256 } from './digest.ts';
import type { Rejection } from './rejected.ts';
import type { ShardResult } from './shard.ts';
import { ADDED_KEY, readJsonIfPresent } from './work.ts';

export interface AddedShard {
  name: string;
  /** The raw object that it was made from. */
  key: string;
  records: number;
  bytes: number;
  sha256: string;
  /** Of its records. */
  ids: string[];
}

export interface AddedObject {
  key: string;
  /** The version that was looked at last. */
  etag: string;
  /** What of it became no record. */
  rejected: Rejection[];
}

export interface Additions {
  /** In the order in which they came. */
  shards: AddedShard[];
  objects: AddedObject[];
}

export async function readAdditions(records: ObjectStore): Promise<Additions> {
  return (await readJsonIfPresent<Additions>(records, ADDED_KEY)) ?? { shards: [], objects: [] };
}

/** Changes them as changeText does, and returns them as they are then. */
export async function changeAdditions(
  records: ObjectStore,
  edit: (additions: Additions) => Promise<Additions>,
): Promise<Additions> {
  let latest: Additions = { shards: [], objects: [] };
  await changeText(records, ADDED_KEY, async (text) => {
    latest = await edit(text === undefined ? { shards: [], objects: [] } : (JSON.parse(text) as Additions));
    return `${JSON.stringify(latest)}\n`;
  });
  return latest;
}

/** The additions without those shards of an object that somebody has removed: their samples have no records. */
export async function withoutLostShards(
  { shards, objects }: Additions,
  key: string,
  records: ObjectStore,
): Promise<Additions> {
  const lost = new Set<AddedShard>();
  for (const shard of shards) {
    if (shard.key === key && (await records.head(shard.name)) === undefined) lost.add(shard);
  }
  return { shards: shards.filter((shard) => !lost.has(shard)), objects };
}

/**
 * Those of an object's samples that have no record yet, and the rejections of those that can't have one. Samples with a record
 * from an earlier version of the object are neither: they keep it.
 */
export function chooseSamples(
  { shards }: Additions,
  key: string,
  samples: LabelledRef[],
): { own: LabelledRef[]; rejected: Rejection[] } {
  const owners = new Map(shards.flatMap((shard) => shard.ids.map((id) => [id, shard])));
  const counts = new Map<string, number>();
  for (const { ref } of samples) counts.set(ref.id, (counts.get(ref.id) ?? 0) + 1);
  const own: LabelledRef[] = [];
  const rejected: Rejection[] = [];
  for (const sample of samples) {
    const { id } = sample.ref;
    const owner = owners.get(id);
    const count = counts.get(id);
    if (owner?.key === key) continue;
    if (owner === undefined && count === 1) own.push(sample);
    else {
      const reason =
        owner === undefined ? `${count} raw samples have this id` : `its id is in ${owner.name} already`;
      rejected.push({ id, file: describePlace(sample.ref), reason });
    }
  }
  return { own, rejected };
}

/** Of all that the shard's bytes depend on and that can differ within a dataset: the object's version, samples and labels. */
export function nameAddedShard({ key, etag }: ObjectInfo, samples: LabelledRef[]): string {
  const list = samples.map(({ ref, label }) => [ref.id, label]);
  return addedShardName(sha256(JSON.stringify([key, etag, list])).toString('hex'));
}

/** The additions with what was made of an object's samples, in place of what was said of an earlier version. */
export function takeIn(
  { shards, objects }: Additions,
  { key, etag }: ObjectInfo,
  samples: LabelledRef[],
  { name, records, bytes, sha256, rejected }: ShardResult,
): Additions {
  const bad = new Set(rejected.map(({ id }) => id));
  const ids = samples.map(({ ref }) => ref.id).filter((id) => !bad.has(id));
  const at = objects.findIndex((object) => object.key === key);
  return {
    shards: records === 0 ? shards : [...shards, { name, key, records, bytes, sha256, ids }],
    objects: objects.toSpliced(at < 0 ? objects.length : at, at < 0 ? 0 : 1, { key, etag, rejected }),
  };
}
