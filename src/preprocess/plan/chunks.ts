/**
 * The plan's lists of samples, a file a chunk, so that a step reads only its own part. The versions of the raw objects stand
 * beside the list, once an object.
 */
import * as v from 'valibot';
import { sha256 } from '../../core/sha256.ts';
import type { SampleRef } from '../../raw/sample-ref.ts';
import { listVersions, restoreVersions } from '../../raw/versions.ts';
import { readJson } from '../../storage/json.ts';
import type { ObjectStore } from '../../storage/store.ts';

/** A sample of a shard. */
export interface LabelledRef {
  ref: SampleRef;
  label: 0 | 1;
}

/** What a plan wrote; that it is a place in an object is for the readers of raw samples to check. */
const refSchema = v.custom<SampleRef>(
  (value) =>
    typeof value === 'object' && value !== null && 'id' in value && 'key' in value && 'kind' in value,
);
const versionsSchema = v.array(v.string());
const shardListSchema = v.object({
  samples: v.array(v.object({ ref: refSchema, label: v.picklist([0, 1]) })),
  versions: versionsSchema,
});
const psdListSchema = v.object({ samples: v.array(refSchema), versions: versionsSchema });

/** The file of a chunk of samples, whose list is JSON already. */
export function encodeChunk(
  samples: string,
  refs: Iterable<SampleRef>,
  etags: ReadonlyMap<string, string>,
): Uint8Array {
  const versions = JSON.stringify(listVersions(refs, etags));
  return new TextEncoder().encode(`{"samples":${samples},"versions":${versions}}\n`);
}

/** A shard's samples, their refs with the versions that the plan was made from. */
export async function readShardChunk(records: ObjectStore, key: string): Promise<LabelledRef[]> {
  const { samples, versions } = await readJson(records, key, shardListSchema);
  restoreVersions(
    samples.map(({ ref }) => ref),
    versions,
  );
  return samples;
}

/** The samples of one part of the PSD, likewise. */
export async function readPsdChunk(records: ObjectStore, key: string): Promise<SampleRef[]> {
  const { samples, versions } = await readJson(records, key, psdListSchema);
  restoreVersions(samples, versions);
  return samples;
}

/** By which a shard's result says which samples it is about: all of its list, records or not. */
export function hashIds(ids: readonly string[]): string {
  return sha256(ids.join('\n')).toString('hex');
}
