import { RECIPE, SIGNAL_RECIPE } from '../../signal/recipe.ts';
import type { PlanSettings } from './manifest.ts';

/** The recipe of the records of a plan with these settings. */
export function recipeOf({ signals }: PlanSettings): Readonly<Record<string, unknown>> {
  return signals ? SIGNAL_RECIPE : RECIPE;
}
