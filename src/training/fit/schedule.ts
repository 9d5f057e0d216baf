import type { Settings } from '../settings.ts';

/** Epochs without a new best one until the learning rate is lowered, and until training stops early. */
const PLATEAU_PATIENCE = 3;
const STOP_PATIENCE = 5;
const PLATEAU_FACTOR = 0.5;
const MIN_LEARNING_RATE = 1e-6;

/** The settings that decide the learning rate. */
export type ScheduleSettings = Pick<Settings, 'schedule' | 'learning_rate' | 'warmup_ratio'>;

/** What an epoch's validation found. */
export interface Validation {
  loss: number;
  /** Null when the validation records contain only one class. */
  auc: number | null;
}

/** State that follows from the validations so far. */
export interface Schedule {
  /** Learning rate of the next epoch; not used by `cosine`. */
  learningRate: number;
  /** Of the best epoch so far; null before the first. */
  best: Validation | null;
  /** Whether that is the last epoch. */
  improved: boolean;
  /** Epochs since the best epoch. */
  epochsSinceBest: number;
  /** Epochs without improvement since the best epoch or the last change of the learning rate. */
  epochsOnPlateau: number;
  /** Whether training stops early now. */
  stop: boolean;
}

export function startSchedule(learningRate: number): Schedule {
  return {
    learningRate,
    best: null,
    improved: false,
    epochsSinceBest: 0,
    epochsOnPlateau: 0,
    stop: false,
  };
}

/**
 * The schedule after one more epoch. With `plateau` the best epoch has the lowest validation loss; 3 epochs that aren't better
 * halve the learning rate (not below 1e-6) and restart the count; 5 stop the training early. `cosine` always runs to its last
 * step, and the best epoch has the highest validation AUC, of equal ones the lowest loss: the loss jumps at high learning rates,
 * since it depends on how far the moving statistics lag behind the weights.
 */
export function advanceSchedule(
  schedule: Schedule,
  validation: Validation,
  kind: ScheduleSettings['schedule'],
): Schedule {
  const { learningRate, best } = schedule;
  if (best === null || isBetter(validation, best, kind)) {
    return {
      learningRate,
      best: validation,
      improved: true,
      epochsSinceBest: 0,
      epochsOnPlateau: 0,
      stop: false,
    };
  }
  const epochsSinceBest = schedule.epochsSinceBest + 1;
  const epochsOnPlateau = schedule.epochsOnPlateau + 1;
  const lower = kind === 'plateau' && epochsOnPlateau >= PLATEAU_PATIENCE;
  return {
    learningRate: lower ? lowerRate(learningRate) : learningRate,
    best,
    improved: false,
    epochsSinceBest,
    epochsOnPlateau: lower ? 0 : epochsOnPlateau,
    stop: kind === 'plateau' && epochsSinceBest >= STOP_PATIENCE,
  };
}

function isBetter(a: Validation, b: Validation, kind: ScheduleSettings['schedule']): boolean {
  if (kind === 'plateau' || a.auc === null || b.auc === null || a.auc === b.auc) return a.loss < b.loss;
  return a.auc > b.auc;
}

/**
 * Learning rate of step `step`, from 0, of the `steps` of all epochs. `cosine` rises linearly during the warm-up and then
 * falls along half a cosine to 0 (Loshchilov and Hutter, "SGDR", 2017).
 */
export function rateOfStep(
  { schedule: kind, learning_rate, warmup_ratio }: ScheduleSettings,
  schedule: Schedule,
  step: number,
  steps: number,
): number {
  if (kind === 'plateau') return schedule.learningRate;
  const warmup = Math.floor(warmup_ratio * steps);
  if (step < warmup) return (learning_rate * (step + 1)) / warmup;
  return 0.5 * learning_rate * (1 + Math.cos((Math.PI * (step - warmup)) / (steps - warmup)));
}

/** Halves the learning rate. A rate that was set below the minimum is kept. */
function lowerRate(learningRate: number): number {
  return Math.min(learningRate, Math.max(learningRate * PLATEAU_FACTOR, MIN_LEARNING_RATE));
}
