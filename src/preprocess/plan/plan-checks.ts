/** Checks before a plan is made: the place, the settings, the labels and the samples. */
import { ConflictError, InputError } from '../../core/errors.ts';
import { describeAlike, refuseMismatch } from '../../raw/id-mismatch.ts';
import { LABELS_KEY, type Label } from '../../raw/labels.ts';
import { recipeHash } from '../../signal/recipe.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { type PlanSettings, recipeOf } from '../state/manifest.ts';
import { readMetadataIfPresent } from '../state/publish.ts';
import { MANIFEST_KEY } from '../state/record-keys.ts';
import { describeRejection } from '../state/rejected.ts';
import { type Choice, NO_LABEL, NO_SAMPLE } from './match.ts';

/** Where earlier versions of chirpline stored the plan. */
const OLD_PLAN_KEY = '_work/plan.json';

/**
 * Throws ConflictError when the place holds records without a manifest. Public files that describe missing shards don't count: a
 * call that outlived its records may have written them after the records were removed.
 */
export async function refuseForeign(records: ObjectStore): Promise<void> {
  const key = (await readMetadataIfPresent(records))?.shards[0]?.name ?? OLD_PLAN_KEY;
  if ((await records.head(key)) === undefined) return;
  throw new ConflictError(
    `${records.location} holds ${key} without ${MANIFEST_KEY}: records of an earlier version of chirpline, or an incomplete copy. ` +
      'Finished records can be used for training as they are. To make records, use another place or remove these.',
  );
}

/**
 * Throws ConflictError, which lists the differences, when the settings differ from those of the records or of the plan under way,
 * or when the label of a known sample has changed. Labels of new samples are fine.
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
  if (knownRecipe !== recipeHash(recipeOf(wanted))) differences.push('another recipe');
  if (differences.length > 0) {
    throw new ConflictError(
      `${records.location} holds records with ${differences.join('; ')}. Use another place, or remove the records first.`,
    );
  }
  const changed = labels.filter(({ id, target }) => (labelOf(id) ?? target) !== target);
  if (changed.length === 0) return;
  throw new ConflictError(
    `${changed.length} samples in ${records.location} have another label in ${LABELS_KEY} now (first: ${changed[0]!.id}). ` +
      'Restore the labels. Or remove the records and run again, or use another dataset name.',
  );
}

/**
 * Says which labels would fit if they were written as the files' names are. Throws InputError when a sample that should be a signal
 * without noise is labelled as noise; for a first plan also when it has no samples, when next to no label fits a raw sample, and
 * when no noise sample can estimate the PSD.
 */
export function checkChoice(
  { location }: ObjectStore,
  { samples, rejected }: Choice,
  { signals, psdSha256 }: PlanSettings,
  isFirst: boolean,
  say: ((line: string) => void) | undefined,
): void {
  const object = `${location}${LABELS_KEY}`;
  const idsOf = (wanted: string) => rejected.filter(({ reason }) => reason === wanted).map(({ id }) => id);
  const match = { onlyListed: idsOf(NO_SAMPLE), onlySamples: idsOf(NO_LABEL), shared: samples.length };
  if (isFirst) refuseMismatch(object, match);
  const alike = describeAlike(match);
  if (alike !== undefined) say?.(`ids of ${LABELS_KEY} that no raw sample has: ${alike}`);
  const noise = samples.filter(({ label }) => label === 0);
  if (signals && noise.length > 0) {
    const found = `${noise.length} samples with target 0 (first: ${noise[0]!.ref.id})`;
    const needed = 'only signals without noise, target 1, for --signals';
    throw new InputError({ object, found, needed });
  }
  if (!isFirst) return;
  if (samples.length === 0) {
    const found = `no raw sample with a label, and ${rejected.length} rejected inputs`;
    const needed = `raw samples whose ids are in ${LABELS_KEY}`;
    const advice = rejected[0] && `Check the first rejected input: ${describeRejection(rejected[0])}`;
    throw new InputError({ object: location, found, needed, ...(advice && { advice }) });
  }
  if (psdSha256 === undefined && noise.length === 0) {
    const needed = 'at least one to estimate the PSD from';
    const advice = 'Add one, or use an existing PSD (--psd)';
    throw new InputError({ object, found: 'no noise-only sample (target 0)', needed, advice });
  }
}
