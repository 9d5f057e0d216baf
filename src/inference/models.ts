/** Opens trained models, and checks that they take the same input. */

import { ConflictError, InputError, NotFoundError, SettingError } from '../core/errors.ts';
import type { Psd } from '../core/strain.ts';
import { readPsd } from '../preprocess/average-psd.ts';
import type { FilePlace } from '../storage/location.ts';
import { openStore } from '../storage/open.ts';
import type { ObjectStore } from '../storage/store.ts';
import { companionNames, readModel, runOfWeights, type TrainedModel } from './model-file.ts';
import { type Preprocessing, readPreprocessing } from './model-recipe.ts';

export interface PlacedModel extends TrainedModel {
  store: ObjectStore;
  key: string;
  /** Undefined when the recipe file beside the weights is missing. */
  preprocessing: Preprocessing | undefined;
}

/**
 * Reads models that will predict the same samples. Throws SettingError when a model is given twice, and ConflictError when
 * two models were trained on samples with different recipes or PSDs.
 */
export async function openModels(places: readonly FilePlace[]): Promise<PlacedModel[]> {
  const models: PlacedModel[] = [];
  for (const { folder, key } of places) {
    const store = openStore(folder);
    const twice = models.some((model) => model.store.location === store.location && model.key === key);
    if (twice) throw new SettingError(`${store.location}${key} is given twice. Give each model once`);
    const model = await readModel(store, key);
    models.push({ ...model, store, key, preprocessing: await readPreprocessing(store, key) });
  }
  const [first, ...others] = models.filter(({ preprocessing }) => preprocessing !== undefined);
  for (const other of others) checkSameInput(first!, other);
  return models;
}

function checkSameInput(a: PlacedModel, b: PlacedModel): void {
  for (const [name, of] of [
    ['recipe', ({ recipeHash }: Preprocessing) => recipeHash],
    ['PSD', ({ psdSha256 }: Preprocessing) => psdSha256],
  ] as const) {
    const [ofA, ofB] = [of(a.preprocessing!), of(b.preprocessing!)];
    if (ofA === ofB) continue;
    throw new ConflictError(
      `${nameOf(a)} was trained on samples with ${name} ${short(ofA)}, ${nameOf(b)} on samples with ${name} ${short(ofB)}. ` +
        'Average only models with the same recipe and PSD',
    );
  }
}

/** Throws ConflictError when the recipe of the data at `location`, `hash`, isn't the recipe of the models' training data. */
export function checkRecipe(models: readonly PlacedModel[], location: string, hash: string): void {
  const known = models.find(({ preprocessing }) => preprocessing !== undefined);
  if (known === undefined) return;
  const trained = known.preprocessing!.recipeHash;
  if (hash === trained) return;
  throw new ConflictError(
    `${nameOf(known)} was trained on samples with recipe ${short(trained)}, but ${location} has recipe ${short(hash)}. ` +
      'Use data with the recipe of the model',
  );
}

/** The PSD for whitening raw samples: the given one, else the first one found beside a model's weights. */
export async function findPsd(models: readonly PlacedModel[], given: FilePlace | undefined): Promise<Psd> {
  if (given !== undefined) return (await readPsd(openStore(given.folder), given.key)).psd;
  for (const { store, key } of models) {
    const run = runOfWeights(key);
    try {
      if (run !== undefined) return (await readPsd(store, companionNames(run).psd)).psd;
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  }
  throw new InputError({
    object: nameOf(models[0]!),
    found: 'no average PSD beside the weights',
    needed: "the training data's average PSD, to whiten raw samples",
    advice: 'Pass it with --psd',
  });
}

function nameOf({ store, key }: PlacedModel): string {
  return `${store.location}${key}`;
}

function short(hash: string): string {
  return hash.slice(0, 12);
}
