/**
 * The plan's lists of samples, one file per chunk: a step reads only its own part, and no message between steps grows with the
 * dataset. A file also holds the versions of the raw objects, one entry per object.
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

/** A ref that a plan wrote. The readers of raw samples check its place in the object. */
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

/** The file of a chunk. `samples` is its list as JSON, without versions. */
export function encodeChunk(samples: string, refs: Iterable<SampleRef>): Uint8Array {
  const versions = JSON.stringify(listVersions(refs));
  return new TextEncoder().encode(`{"samples":${samples},"versions":${versions}}\n`);
}

/** A shard's samples. Their refs hold the object versions that the plan was made from. */
export async function readShardChunk(records: ObjectStore, key: string): Promise<LabelledRef[]> {
  const { samples, versions } = await readJson(records, key, shardListSchema);
  restoreVersions(
    samples.map(({ ref }) => ref),
    versions,
  );
  return samples;
}

/** The samples of one part of the PSD, with object versions too. */
export async function readPsdChunk(records: ObjectStore, key: string): Promise<SampleRef[]> {
  const { samples, versions } = await readJson(records, key, psdListSchema);
  restoreVersions(samples, versions);
  return samples;
}

/** A hash that identifies all samples of a shard's list, whether they became records or not. */
export function hashIds(ids: readonly string[]): string {
  return sha256(ids.join('\n')).toString('hex');
}
