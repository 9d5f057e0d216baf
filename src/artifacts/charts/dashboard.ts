/** The overview of a training: its key numbers above all its charts. */

import { aucInterval } from '../../training/fit/auc-interval.ts';
import { bestEpoch, type Results } from '../results.ts';
import { baseOf, type Chart } from './chart.ts';
import type { Figure } from './figure.ts';
import { lossChart, rateChart, scoreChart } from './learning-curves.ts';
import { confusionChart, distributionChart, formatCount } from './prediction-charts.ts';
import { FONT_SIZE, type Theme } from './theme.ts';
import { prChart, rocChart } from './threshold-curves.ts';

export interface KeyNumber {
  name: string;
  value: string;
}

/** The most important numbers. */
export function keyNumbers({ history, evaluation }: Results): KeyNumber[] {
  const { auc, accuracy, precision, recall, specificity, loss, labels, logits } = evaluation;
  const interval = aucInterval(labels, logits);
  const range = interval && ` (95 %: ${formatScore(interval.low)} to ${formatScore(interval.high)})`;
  return [
    { name: `AUC${range ?? ''}`, value: formatScore(auc) },
    { name: 'accuracy', value: formatScore(accuracy) },
    { name: 'precision', value: formatScore(precision) },
    { name: 'recall', value: formatScore(recall) },
    { name: 'specificity', value: formatScore(specificity) },
    { name: 'validation loss', value: formatScore(loss) },
    { name: 'best epoch', value: `${bestEpoch(history).epoch} of ${history.epochs.length}` },
    { name: 'validation records', value: formatCount(labels.length) },
  ];
}

/** A score or loss with three decimals, or n/a if it is undefined. */
export function formatScore(value: number | null): string {
  return value === null || !Number.isFinite(value) ? 'n/a' : value.toFixed(3);
}

export function dashboard(theme: Theme, run: string, results: Results): Figure {
  const { history, evaluation } = results;
  const width = 1680;
  const rows: { top: number; height: number; charts: Chart[] }[] = [
    {
      top: 148,
      height: 400,
      charts: [lossChart(theme, history), scoreChart(theme, history), rateChart(theme, history)],
    },
    {
      top: 564,
      height: 430,
      charts: [
        rocChart(theme, results),
        prChart(theme, results),
        confusionChart(theme, evaluation),
        distributionChart(theme, evaluation),
      ],
    },
  ];
  return {
    width,
    height: 1004,
    background: theme.background,
    panels: [
      { box: { left: 0, top: 0, width, height: 140 }, chart: header(theme, run, keyNumbers(results)) },
      ...rows.flatMap(({ top, height, charts }) => {
        const share = width / charts.length;
        return charts.map((chart, i) => ({ box: { left: i * share, top, width: share, height }, chart }));
      }),
    ],
  };
}

function header(theme: Theme, run: string, numbers: KeyNumber[]): Chart {
  return {
    ...baseOf(theme),
    title: [
      {
        text: run,
        left: 14,
        top: 14,
        padding: 0,
        textStyle: { color: theme.text, fontSize: FONT_SIZE.heading, fontWeight: 600 },
      },
      ...numbers.map(({ name, value }, i) => ({
        text: value,
        subtext: name,
        left: `${((i + 0.5) * 100) / numbers.length}%`,
        top: 58,
        padding: 0,
        itemGap: 14,
        textAlign: 'center' as const,
        textStyle: { color: theme.text, fontSize: 28, fontWeight: 600 },
        subtextStyle: { color: theme.muted, fontSize: 13 },
      })),
    ],
  };
}
