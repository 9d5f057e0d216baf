import { SettingError } from '../core/errors.ts';
import { openModels, type PlacedModel } from '../inference/models.ts';
import { splitLocation } from '../storage/location.ts';
import type { GivenSettings } from '../training/settings.ts';

/**
 * Reads the model whose weights a training starts from. Throws SettingError when it has another preset than the given one, and the
 * errors of openModels.
 */
export async function openInitialModel(location: string, { preset }: GivenSettings): Promise<PlacedModel> {
  const [model] = (await openModels([splitLocation(location)])) as [PlacedModel];
  if (preset === undefined || preset === model.preset) return model;
  throw new SettingError(
    `${location} has weights of ${model.preset}, the preset is ${preset}. Set the preset ${model.preset}, or none`,
  );
}
