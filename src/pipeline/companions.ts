import * as v from 'valibot';
import { InputError } from '../errors.ts';
import { readJsonIfPresent } from '../storage/json.ts';
import type { ObjectStore } from '../storage/store.ts';
import { companionNames, runOfWeights } from './model-file.ts';

/** What the samples that a model was trained on went through, as training wrote it down beside the weights. */
export interface Preprocessing {
  recipeHash: string;
  /** Of the average PSD. */
  psdSha256: string;
}

/** Undefined when nothing about it lies beside the weights. Throws InputError when what lies there is broken. */
export async function readPreprocessing(
  store: ObjectStore,
  weightsKey: string,
): Promise<Preprocessing | undefined> {
  const run = runOfWeights(weightsKey);
  if (run === undefined) return undefined;
  const key = companionNames(run).recipe;
  const value = await readJsonIfPresent(store, key, v.unknown());
  if (value === undefined) return undefined;
  const { recipe_hash, psd_sha256 } = Object(value) as { recipe_hash?: unknown; psd_sha256?: unknown };
  if (isHash(recipe_hash) && isHash(psd_sha256)) return { recipeHash: recipe_hash, psdSha256: psd_sha256 };
  throw new InputError({
    object: `${store.location}${key}`,
    found: 'no hashes of a recipe and a PSD',
    needed: 'recipe_hash and psd_sha256, as training writes them beside the weights',
  });
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}
