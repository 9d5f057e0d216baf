import { SettingError } from '../core/errors.ts';
import { checkRecipe, openModels, type PlacedModel } from '../inference/models.ts';
import { splitLocation } from '../storage/location.ts';
import type { RecordSet } from '../training/input/records.ts';
import type { GivenSettings } from '../training/settings.ts';

/**
 * Reads the model whose weights a training on `records` starts from. Throws SettingError when it has another preset than the given
 * one, ConflictError when it was trained on records of another recipe, and the errors of openModels.
 */
export async function openInitialModel(
  location: string,
  { store, metadata }: RecordSet,
  { preset }: GivenSettings,
): Promise<PlacedModel> {
  const [model] = (await openModels([splitLocation(location)])) as [PlacedModel];
  if (preset !== undefined && preset !== model.preset)
    throw new SettingError(`${location} has weights of ${model.preset}. Omit --preset ${preset}`);
  if (metadata !== undefined) checkRecipe([model], store.location, metadata.recipe_hash);
  return model;
}
