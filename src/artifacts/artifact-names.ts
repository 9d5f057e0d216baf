/** The file names of a training's artifacts. */

/** The plots of a training; file names end with these words. */
export const PLOTS = [
  'dashboard',
  'learning_curves',
  'roc_curve',
  'pr_curve',
  'confusion_matrix',
  'prediction_dist',
] as const;
export type PlotKind = (typeof PLOTS)[number];

/** `diy_YYYYMMDD_HHMM` from a preset and a date, in local time: the prefix of a training's files. */
export function runName(preset: string, date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const year = String(date.getFullYear()).padStart(4, '0');
  const day = `${year}${two(date.getMonth() + 1)}${two(date.getDate())}`;
  return `${preset}_${day}_${two(date.getHours())}${two(date.getMinutes())}`;
}

export interface ArtifactNames {
  weights: string;
  config: string;
  metrics: string;
  history: string;
  predictions: string;
  report: string;
}

/** Names of a training's files, relative to the folder of saved models. For the plots see plotName. */
export function artifactNames(run: string): ArtifactNames {
  return {
    weights: `${run}_weights.npz`,
    config: `${run}_config.json`,
    metrics: `${run}_metrics.json`,
    history: `${run}_history.json`,
    predictions: `${run}_predictions.csv`,
    report: 'report.html',
  };
}

/** Name of a plot, in the folder `plots/`. */
export function plotName(run: string, kind: PlotKind): string {
  return `${run}_${kind}.png`;
}
