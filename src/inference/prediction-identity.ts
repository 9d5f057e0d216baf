/** Identifies a prediction by what decides its probabilities, up to rounding: results are never taken for those of another one. */
import { createHash } from 'node:crypto';
import type { Psd } from '../core/strain.ts';
import type { SampleRef } from '../raw/sample-ref.ts';
import { recipeHash } from '../signal/recipe.ts';
import type { RecordSet } from '../training/input/records.ts';
import { encodeWeights, type TrainedModel } from './model-file.ts';

/** SHA-256, in hex, of the models' weights, of `tta` and of the data: see describeRaw and describeRecords. */
export async function identifyPrediction(
  models: readonly TrainedModel[],
  tta: boolean,
  data: Iterable<string | Uint8Array>,
): Promise<string> {
  const hash = createHash('sha256');
  hash.update(JSON.stringify({ models: models.length, tta }));
  for (const { weights } of models) hash.update(await encodeWeights(weights));
  for (const part of data) hash.update(part);
  return hash.digest('hex');
}

/** The recipe, the PSD, and each sample's id, place and version of its object. */
export function* describeRaw(psd: Psd, refs: readonly SampleRef[]): Generator<string | Uint8Array> {
  yield recipeHash();
  yield new Uint8Array(psd.buffer, psd.byteOffset, psd.byteLength);
  for (const ref of refs) yield JSON.stringify(ref);
}

/**
 * Each shard's hash, and the version of its object: results may be saved before the bytes are known to have the hash that
 * metadata.json says.
 */
export async function describeRecords({ store, count, dtype, shards }: RecordSet): Promise<string[]> {
  const versions = await Promise.all(shards.map(async ({ name }) => (await store.head(name))?.etag));
  return [JSON.stringify({ count, dtype, shards, versions })];
}
