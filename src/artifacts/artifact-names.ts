/** The names of what a training run leaves behind. */

/** The six plots of a run, as they end in file names. */
export const PLOTS = [
  'dashboard',
  'learning_curves',
  'roc_curve',
  'pr_curve',
  'confusion_matrix',
  'prediction_dist',
] as const;
export type PlotKind = (typeof PLOTS)[number];

/** `diy_YYYYMMDD_HHMM` of a preset and a moment, in local time: the name that a run's files begin with. */
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
  report: string;
}

/** Names of a run's files, relative to the folder of saved models; the plots lie beside them, see plotName. */
export function artifactNames(run: string): ArtifactNames {
  return {
    weights: `${run}_weights.npz`,
    config: `${run}_config.json`,
    metrics: `${run}_metrics.json`,
    history: `${run}_history.json`,
    report: 'report.html',
  };
}

/** Name of one plot of a run, in the folder `plots/`. */
export function plotName(run: string, kind: PlotKind): string {
  return `${run}_${kind}.png`;
}
