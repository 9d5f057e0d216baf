/** The results of a training, from which files and plots are made. */
import type { Epoch } from '../training/fit/fit-state.ts';
import type { Evaluation as Judged } from '../training/fit/validation.ts';

export type { Epoch } from '../training/fit/fit-state.ts';

import { type Confusion, countAnswers, type PrPoint, type RocPoint } from '../training/fit/metrics.ts';

export interface History {
  epochs: readonly Epoch[];
}

/** Predictions and scores of the best weights on the validation records. */
export type Evaluation = Omit<Judged, 'ids'>;

/** Input of the plots. The curves may be empty if one class is missing. */
export interface Results {
  history: History;
  evaluation: Evaluation;
  roc: readonly RocPoint[];
  pr: readonly PrPoint[];
}

/** A record with at least this probability counts as a signal in the scores. */
export const THRESHOLD = 0.5;

/**
 * The epoch whose weights are kept: the last one that improved val_loss, or the very last if none did (every loss was NaN).
 *
 * @throws RangeError when there is no epoch.
 */
export function bestEpoch({ epochs }: History): Epoch {
  const best = epochs.findLast((epoch) => epoch.best) ?? epochs.at(-1);
  if (best === undefined) throw new RangeError('a history needs at least one epoch');
  return best;
}

/**
 * Counts of right and wrong predictions at THRESHOLD.
 *
 * @throws RangeError when lengths differ, a label isn't 0 or 1, or a probability isn't in [0, 1].
 */
export function confusionCounts({ labels, probabilities }: Evaluation): Confusion {
  if (labels.length !== probabilities.length) {
    throw new RangeError(`${labels.length} labels for ${probabilities.length} probabilities`);
  }
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    const probability = probabilities[i]!;
    if (label > 1) throw new RangeError(`label ${label} of record ${i} is neither 0 nor 1`);
    // Written so that NaN fails too.
    if (!(probability >= 0 && probability <= 1)) {
      throw new RangeError(`probability ${probability} of record ${i} is not in [0, 1]`);
    }
  }
  return countAnswers(labels, probabilities, THRESHOLD);
}
