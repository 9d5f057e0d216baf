/** The plots of an evaluation: ROC curve, and efficiency by network SNR and merger time. */
import { type Chart, lineChart, shortNumber } from '../artifacts/charts/chart.ts';
import { drawPng, framed } from '../artifacts/charts/figure.ts';
import { LIGHT, type Theme } from '../artifacts/charts/theme.ts';
import { ONE_CLASS, thin, UNIT } from '../artifacts/charts/threshold-curves.ts';
import type { RocPoint } from '../training/fit/metrics.ts';
import type { Efficiency, Measures } from './evaluation.ts';
import type { Proportion } from './proportion.ts';

/** PNG files by name; undefined: the plot needs the truth. */
export function renderEvaluation(
  measures: Measures,
  roc: readonly RocPoint[],
): Record<'roc.png' | 'efficiency.png', Uint8Array | undefined> {
  const theme = LIGHT;
  const { efficiency } = measures;
  const box = { top: 8, width: 600, height: 480 };
  return {
    'roc.png': drawPng(framed(theme, logRocChart(theme, measures, roc), 720, 600)),
    'efficiency.png':
      efficiency &&
      drawPng({
        width: 1200,
        height: 496,
        background: theme.background,
        panels: [
          { box: { left: 0, ...box }, chart: efficiencyChart(theme, efficiency, 'snr', 'network SNR') },
          { box: { left: 600, ...box }, chart: efficiencyChart(theme, efficiency, 'tc', 'merger time [s]') },
        ],
      }),
  };
}

/** Recall over a logarithmic false-alarm rate. A rate of fewer than one false alarm can't be measured. */
export function logRocChart(
  theme: Theme,
  { auc, noise, recall_at_far }: Measures,
  roc: readonly RocPoint[],
): Chart {
  const reached = 1 / Math.max(noise, 1);
  const decades = Math.max(1, Math.ceil(-Math.log10(reached)));
  const min = 10 ** -decades;
  // Curves are made and thinned as they are drawn: in decades, as shares of the axis.
  const curve = (points: readonly (readonly [number, number])[]) =>
    thin(points).map(([x, y]): [number, number] => [min ** (1 - x), y]);
  const ofModel = roc
    .filter(({ fpr }) => fpr > 0)
    .map(({ fpr, tpr }) => [1 - Math.log(fpr) / Math.log(min), tpr] as const);
  const ofGuessing = Array.from({ length: 101 }, (_, i) => [i / 100, min ** (1 - i / 100)] as const);
  const points = recall_at_far.flatMap((point) =>
    'found' in point ? [{ x: point.far, ...point.found }] : [],
  );
  return lineChart(theme, {
    title: 'ROC curve',
    x: { name: 'false-alarm rate', log: true, min, max: 1 },
    y: { name: 'recall', ...UNIT },
    lines: [
      {
        name: auc === null ? 'model' : `model, AUC ${auc.toFixed(3)}`,
        color: theme.blue,
        points: curve(ofModel),
      },
      { name: '95 % intervals', color: theme.orange, ...dots(points), width: 0 },
      { name: 'guessing', color: theme.muted, points: curve(ofGuessing), dashed: true, width: 1.5 },
    ],
    band: { name: 'fewer than one false alarm', from: min, to: reached },
    ...(auc === null && { message: ONE_CLASS }),
  });
}

/** Efficiency at each false-alarm rate, with a dot in the middle of each bin. */
export function efficiencyChart(
  theme: Theme,
  { far, ...bins }: Efficiency,
  by: 'snr' | 'tc',
  name: string,
): Chart {
  const own = bins[by];
  const width = Math.max(...own.map(({ from, to }) => (to ?? from) - from));
  const last = own.at(-1);
  const open = last?.to === null ? ` (last dot: ${last.from} and more)` : '';
  const colors = [theme.blue, theme.orange];
  return lineChart(theme, {
    title: `Efficiency by ${name.replace(/ \[.*/, '')}`,
    x: { name: name + open, min: own[0]?.from ?? 0, max: (last?.from ?? 1) + width },
    y: { name: 'share of signals found', ...UNIT },
    lines: far.map((rate, i) => ({
      name: `FAR ${shortNumber(rate)}, 95 % intervals`,
      color: colors[i]!,
      ...dots(own.map(({ from, found }) => ({ x: from + width / 2, ...found[i]! }))),
    })),
    ...(far.length === 0 && { message: 'not defined: too few noise samples' }),
  });
}

/** Shares as dots with their intervals. */
function dots(shares: readonly (Proportion & { x: number })[]) {
  return {
    points: shares.map(({ x, share }) => [x, share] as const),
    intervals: shares.map(({ x, interval: { low, high } }) => [x, low, high] as const),
    dots: true,
  };
}
