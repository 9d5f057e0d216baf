/** metrics.json and history.json: the numbers of a training. A number that isn't finite is written as null. */
import type { RunConfig } from './config.ts';
import { bestEpoch, type Evaluation, type History } from './results.ts';

/** Keys that other programs read. */
export type Hyperparameters = Pick<
  RunConfig,
  'n_samples' | 'learning_rate' | 'dropout_rate' | 'epochs' | 'batch_size'
>;

export interface Metrics {
  /** ISO 8601, UTC. */
  timestamp: string;
  hyperparameters: Hyperparameters;
  /** Scores of the kept weights on the validation records; null if a score is undefined. */
  val_metrics: {
    accuracy: number;
    auc: number | null;
    precision: number | null;
    recall: number | null;
    specificity: number | null;
  };
  /** Losses of the last epoch, which need not be the best. */
  final_train_loss: number;
  final_val_loss: number;
  best_epoch: number;
  best_val_loss: number;
  epochs_run: number;
  n_validation: number;
  /** Total time of all epochs. */
  seconds: number;
}

/**
 * The content of metrics.json: first the keys that other programs read, then our own.
 *
 * @throws RangeError when the history has no epoch.
 */
export function summarizeRun(
  date: Date,
  config: Hyperparameters,
  history: History,
  evaluation: Evaluation,
): Metrics {
  const best = bestEpoch(history);
  const last = history.epochs.at(-1) ?? best;
  const { n_samples, learning_rate, dropout_rate, epochs, batch_size } = config;
  const { accuracy, auc, precision, recall, specificity } = evaluation;
  return {
    timestamp: date.toISOString(),
    hyperparameters: { n_samples, learning_rate, dropout_rate, epochs, batch_size },
    val_metrics: { accuracy, auc, precision, recall, specificity },
    final_train_loss: last.loss,
    final_val_loss: last.val_loss,
    best_epoch: best.epoch,
    best_val_loss: best.val_loss,
    epochs_run: history.epochs.length,
    n_validation: evaluation.labels.length,
    seconds: totalSeconds(history),
  };
}

/** The text of metrics.json. */
export function serializeMetrics(metrics: Metrics): string {
  return `${JSON.stringify(metrics, null, 2)}\n`;
}

/** The text of history.json: `{"epochs": [...]}`, one line per epoch. */
export function serializeHistory({ epochs }: History): string {
  const lines = epochs.map(
    ({ epoch, loss, val_loss, val_accuracy, val_auc, learning_rate, seconds, input_wait, best }) =>
      `    ${JSON.stringify({ epoch, loss, val_loss, val_accuracy, val_auc, learning_rate, seconds, input_wait, best })}`,
  );
  return `{\n  "epochs": [\n${lines.join(',\n')}\n  ]\n}\n`;
}

/** Total time of all epochs [s]. */
export function totalSeconds({ epochs }: History): number {
  return epochs.reduce((sum, { seconds }) => sum + seconds, 0);
}
