import { areaUnderRoc, thresholds } from './metrics.ts';

export interface Interval {
  low: number;
  high: number;
}

/** Of the standard normal distribution: 95 % lie within this distance of 0. */
export const Z = 1.959964;

/**
 * The 95 % confidence interval of the area under the ROC curve, cut to [0, 1]. The AUC's variance is that of E. DeLong, D. DeLong,
 * D. Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating characteristic curves", Biometrics 44
 * (1988): the variance over signals of their share of noise samples below them, and that over noise samples of their share of
 * signals above them. The samples must be independent.
 *
 * Null when the samples tell nothing about the variance: with fewer than two of either class, and when all signals are above all
 * noise samples, or below, or equal.
 */
export function aucInterval(labels: Uint8Array, ranks: Float32Array | Float64Array): Interval | null {
  const auc = areaUnderRoc(labels, ranks);
  if (auc === null) return null;
  const steps = [...thresholds(labels, ranks)];
  const signals = steps.reduce((sum, step) => sum + step.signals, 0);
  const noise = labels.length - signals;
  /** Sums of squared deviations from the AUC, which is the mean of both shares. */
  let ofSignals = 0;
  let ofNoise = 0;
  let signalsAbove = 0;
  let noiseAbove = 0;
  for (const step of steps) {
    const noiseBelow = (noise - noiseAbove - step.noise / 2) / noise;
    ofSignals += step.signals * (noiseBelow - auc) ** 2;
    ofNoise += step.noise * ((signalsAbove + step.signals / 2) / signals - auc) ** 2;
    signalsAbove += step.signals;
    noiseAbove += step.noise;
  }
  const variance = ofSignals / (signals - 1) / signals + ofNoise / (noise - 1) / noise;
  // One sample of a class makes it 0 / 0.
  if (!(variance > 0)) return null;
  const reach = Z * Math.sqrt(variance);
  return { low: Math.max(0, auc - reach), high: Math.min(1, auc + reach) };
}
