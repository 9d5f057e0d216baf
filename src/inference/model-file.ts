/** A trained model in a store: its weights file, and beside it the PSD and recipe for preprocessing samples. */

import type { Preset } from '../model/presets.ts';
import { checkWeights, recognizePreset, WEIGHTS_LIMIT, type Weights } from '../model/weights.ts';
import { readNpz, writeNpz } from '../numpy/npz.ts';
import { readLimited } from '../storage/limited.ts';
import type { ObjectStore } from '../storage/store.ts';

const WEIGHTS_SUFFIX = '_weights.npz';

/** The weights as a .npz file for the Python pipeline's numpy.load: float32, not compressed. */
export function encodeWeights(weights: Weights): Promise<Uint8Array> {
  return writeNpz(
    new Map([...weights].map(([name, { shape, data }]) => [name, { dtype: '<f4' as const, shape, data }])),
  );
}

export interface TrainedModel {
  preset: Preset;
  weights: Weights;
}

/** Throws NotFoundError, and InputError for a file that isn't a model's weights. Reads and unpacks at most WEIGHTS_LIMIT. */
export async function readModel(store: ObjectStore, key: string): Promise<TrainedModel> {
  const object = `${store.location}${key}`;
  const bytes = await readLimited(store, key, WEIGHTS_LIMIT);
  const arrays = await readNpz(bytes, object, { limit: WEIGHTS_LIMIT });
  const preset = recognizePreset(arrays);
  return { preset, weights: checkWeights(preset, arrays, object) };
}

/** Names of the files that training writes beside `<run>_weights.npz`. */
export function companionNames(run: string): { psd: string; recipe: string } {
  return { psd: `${run}_avg_psd.npz`, recipe: `${run}_recipe.json` };
}

/** The run that a weights file belongs to; undefined if its name isn't one that training gives. */
export function runOfWeights(key: string): string | undefined {
  return key.endsWith(WEIGHTS_SUFFIX) ? key.slice(0, -WEIGHTS_SUFFIX.length) : undefined;
}
