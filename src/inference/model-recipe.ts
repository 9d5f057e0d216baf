import * as v from 'valibot';
import { NotFoundError } from '../core/errors.ts';
import { parseJson } from '../storage/json.ts';
import { readLimited } from '../storage/limited.ts';
import type { ObjectStore } from '../storage/store.ts';
import { companionNames, runOfWeights } from './model-file.ts';

/** How a model's training samples were preprocessed, from `<run>_recipe.json` beside the weights. */
export interface Preprocessing {
  recipeHash: string;
  /** Hash of the average PSD. */
  psdSha256: string;
}

/** Undefined when the recipe file is missing. Throws InputError when it is broken. */
export async function readPreprocessing(
  store: ObjectStore,
  weightsKey: string,
): Promise<Preprocessing | undefined> {
  const run = runOfWeights(weightsKey);
  if (run === undefined) return undefined;
  const key = companionNames(run).recipe;
  try {
    const bytes = await readLimited(store, key, RECIPE_LIMIT);
    const { recipe_hash, psd_sha256 } = parseJson(bytes, `${store.location}${key}`, RECIPE);
    return { recipeHash: recipe_hash, psdSha256: psd_sha256 };
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const RECIPE = v.object({ recipe_hash: hash, psd_sha256: hash });
/** Largest recipe file that is read [bytes]; real ones have a few kilobytes. */
const RECIPE_LIMIT = 1 << 20;
