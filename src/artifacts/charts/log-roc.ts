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
  const axis = logAxis(noise);
  const points = recall_at_far.flatMap((point) =>
    'found' in point ? [{ x: point.far, ...point.found }] : [],
  );
  const guessing = Array.from({ length: 101 }, (_, i) => axis.min ** (1 - i / 100));
  return lineChart(theme, {
    title: auc === null ? 'ROC curve' : `ROC curve, AUC ${auc.toFixed(3)}`,
    x: axis,
    y: RECALL,
    lines: [
      { name: 'model', color: theme.blue, points: logCurve(axis, roc) },
      { name: '95 %', color: theme.orange, ...dots(points), width: 0 },
      {
        name: 'guessing',
        color: theme.muted,
        points: guessing.map((far) => [far, far] as const),
        dashed: true,
        width: 1.5,
      },
    ],
    band: { name: '< 1 false alarm', from: axis.min, to: 1 / Math.max(noise, 1) },
    ...(auc === null && { message: ONE_CLASS }),
  });
}

export const RECALL = { name: 'recall', ...UNIT };

/** The axis of the false-alarm rate: whole decades, down to one false alarm among `noise` samples. */
export function logAxis(noise: number) {
  const decades = Math.max(1, Math.ceil(Math.log10(Math.max(noise, 1))));
  return { name: 'false-alarm rate', log: true, min: 10 ** -decades, max: 1 };
}

/** The points of a ROC curve with false alarms. They are thinned as they are drawn: in decades, as shares of the axis. */
export function logCurve({ min }: { min: number }, roc: readonly RocPoint[]): [number, number][] {
  const drawn = roc
    .filter(({ fpr }) => fpr > 0)
    .map(({ fpr, tpr }) => [1 - Math.log(fpr) / Math.log(min), tpr] as const);
  return thin(drawn).map(([x, y]) => [min ** (1 - x), y]);
}
