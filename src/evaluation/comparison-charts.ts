/** The charts of a comparison: one line per training. */
import { type Chart, type Line, lineChart } from '../artifacts/charts/chart.ts';
import { epochAxis, pointsOf } from '../artifacts/charts/learning-curves.ts';
import { logAxis, logCurve, RECALL } from '../artifacts/charts/log-roc.ts';
import type { Theme } from '../artifacts/charts/theme.ts';
import { type Compared, LETTERS } from './comparison.ts';

/** Four colours, then the same dashed. */
function lookOf(theme: Theme, { letter }: Compared): Pick<Line, 'name' | 'color' | 'dashed'> {
  const colors = [theme.blue, theme.orange, theme.green, theme.purple];
  const place = LETTERS.indexOf(letter);
  return {
    name: letter,
    color: colors[place % colors.length]!,
    dashed: place >= colors.length,
  };
}

/** A measure of each epoch. */
export function curvesChart(
  theme: Theme,
  title: string,
  quantity: string,
  measure: 'loss' | 'val_loss' | 'val_auc',
  trainings: readonly Compared[],
): Chart {
  return lineChart(theme, {
    title,
    x: epochAxis(...trainings),
    y: { name: quantity },
    lines: trainings.map((training) => ({
      ...lookOf(theme, training),
      points: pointsOf(training, measure),
      dots: training.epochs.length === 1,
    })),
  });
}

/** The ROC curves, over a logarithmic false-alarm rate. */
export function rocsChart(theme: Theme, trainings: readonly Compared[]): Chart {
  const axis = logAxis(Math.max(1, ...trainings.map(({ validation }) => validation?.noise ?? 1)));
  const lines = trainings.map((training) => ({
    ...lookOf(theme, training),
    points: logCurve(axis, training.validation?.roc ?? []),
  }));
  return lineChart(theme, {
    title: 'ROC curves',
    x: axis,
    y: RECALL,
    lines,
    ...(lines.every(({ points }) => points.length === 0) && { message: 'no predictions of both classes' }),
  });
}
