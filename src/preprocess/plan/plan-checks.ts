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
  const shard = (await readMetadataIfPresent(records))?.shards[0]?.name;
  for (const key of [OLD_PLAN_KEY, ...(shard === undefined ? [] : [shard])]) {
    if ((await records.head(key)) === undefined) continue;
    throw new ConflictError(
      `${records.location} holds ${key} without ${MANIFEST_KEY}: records of an earlier version of chirpline, or an incomplete copy. ` +
        'Finished records can be used for training as they are. To make records, use another place or remove these.',
    );
  }
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

/** Throws InputError when a sample that should be a signal without noise is labelled as noise. */
export function requireSignals(raw: ObjectStore, { samples }: Choice): void {
  const noise = samples.filter(({ label }) => label === 0);
  if (noise.length === 0) return;
  throw new InputError({
    object: `${raw.location}${LABELS_KEY}`,
    found: `${noise.length} samples with target 0 (first: ${noise[0]!.ref.id})`,
    needed: 'only signals without noise, target 1, for --signals',
  });
}

/**
 * Says which labels would fit if they were written as the files' names are. Throws InputError when next to no label of a first plan
 * fits a raw sample.
 */
export function compareIds(
  raw: ObjectStore,
  { samples, rejected }: Choice,
  { isFirst, say }: { isFirst: boolean; say: ((line: string) => void) | undefined },
): void {
  const idsOf = (wanted: string) => rejected.filter(({ reason }) => reason === wanted).map(({ id }) => id);
  const match = { onlyListed: idsOf(NO_SAMPLE), onlySamples: idsOf(NO_LABEL), shared: samples.length };
  if (isFirst) refuseMismatch(`${raw.location}${LABELS_KEY}`, match);
  const alike = describeAlike(match);
  if (alike !== undefined) say?.(`ids of ${LABELS_KEY} that no raw sample has: ${alike}`);
}

/** Throws InputError when a first plan has no samples, or no noise sample to estimate the PSD from. */
export function requireSamples(
  raw: ObjectStore,
  { samples, rejected }: Choice,
  settings: PlanSettings,
): void {
  if (samples.length === 0) {
    throw new InputError({
      object: raw.location,
      found: `no raw sample with a label, and ${rejected.length} rejected inputs`,
      needed: `raw samples whose ids are in ${LABELS_KEY}`,
      ...(rejected[0] !== undefined && {
        advice: `Check the first rejected input: ${describeRejection(rejected[0])}`,
      }),
    });
  }
  if (settings.psdSha256 === undefined && !samples.some(({ label }) => label === 0)) {
    throw new InputError({
      object: `${raw.location}${LABELS_KEY}`,
      found: 'no noise-only sample (target 0)',
      needed: 'at least one to estimate the PSD from',
      advice: 'Add one, or use an existing PSD (--psd)',
    });
  }
}
