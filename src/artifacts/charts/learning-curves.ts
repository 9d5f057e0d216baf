/** Charts of losses, scores and learning rate over the epochs. */

import { bestEpoch, type Epoch, type History } from '../results.ts';
import { type Axis, type Chart, lineChart, type Mark } from './chart.ts';
import type { Theme } from './theme.ts';

/** With more epochs than this, a dot per epoch would clutter the curve. */
const DOTS_LIMIT = 30;

/** Training and validation loss. */
export function lossChart(theme: Theme, history: History): Chart {
  const dots = history.epochs.length <= DOTS_LIMIT;
  return lineChart(theme, {
    title: 'Loss',
    x: epochAxis(history),
    y: { name: 'binary cross-entropy' },
    lines: [
      { name: 'training', color: theme.blue, points: pointsOf(history, 'loss'), dots },
      { name: 'validation', color: theme.orange, points: pointsOf(history, 'val_loss'), dots },
    ],
    mark: bestMark(history),
  });
}

/** Accuracy and AUC on the validation records. */
export function scoreChart(theme: Theme, history: History): Chart {
  const dots = history.epochs.length <= DOTS_LIMIT;
  const accuracy = pointsOf(history, 'val_accuracy');
  const auc = pointsOf(history, 'val_auc');
  const lowest = Math.min(0.5, ...[...accuracy, ...auc].map(([, y]) => y ?? 0.5));
  return lineChart(theme, {
    title: 'Validation scores',
    x: epochAxis(history),
    y: { name: 'score', min: Math.floor(lowest * 10) / 10, max: 1, format: (value) => value.toFixed(1) },
    lines: [
      { name: 'accuracy', color: theme.blue, points: accuracy, dots },
      { name: 'AUC', color: theme.orange, points: auc, dots },
    ],
    mark: bestMark(history),
  });
}

/** Learning rate of each epoch. */
export function rateChart(theme: Theme, history: History): Chart {
  return lineChart(theme, {
    title: 'Learning rate',
    x: epochAxis(history),
    y: { name: 'learning rate', min: 0 },
    lines: [
      {
        name: 'learning rate',
        color: theme.green,
        points: pointsOf(history, 'learning_rate'),
        steps: true,
        dots: history.epochs.length <= DOTS_LIMIT,
      },
    ],
    legend: false,
    mark: bestMark(history),
  });
}

/** From the first to the last epoch of the longest history. */
export function epochAxis(...histories: readonly History[]): Axis {
  const first = Math.min(...histories.map(({ epochs }) => epochs[0]?.epoch ?? 1));
  const last = Math.max(...histories.map(({ epochs }) => epochs.at(-1)?.epoch ?? first));
  // A single epoch would give an axis of zero length.
  const room = first === last ? 1 : 0;
  return {
    name: 'epoch',
    min: first - room,
    max: last + room,
    wholeNumbers: true,
    format: (value) => (value < first || value > last ? '' : String(value)),
  };
}

/** A measure of each epoch; null if it isn't finite. */
export function pointsOf(
  { epochs }: History,
  key: 'loss' | 'val_loss' | 'val_accuracy' | 'val_auc' | 'learning_rate',
) {
  return epochs.map((epoch: Epoch): [number, number | null] => {
    const value = epoch[key];
    return [epoch.epoch, value !== null && Number.isFinite(value) ? value : null];
  });
}

function bestMark(history: History): Mark {
  const { epoch } = bestEpoch(history);
  return { x: epoch, label: `best: epoch ${epoch}` };
}
