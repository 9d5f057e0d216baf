/** Several trainings side by side: what they were told, and how well they do on their validation records. */
import { describeLocation } from '../artifacts/config.ts';
import { bestEpoch, type Epoch } from '../artifacts/results.ts';
import { SettingError } from '../core/errors.ts';
import { groupBy } from '../core/group-by.ts';
import { sha256 } from '../core/sha256.ts';
import { aucInterval, type Interval } from '../training/fit/auc-interval.ts';
import { type OperatingPoint, operatingPoints, type Undefined } from '../training/fit/false-alarms.ts';
import { areaUnderRoc, type RocPoint, rocCurve } from '../training/fit/metrics.ts';
import type { Training } from './trainings.ts';

/** Names of the trainings in tables and charts. More curves than these could not be told apart. */
export const LETTERS = [...'ABCDEFGH'];

export interface Compared {
  letter: string;
  /** The folder of the models and the training's name: `g2net/diy_20260102_0304`. */
  name: string;
  /** See Training. */
  place: string;
  epochs: readonly Epoch[];
  /** The one whose weights are kept. */
  best: Epoch;
  /** Of the kept weights; null when one class is missing. */
  auc: number | null;
  /** Undefined without predictions. */
  validation: Validation | undefined;
}

interface Validation {
  records: number;
  noise: number;
  /** SHA-256 of the records' ids and labels, in any order. */
  set: string;
  /** Of 95 % (DeLong); null when it can't be estimated. */
  auc_interval: Interval | null;
  recall_at_far: (OperatingPoint | Undefined)[];
  roc: RocPoint[];
}

export interface Comparison {
  trainings: Compared[];
  /** Settings and facts of config.json that aren't the same in all trainings; undefined where one is missing. */
  differences: { name: string; values: unknown[] }[];
  /** Why AUCs must not be compared; empty if all trainings were validated on the same records. */
  warnings: string[];
}

/** Throws SettingError for fewer than two trainings, or more than LETTERS. */
export function compareTrainings(trainings: readonly Training[]): Comparison {
  if (trainings.length < 2 || trainings.length > LETTERS.length)
    throw new SettingError(
      `found ${trainings.length === 1 ? 'one training' : `${trainings.length} trainings`}, needed 2 to ${LETTERS.length}. ` +
        'A file ..._weights.npz stands for one training of a folder',
    );
  const compared = trainings.map(describe);
  return { trainings: compared, differences: findDifferences(trainings), warnings: warn(compared) };
}

function describe({ place, history, predictions }: Training, index: number): Compared {
  const best = bestEpoch(history);
  const parts = place.split('/');
  const folder = describeLocation(
    parts
      .slice(0, -1)
      .join('/')
      .replace(/\/saved$/, ''),
  );
  return {
    letter: LETTERS[index]!,
    name: `${folder}/${parts.at(-1)}`,
    place,
    epochs: history.epochs,
    best,
    auc: predictions ? areaUnderRoc(predictions.labels, predictions.probabilities) : best.val_auc,
    validation: predictions && describeValidation(predictions),
  };
}

function describeValidation({
  ids,
  labels,
  probabilities,
}: NonNullable<Training['predictions']>): Validation {
  const signals = labels.reduce((sum, label) => sum + label, 0);
  const rows = ids.map((id, i) => JSON.stringify([id, labels[i]])).sort();
  return {
    records: labels.length,
    noise: labels.length - signals,
    set: sha256(rows.join('\n')).toString('hex'),
    auc_interval: aucInterval(labels, probabilities),
    recall_at_far: operatingPoints(labels, probabilities),
    roc: rocCurve(labels, probabilities),
  };
}

function findDifferences(trainings: readonly Training[]): Comparison['differences'] {
  const names = new Set(trainings.flatMap(({ config }) => Object.keys(config)));
  return [...names]
    .map((name) => ({ name, values: trainings.map(({ config }) => config[name as keyof typeof config]) }))
    .filter(({ values }) => values.some((value) => value !== values[0]));
}

function warn(trainings: readonly Compared[]): string[] {
  const sets = groupBy(trainings, ({ validation }) => validation?.set);
  const unknown = sets.get(undefined) ?? [];
  sets.delete(undefined);
  const letters = (some: readonly Compared[]) => some.map(({ letter }) => letter).join(', ');
  const warnings: string[] = [];
  if (sets.size > 1) {
    const parts = [...sets.values()].map((some) => `${letters(some)} on ${some[0]!.validation!.records}`);
    warnings.push(
      `The validation records are not the same (${parts.join('; ')}): ` +
        'AUC and recall on different records are not comparable.',
    );
  }
  if (unknown.length > 0)
    warnings.push(
      `No predictions.csv of ${letters(unknown)} (a training with --inject writes none): which samples validated it is unknown, ` +
        'and its AUC is not comparable.',
    );
  if (warnings.length > 0)
    warnings.push('chirpline evaluate scores all models on the same labelled records.');
  return warnings;
}
