/** The plots of a training, as PNGs. */

import { PLOTS, type PlotKind, plotName } from '../artifact-names.ts';
import type { Results } from '../results.ts';
import { dashboard } from './dashboard.ts';
import { drawPng, type Figure, framed } from './figure.ts';
import { lossChart, rateChart, scoreChart } from './learning-curves.ts';
import { confusionChart, distributionChart } from './prediction-charts.ts';
import { LIGHT } from './theme.ts';
import { prChart, rocChart } from './threshold-curves.ts';

/**
 * The plots as PNG files, by file name: `diy_YYYYMMDD_HHMM_dashboard.png` and so on.
 *
 * @param run The name from runName.
 * @throws RangeError when the results contradict themselves (see confusionCounts and bestEpoch).
 * @throws MachineError when the font is missing.
 */
export function renderPlots(run: string, results: Results): Map<string, Uint8Array> {
  const theme = LIGHT;
  const { history, evaluation } = results;
  const figures: Record<PlotKind, Figure> = {
    dashboard: dashboard(theme, run, results),
    learning_curves: {
      width: 1200,
      height: 760,
      background: theme.background,
      panels: [
        { box: { left: 0, top: 8, width: 600, height: 480 }, chart: lossChart(theme, history) },
        { box: { left: 600, top: 8, width: 600, height: 480 }, chart: scoreChart(theme, history) },
        { box: { left: 0, top: 496, width: 1200, height: 256 }, chart: rateChart(theme, history) },
      ],
    },
    roc_curve: framed(theme, rocChart(theme, results), 720, 740),
    pr_curve: framed(theme, prChart(theme, results), 720, 740),
    confusion_matrix: framed(theme, confusionChart(theme, evaluation), 640, 640),
    prediction_dist: framed(theme, distributionChart(theme, evaluation), 960, 600),
  };
  const files = new Map<string, Uint8Array>();
  for (const kind of PLOTS) files.set(plotName(run, kind), drawPng(figures[kind]));
  return files;
}
