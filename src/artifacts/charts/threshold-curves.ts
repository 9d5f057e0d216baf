/** Charts over all thresholds: ROC and precision-recall curve. */

import type { Results } from '../results.ts';
import { type Chart, lineChart } from './chart.ts';
import type { Theme } from './theme.ts';

type Point = readonly [x: number, y: number];

/** Smaller steps are invisible, and 100,000 of them would make a report of many megabytes. */
const VISIBLE_STEP = 1 / 500;

/** The axis of a share. */
export const UNIT = { min: 0, max: 1, interval: 0.2, format: (value: number) => value.toFixed(1) };
export const ONE_CLASS = 'not defined: the validation\nrecords have only one class';

/** True positive rate over false positive rate, with the diagonal of guessing. */
export function rocChart(theme: Theme, { roc, evaluation: { auc } }: Results): Chart {
  const points = auc === null ? [] : thin(roc.map(({ fpr, tpr }): Point => [fpr, tpr]));
  return lineChart(theme, {
    title: 'ROC curve',
    x: { name: 'false positive rate', ...UNIT },
    y: { name: 'true positive rate', ...UNIT },
    lines: [
      {
        name: auc === null ? 'model' : `model, AUC ${auc.toFixed(3)}`,
        color: theme.blue,
        points,
        filled: true,
      },
      referenceLine(theme, 'guessing, AUC 0.5', 0, 1),
    ],
    ...(auc === null && { message: ONE_CLASS }),
  });
}

/** Precision over recall, and the share of signals, which is the precision of guessing. */
export function prChart(theme: Theme, { pr, evaluation: { auc, labels } }: Results): Chart {
  const points = auc === null ? [] : thin(pr.map(({ recall, precision }): Point => [recall, precision]));
  const signals = labels.reduce((sum, label) => sum + label, 0);
  const rate = labels.length === 0 ? 0 : signals / labels.length;
  return lineChart(theme, {
    title: 'Precision-recall curve',
    x: { name: 'recall', ...UNIT },
    y: { name: 'precision', ...UNIT },
    lines: [
      { name: 'model', color: theme.blue, points },
      referenceLine(theme, `share of signals, ${rate.toFixed(2)}`, rate, rate),
    ],
    ...(auc === null && { message: ONE_CLASS }),
  });
}

/** A dashed line across the unit square, from `left` to `right`. */
export function referenceLine(theme: Theme, name: string, left: number, right: number) {
  const points: Point[] = [
    [0, left],
    [1, right],
  ];
  return { name, color: theme.muted, points, dashed: true, width: 1.5 };
}

/** Thins a curve in the unit square: keeps both ends, and points at least a visible step from the last kept one. */
export function thin(points: readonly Point[]): Point[] {
  const kept: Point[] = [];
  let last: Point | undefined;
  points.forEach((point, i) => {
    const step = last && Math.max(Math.abs(point[0] - last[0]), Math.abs(point[1] - last[1]));
    if (step === undefined || step >= VISIBLE_STEP || i === points.length - 1) {
      kept.push(point);
      last = point;
    }
  });
  return kept;
}
