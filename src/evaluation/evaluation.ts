/** All measures of a model on labelled samples. */
import { aucInterval, type Interval } from '../training/fit/auc-interval.ts';
import {
  type OperatingPoint,
  operatingPoints,
  partialAuc,
  type Undefined,
} from '../training/fit/false-alarms.ts';
import type { Scores } from '../training/fit/metrics.ts';
import { judge } from '../training/fit/validation.ts';
import { type EfficiencyBin, efficiencyBins } from './efficiency.ts';
import type { Injected } from './truth.ts';

/** The partial AUC's. */
const PARTIAL = 1e-3;
/** Those at which the efficiency is measured. */
const EFFICIENCY_RATES: readonly number[] = [1e-1, 1e-2];
const SNR_BINS = { perUnit: 1 / 2, last: 20 };
/** [s] */
const MERGER_BINS = { perUnit: 20, last: 2 };

/** Ready for JSON. A score whose denominator is 0 is null. */
export interface Measures extends Scores {
  records: number;
  signals: number;
  noise: number;
  /** Of 95 % (DeLong); null when it can't be estimated. */
  auc_interval: Interval | null;
  /** Mean binary cross-entropy. */
  loss: number;
  partial_auc: { far: number; value: number } | Undefined;
  recall_at_far: (OperatingPoint | Undefined)[];
  /** Given the truth: by network SNR and by merger time [s]. */
  efficiency?: Efficiency;
}

export interface Efficiency {
  /** False-alarm rates of the thresholds. */
  far: number[];
  snr: EfficiencyBin[];
  tc: EfficiencyBin[];
}

/** @param injected What each sample holds; null: noise. Must agree with the labels. */
export function measure(
  labels: Uint8Array,
  logits: Float32Array,
  injected?: readonly (Injected | null)[],
): Measures {
  const { accuracy, auc, precision, recall, specificity, loss } = judge(labels, logits);
  const signals = labels.reduce((sum, label) => sum + label, 0);
  const points = operatingPoints(labels, logits);
  return {
    ...{ records: labels.length, signals, noise: labels.length - signals },
    ...{ auc, auc_interval: aucInterval(labels, logits), accuracy, precision, recall, specificity, loss },
    partial_auc: partialAuc(labels, logits, PARTIAL),
    recall_at_far: points,
    ...(injected && { efficiency: efficiencyOf(injected, logits, points) }),
  };
}

function efficiencyOf(
  injected: readonly (Injected | null)[],
  logits: Float32Array,
  all: readonly (OperatingPoint | Undefined)[],
): Efficiency {
  const points = all.filter((point) => 'found' in point && EFFICIENCY_RATES.includes(point.far));
  const thresholds = (points as OperatingPoint[]).map(({ threshold }) => threshold);
  const own = [...logits].filter((_, i) => injected[i] !== null);
  const signals = injected.filter((one) => one !== null);
  const bins = (key: keyof Injected, binning: typeof SNR_BINS) =>
    efficiencyBins(
      signals.map((signal) => signal[key]),
      own,
      thresholds,
      binning,
    );
  return { far: points.map(({ far }) => far), snr: bins('snr', SNR_BINS), tc: bins('tc', MERGER_BINS) };
}
