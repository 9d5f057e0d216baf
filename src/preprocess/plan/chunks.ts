/**
 * The plan's lists of samples, one file per chunk: a step reads only its own part, and no message between steps grows with the
 * dataset. The refs hold the object versions that the plan was made from.
 */
import * as v from 'valibot';
import { sha256 } from '../../core/sha256.ts';
import type { SampleRef } from '../../raw/sample-ref.ts';
import { parseJson } from '../../storage/json.ts';
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
/** The samples of one part of the PSD, and those of a shard. */
export const psdListSchema = v.array(refSchema);
export const shardListSchema = v.array(v.object({ ref: refSchema, label: v.picklist([0, 1]) }));

/** Reads a plan's list. Throws InputError for one that another version of chirpline wrote. */
export async function readList<T>(
  records: ObjectStore,
  key: string,
  schema: v.GenericSchema<unknown, T>,
): Promise<T> {
  const advice = 'The plan was made by another version of chirpline: remove the records and run again';
  return parseJson(await records.read(key), `${records.location}${key}`, schema, advice);
}

/** A hash that identifies all samples of a shard's list, whether they became records or not. */
export function hashIds(ids: readonly string[]): string {
  return sha256(ids.join('\n')).toString('hex');
}
