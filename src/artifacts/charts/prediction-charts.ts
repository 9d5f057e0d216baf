/** Charts of a model's predictions: confusion matrix and distribution of the probabilities. */

import { confusionCounts, type Evaluation, THRESHOLD } from '../results.ts';
import { axisText, baseOf, type Chart, lineChart, MARGIN, titleOf } from './chart.ts';
import type { Theme } from './theme.ts';

const CLASSES = ['noise', 'signal'];
const BINS = 40;

/** The confusion matrix: counts, and their share of the true class. */
export function confusionChart(theme: Theme, evaluation: Evaluation): Chart {
  const { trueNegative, falsePositive, falseNegative, truePositive } = confusionCounts(evaluation);
  const noise = trueNegative + falsePositive;
  const signal = falseNegative + truePositive;
  const cell = (predicted: number, actual: number, count: number, total: number) => {
    const share = total === 0 ? 0 : count / total;
    const percent = total === 0 ? 'no samples' : `${(share * 100).toFixed(1)} % of ${CLASSES[actual]}`;
    return {
      value: [predicted, actual, share],
      label: { formatter: `{count|${formatCount(count)}}\n${percent}` },
    };
  };
  const axis = {
    type: 'category' as const,
    data: CLASSES,
    axisLine: { show: false },
    axisTick: { show: false },
    splitArea: { show: false },
  };
  return {
    ...baseOf(theme),
    title: titleOf(theme, 'Confusion matrix'),
    grid: { ...MARGIN, top: 40, outerBoundsMode: 'none' },
    xAxis: { ...axis, ...axisText(theme, `predicted (threshold ${THRESHOLD})`, 30) },
    yAxis: {
      ...axis,
      ...axisText(theme, 'true class', 34),
      inverse: true,
      axisLabel: { color: theme.muted, rotate: 90 },
    },
    visualMap: { show: false, min: 0, max: 1, inRange: { color: [theme.grid, theme.cell] } },
    series: {
      type: 'heatmap',
      data: [
        cell(0, 0, trueNegative, noise),
        cell(1, 0, falsePositive, noise),
        cell(0, 1, falseNegative, signal),
        cell(1, 1, truePositive, signal),
      ],
      itemStyle: { borderColor: theme.background, borderWidth: 3 },
      label: {
        show: true,
        color: theme.text,
        lineHeight: 20,
        rich: { count: { color: theme.text, fontSize: 22, fontWeight: 600, lineHeight: 32 } },
      },
    },
  };
}

/** Histograms of the predicted probability for each true class. */
export function distributionChart(theme: Theme, evaluation: Evaluation): Chart {
  const lines = [theme.blue, theme.orange].map((color, label) => {
    const { counts, total } = histogram(evaluation, label);
    // ECharts drops points less than a pixel from the previous one, so tiny steps would be drawn as slopes.
    const grain = Math.max(...counts) / 200;
    const rounded = (count: number): number => (grain === 0 ? 0 : Math.round(count / grain) * grain);
    // The last edge repeats the last bin; without it, that step would have no width.
    const points = Array.from({ length: BINS + 1 }, (_, edge): [number, number] => [
      edge / BINS,
      total === 0 ? 0 : (100 * rounded(counts[Math.min(edge, BINS - 1)]!)) / total,
    ]);
    return { name: `${CLASSES[label]} (${formatCount(total)})`, color, points, steps: true, filled: true };
  });
  return lineChart(theme, {
    title: 'Predictions by true class',
    x: { name: 'predicted probability of a signal', min: 0, max: 1, interval: 0.25 },
    y: { name: 'share of class in bin [%]', min: 0 },
    lines,
    mark: { x: THRESHOLD, label: `threshold ${THRESHOLD}` },
  });
}

/** Counts of one class's probabilities in BINS equal bins of [0, 1]; 1 falls into the last bin. */
export function histogram({ labels, probabilities }: Evaluation, label: number) {
  const counts = new Uint32Array(BINS);
  let total = 0;
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] !== label) continue;
    counts[Math.min(Math.floor(probabilities[i]! * BINS), BINS - 1)]!++;
    total++;
  }
  return { counts, total };
}

/** 12345 becomes 12,345. */
export function formatCount(value: number): string {
  return value.toLocaleString('en-US');
}
