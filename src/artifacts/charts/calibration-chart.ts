import { proportion } from '../../training/fit/proportion.ts';
import type { Evaluation } from '../results.ts';
import { type Chart, lineChart } from './chart.ts';
import { dots } from './share-dots.ts';
import type { Theme } from './theme.ts';
import { referenceLine, UNIT } from './threshold-curves.ts';

const BINS = 10;

/** The share of signals among the records of each tenth of the probability, over their mean probability. */
export function calibrationChart(theme: Theme, evaluation: Evaluation): Chart {
  return lineChart(theme, {
    title: 'Calibration',
    x: { name: 'mean predicted probability', ...UNIT },
    y: { name: 'share of signals', ...UNIT },
    lines: [
      { name: 'model, 95 % intervals', color: theme.blue, ...dots(calibration(evaluation)) },
      referenceLine(theme, 'calibrated', 0, 1),
    ],
  });
}

/** One point for each bin that holds records: mean probability x, and the share of signals. */
export function calibration({ labels, probabilities }: Pick<Evaluation, 'labels' | 'probabilities'>) {
  const bins = Array.from({ length: BINS }, () => ({ count: 0, sum: 0, signals: 0 }));
  for (const [i, p] of probabilities.entries()) {
    const bin = bins[Math.min(Math.floor(p * BINS), BINS - 1)]!;
    bin.count++;
    bin.sum += p;
    bin.signals += labels[i]!;
  }
  return bins
    .filter(({ count }) => count > 0)
    .map(({ count, sum, signals }) => ({ x: sum / count, ...proportion(signals, count) }));
}
