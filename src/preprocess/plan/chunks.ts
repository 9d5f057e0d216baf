/**
 * The plan's lists of samples, one file per chunk: a step reads only its own part, and no message between steps grows with the
 * dataset. The refs hold the object versions that the plan was made from.
 */
import * as v from 'valibot';
import { sha256 } from '../../core/sha256.ts';
import type { SampleRef } from '../../raw/sample-ref.ts';

/** A ref that a plan wrote. The readers of raw samples check its place in the object. */
const refSchema = v.custom<SampleRef>(
  (value) =>
    typeof value === 'object' && value !== null && 'id' in value && 'key' in value && 'kind' in value,
);
/** The samples of one part of the PSD, and those of a shard. */
export const psdListSchema = v.array(refSchema);
export const shardListSchema = v.array(v.object({ ref: refSchema, label: v.picklist([0, 1]) }));
export type LabelledRef = v.InferOutput<typeof shardListSchema>[number];

/** A hash that identifies all samples of a shard's list, whether they became records or not. */
export function hashIds(samples: readonly LabelledRef[]): string {
  return sha256(samples.map(({ ref }) => ref.id).join('\n')).toString('hex');
}
