import type { OperatingPoint, Undefined } from '../../training/fit/false-alarms.ts';
import type { RocPoint } from '../../training/fit/metrics.ts';
import { type Chart, lineChart } from './chart.ts';
import { dots } from './share-dots.ts';
import type { Theme } from './theme.ts';
import { ONE_CLASS, thin, UNIT } from './threshold-curves.ts';

/** What is marked on the curve. */
export interface LogRoc {
  auc: number | null;
  /** Number of noise samples. */
  noise: number;
  recall_at_far: readonly (OperatingPoint | Undefined)[];
}

/** Recall over a logarithmic false-alarm rate. A rate of fewer than one false alarm can't be measured. */
export function logRocChart(
  theme: Theme,
  { auc, noise, recall_at_far }: LogRoc,
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
    title: auc === null ? 'ROC curve' : `ROC curve, AUC ${auc.toFixed(3)}`,
    x: { name: 'false-alarm rate', log: true, min, max: 1 },
    y: { name: 'recall', ...UNIT },
    lines: [
      { name: 'model', color: theme.blue, points: curve(ofModel) },
      { name: '95 %', color: theme.orange, ...dots(points), width: 0 },
      { name: 'guessing', color: theme.muted, points: curve(ofGuessing), dashed: true, width: 1.5 },
    ],
    band: { name: '< 1 false alarm', from: min, to: reached },
    ...(auc === null && { message: ONE_CLASS }),
  });
}
