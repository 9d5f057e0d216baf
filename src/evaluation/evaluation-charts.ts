/** The plots of an evaluation: ROC curve, and efficiency by network SNR and merger time. */
import { type Chart, lineChart, shortNumber } from '../artifacts/charts/chart.ts';
import { drawPng, framed } from '../artifacts/charts/figure.ts';
import { logRocChart } from '../artifacts/charts/log-roc.ts';
import { dots } from '../artifacts/charts/share-dots.ts';
import { LIGHT, type Theme } from '../artifacts/charts/theme.ts';
import { UNIT } from '../artifacts/charts/threshold-curves.ts';
import type { RocPoint } from '../training/fit/metrics.ts';
import type { Efficiency, Measures } from './evaluation.ts';

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
