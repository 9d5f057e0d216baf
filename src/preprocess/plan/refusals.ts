/** Checks before a plan: that the place, its settings, labels and samples allow one. */
import { ConflictError, InputError } from '../../core/errors.ts';
import { LABELS_KEY, type Label } from '../../raw/labels.ts';
import { recipeHash } from '../../signal/recipe.ts';
import type { ObjectStore } from '../../storage/store.ts';
import type { PlanSettings } from '../state/manifest.ts';
import { readMetadataIfPresent } from '../state/publish.ts';
import { MANIFEST_KEY } from '../state/record-keys.ts';
import { describeRejection } from '../state/rejected.ts';
import type { Choice } from './match.ts';

/** Where earlier versions kept the plan. */
const OLD_PLAN_KEY = '_work/plan.json';

/**
 * Throws ConflictError when the place holds records without a manifest. Public files that describe absent shards don't count: a
 * call that outlived its records may have written them after the records were removed.
 */
export async function refuseForeign(records: ObjectStore): Promise<void> {
  const shard = (await readMetadataIfPresent(records))?.shards[0]?.name;
  for (const key of [OLD_PLAN_KEY, ...(shard === undefined ? [] : [shard])]) {
    if ((await records.head(key)) === undefined) continue;
    throw new ConflictError(
      `${records.location} holds ${key} without ${MANIFEST_KEY}: records of an earlier version of chirpline, or a part of a copy. ` +
        'Finished ones can be trained on as they are. To make records, give another place or remove these.',
    );
  }
}

/**
 * Throws ConflictError, which says in which respect they differ, when the settings aren't those of the records or of their plan,
 * or samples have another label now. New labels are for samples that come later.
 */
export function refuseOther(
  records: ObjectStore,
  { settings: known, recipeHash: knownRecipe }: { settings: PlanSettings; recipeHash: string },
  wanted: PlanSettings,
  labels: readonly Label[],
  labelOf: (id: string) => 0 | 1 | undefined,
): void {
  const names = Object.keys({ ...known, ...wanted }) as (keyof PlanSettings)[];
  const differences = names
    .filter((name) => known[name] !== wanted[name])
    .map((name) => `${name} ${known[name] ?? 'none'}, not ${wanted[name] ?? 'none'}`);
  if (knownRecipe !== recipeHash()) differences.push('another recipe');
  if (differences.length > 0) {
    throw new ConflictError(
      `${records.location} holds records with ${differences.join('; ')}. Give another place, or remove it first.`,
    );
  }
  const changed = labels.filter(({ id, target }) => (labelOf(id) ?? target) !== target);
  if (changed.length === 0) return;
  throw new ConflictError(
    `${changed.length} samples in ${records.location} have another label in ${LABELS_KEY} now (${changed[0]!.id}). ` +
      'Remove the records and run again, or give the dataset another name.',
  );
}

/** Throws InputError when a first plan has no samples, or no noise to estimate the PSD from. */
export function requireSamples(
  raw: ObjectStore,
  { samples, rejected }: Choice,
  settings: PlanSettings,
): void {
  if (samples.length === 0) {
    throw new InputError({
      object: raw.location,
      found: `no raw sample that has a label, and ${rejected.length} inputs that are rejected`,
      needed: `raw samples named by the ids in ${LABELS_KEY}`,
      ...(rejected[0] !== undefined && {
        advice: `The first one rejected: ${describeRejection(rejected[0])}`,
      }),
    });
  }
  if (settings.psdSha256 === undefined && !samples.some(({ label }) => label === 0)) {
    throw new InputError({
      object: `${raw.location}${LABELS_KEY}`,
      found: 'no noise-only sample (target 0)',
      needed: 'at least one to estimate the PSD from',
      advice: 'Give a PSD that was estimated elsewhere (--psd)',
    });
  }
}
