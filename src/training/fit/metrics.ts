/**
 * Measures of predictions against labels: pure functions of two arrays of equal length. Most depend only on the order of the
 * samples: they take logits, or anything that ascends with them and ties no two (`ranks`).
 */

export type Ranks = Float32Array | Float64Array;

export interface RocPoint {
  /** False positive rate. */
  fpr: number;
  /** True positive rate. */
  tpr: number;
}

export interface PrPoint {
  recall: number;
  precision: number;
}

/** Confusion matrix of the samples that are predicted as signals. */
export interface Confusion {
  trueNegative: number;
  falsePositive: number;
  falseNegative: number;
  truePositive: number;
}

export interface Scores {
  accuracy: number;
  /** Area under the ROC curve; null when one class is missing. */
  auc: number | null;
  /** Null when no sample is predicted as a signal. */
  precision: number | null;
  /** Null when there is no signal. */
  recall: number | null;
  /** Null when there is no noise sample. */
  specificity: number | null;
}

/** All scores. `labels` are 0 or 1; there must be at least one. A logit of 0 or more, a probability of 0.5 or more, is a signal. */
export function score(labels: Uint8Array, logits: Float32Array): Scores {
  const { trueNegative, falsePositive, falseNegative, truePositive } = countAnswers(labels, logits, 0);
  return {
    accuracy: (trueNegative + truePositive) / labels.length,
    auc: areaUnderRoc(labels, logits),
    precision: ratio(truePositive, truePositive + falsePositive),
    recall: ratio(truePositive, truePositive + falseNegative),
    specificity: ratio(trueNegative, trueNegative + falsePositive),
  };
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/** The confusion matrix: a sample whose value is the threshold or more is predicted as a signal. */
export function countAnswers(labels: Uint8Array, values: Ranks, threshold: number): Confusion {
  const counts: Confusion = { trueNegative: 0, falsePositive: 0, falseNegative: 0, truePositive: 0 };
  for (const [i, label] of labels.entries()) {
    const positive = values[i]! >= threshold;
    if (label === 1) counts[positive ? 'truePositive' : 'falseNegative']++;
    else counts[positive ? 'falsePositive' : 'trueNegative']++;
  }
  return counts;
}

/**
 * Exact area under the ROC curve: the fraction of (signal, noise) pairs in which the signal has the higher rank;
 * a tie counts one half. Null when one class is missing.
 */
export function areaUnderRoc(labels: Uint8Array, ranks: Ranks): number | null {
  let won = 0;
  let signals = 0;
  let noise = 0;
  for (const step of thresholds(labels, ranks)) {
    // Noise at this threshold loses to all signals above it and ties with the signals at it.
    won += step.noise * (signals + step.signals / 2);
    signals += step.signals;
    noise += step.noise;
  }
  return ratio(won, signals * noise);
}

/** ROC curve from (0, 0) to (1, 1), one point per distinct rank; empty when one class is missing. */
export function rocCurve(labels: Uint8Array, ranks: Ranks): RocPoint[] {
  const { signals, noise } = countClasses(labels);
  if (signals === 0 || noise === 0) return [];
  const points: RocPoint[] = [{ fpr: 0, tpr: 0 }];
  let truePositive = 0;
  let falsePositive = 0;
  for (const step of thresholds(labels, ranks)) {
    truePositive += step.signals;
    falsePositive += step.noise;
    points.push({ fpr: falsePositive / noise, tpr: truePositive / signals });
  }
  return points;
}

/** Precision-recall curve by increasing recall, one point per distinct rank; empty when there is no signal. */
export function prCurve(labels: Uint8Array, ranks: Ranks): PrPoint[] {
  const { signals } = countClasses(labels);
  if (signals === 0) return [];
  const points: PrPoint[] = [];
  let truePositive = 0;
  let positive = 0;
  for (const step of thresholds(labels, ranks)) {
    truePositive += step.signals;
    positive += step.signals + step.noise;
    points.push({ recall: truePositive / signals, precision: truePositive / positive });
  }
  return points;
}

function countClasses(labels: Uint8Array): { signals: number; noise: number } {
  const signals = labels.reduce((sum, label) => sum + label, 0);
  return { signals, noise: labels.length - signals };
}

/** Counts the samples at each distinct rank, from the highest down. */
export function* thresholds(
  labels: Uint8Array,
  ranks: Ranks,
): Generator<{ rank: number; signals: number; noise: number }> {
  const order = Uint32Array.from(labels.keys()).sort((a, b) => ranks[b]! - ranks[a]!);
  let step = { signals: 0, noise: 0 };
  for (const [place, i] of order.entries()) {
    if (labels[i] === 1) step.signals++;
    else step.noise++;
    const next = order[place + 1];
    if (next !== undefined && ranks[next] === ranks[i]) continue;
    yield { rank: ranks[i]!, ...step };
    step = { signals: 0, noise: 0 };
  }
}
