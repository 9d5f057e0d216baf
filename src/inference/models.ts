/** Trained models as they lie on stores, and what their input has to be. */
import { ConflictError, InputError, NotFoundError, SettingError } from '../core/errors.ts';
import type { Psd } from '../core/strain.ts';
import { readPsd } from '../preprocess/average-psd.ts';
import { openStore } from '../storage/open.ts';
import type { ObjectStore } from '../storage/store.ts';
import { companionNames, readModel, runOfWeights, type TrainedModel } from './model-file.ts';
import { type Preprocessing, readPreprocessing } from './model-recipe.ts';

/** A file as the location of its folder and its name in there. */
export interface FilePlace {
  folder: string;
  key: string;
}

export interface PlacedModel extends TrainedModel {
  store: ObjectStore;
  key: string;
  /** Undefined when nothing about it lies beside the weights. */
  preprocessing: Preprocessing | undefined;
}

/**
 * Reads models that are to judge the same samples. Throws SettingError when one is given twice, and ConflictError when
 * two of them were trained on samples of different recipes or whitened by different PSDs.
 */
export async function openModels(places: readonly FilePlace[]): Promise<PlacedModel[]> {
  const models: PlacedModel[] = [];
  for (const { folder, key } of places) {
    const store = openStore(folder);
    const twice = models.some((model) => model.store.location === store.location && model.key === key);
    if (twice) throw new SettingError(`${store.location}${key} is given twice: it would count twice`);
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
      `${nameOf(a)} was trained on samples of ${name} ${short(ofA)}, ${nameOf(b)} on those of ${name} ${short(ofB)}: ` +
        "they can't judge the same samples",
    );
  }
}

/** Throws ConflictError when the recipe of the data at `location` is another one than that of the models' training data. */
export function checkRecipe(models: readonly PlacedModel[], location: string, hash: string): void {
  const known = models.find(({ preprocessing }) => preprocessing !== undefined);
  if (known === undefined) return;
  const trained = known.preprocessing!.recipeHash;
  if (hash === trained) return;
  throw new ConflictError(
    `${nameOf(known)} was trained on samples of recipe ${short(trained)}, ${location} is of recipe ${short(hash)}.`,
  );
}

/** The PSD to whiten raw samples by: the given one, or the one beside the models' weights. */
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
    needed: 'the one of the training data, to whiten raw samples by',
    advice: 'Give it (--psd)',
  });
}

function nameOf({ store, key }: PlacedModel): string {
  return `${store.location}${key}`;
}

function short(hash: string): string {
  return hash.slice(0, 12);
}
