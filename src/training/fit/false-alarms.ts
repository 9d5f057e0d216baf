/**
 * Measures at low false-alarm rates (FAR: the share of noise samples that count as signals), where a search works. Pure functions
 * of labels, 0 or 1, and logits, one for each, or what ascends with them.
 */
import { type Ranks, rocCurve, thresholds } from './metrics.ts';
import { type Proportion, proportion } from './proportion.ts';

/** What a threshold finds: the lowest one whose false-alarm rate isn't above `far`. */
export interface OperatingPoint {
  far: number;
  /** Smallest logit (or what else ranks the samples) that counts as a signal; null if even the largest one gives too many false alarms. */
  threshold: number | null;
  /** Noise samples from the threshold on. */
  false_alarms: number;
  noise: number;
  /** The signals that are found: the recall, or true positive rate. */
  found: Proportion;
}

/** Why a measure is undefined. */
export interface Undefined {
  far: number;
  reason: string;
}

const RATES = [1e-1, 1e-2, 1e-3, 1e-4];

export function operatingPoints(labels: Uint8Array, logits: Ranks): (OperatingPoint | Undefined)[] {
  return RATES.map((far) => operatingPoint(labels, logits, far));
}

/**
 * Undefined without a signal, and with fewer than 1 / far noise samples, which can't resolve the rate. Samples of equal logits
 * count all or not at all.
 */
export function operatingPoint(labels: Uint8Array, logits: Ranks, far: number): OperatingPoint | Undefined {
  const { signals, noise, reason } = resolve(labels, far);
  if (reason !== undefined) return { far, reason };
  let best = { threshold: null as number | null, false_alarms: 0, found: 0 };
  let [found, falseAlarms] = [0, 0];
  for (const step of thresholds(labels, logits)) {
    found += step.signals;
    falseAlarms += step.noise;
    if (falseAlarms / noise > far) break;
    best = { threshold: step.rank, false_alarms: falseAlarms, found };
  }
  return { far, ...best, noise, found: proportion(best.found, signals) };
}

/**
 * Area under the ROC curve up to the false-alarm rate `far`, divided by `far`: the mean recall there, from 0 to 1; guessing gives
 * far / 2. The curve is a line between two points, as for the AUC, to which this is equal for a `far` of 1.
 */
export function partialAuc(
  labels: Uint8Array,
  logits: Ranks,
  far: number,
): { far: number; value: number } | Undefined {
  const { reason } = resolve(labels, far);
  if (reason !== undefined) return { far, reason };
  let area = 0;
  let last = { fpr: 0, tpr: 0 };
  for (const point of rocCurve(labels, logits)) {
    const width = point.fpr - last.fpr;
    const inside = Math.min(point.fpr, far) - last.fpr;
    const slope = width === 0 ? 0 : (point.tpr - last.tpr) / width;
    area += inside * (last.tpr + (slope * inside) / 2);
    if (point.fpr >= far) break;
    last = point;
  }
  return { far, value: area / far };
}

function resolve(labels: Uint8Array, far: number): { signals: number; noise: number; reason?: string } {
  const signals = labels.reduce((sum, label) => sum + label, 0);
  const noise = labels.length - signals;
  const needed = Math.round(1 / far);
  if (noise < needed) return { signals, noise, reason: `${noise} noise samples, needed ${needed}` };
  if (signals === 0) return { signals, noise, reason: 'no signal' };
  return { signals, noise };
}
