import type { EventLog } from './event-log.ts';

/** Figures of an epoch. */
export interface EpochFigures {
  /** From 1. */
  epoch: number;
  loss: number;
  validationLoss: number;
  accuracy: number;
  /** Null when the validation records contain only one class; then no point is logged. */
  auc: number | null;
  learningRate: number;
  samplesPerSecond: number;
  /** Fraction of the epoch's time spent waiting for input, from 0 to 1. */
  inputWait: number;
  /** Probability of a signal for each validation record. */
  probabilities: Float64Array;
  /** Trainable arrays. */
  weights: Iterable<{ data: Float32Array }>;
}

/** Logs an epoch, with its number as the step. */
export function logEpoch(log: EventLog, figures: EpochFigures): void {
  const { epoch, auc, probabilities, weights } = figures;
  log.scalar('loss/training', figures.loss, epoch);
  log.scalar('loss/validation', figures.validationLoss, epoch);
  log.scalar('validation/accuracy', figures.accuracy, epoch);
  if (auc !== null) log.scalar('validation/auc', auc, epoch);
  log.scalar('learning_rate', figures.learningRate, epoch);
  log.scalar('speed/samples_per_second', figures.samplesPerSecond, epoch);
  log.scalar('speed/input_wait', figures.inputWait, epoch);
  log.histogram('validation/probability', probabilities, epoch);
  log.histogram('weights/norm', Array.from(weights, normOf), epoch);
}

/** Euclidean norm of an array's numbers. */
function normOf({ data }: { data: Float32Array }): number {
  let sum = 0;
  for (const value of data) sum += value * value;
  return Math.sqrt(sum);
}
