import type { Settings } from '../settings.ts';

/** Epochs without a better validation loss after which the learning rate is lowered, and after which training ends. */
const PLATEAU_PATIENCE = 3;
const STOP_PATIENCE = 5;
const PLATEAU_FACTOR = 0.5;
const LEAST_LEARNING_RATE = 1e-6;

/** What of the settings decides on the learning rate. */
export type ScheduleSettings = Pick<Settings, 'schedule' | 'learning_rate' | 'warmup_ratio'>;

/** What the validation losses so far decide. */
export interface Schedule {
  /** For the next epoch, before cosine bends it. */
  learningRate: number;
  /** The lowest validation loss so far. */
  bestLoss: number;
  /** Whether the last epoch had it. */
  improved: boolean;
  /** Epochs since the best one. */
  epochsSinceBest: number;
  /** Epochs without improvement since the best one or the last change of the learning rate. */
  epochsOnPlateau: number;
  /** Whether training ends here. */
  stop: boolean;
}

export function startSchedule(learningRate: number): Schedule {
  return {
    learningRate,
    bestLoss: Number.MAX_VALUE,
    improved: false,
    epochsSinceBest: 0,
    epochsOnPlateau: 0,
    stop: false,
  };
}

/**
 * The schedule after one more epoch. With `plateau`, 3 epochs without a lower validation loss halve the learning rate
 * (not below 1e-6) and the count starts again; 5 end the training. `cosine` goes on to its last step.
 */
export function advanceSchedule(
  schedule: Schedule,
  validationLoss: number,
  kind: ScheduleSettings['schedule'],
): Schedule {
  const { learningRate, bestLoss } = schedule;
  if (validationLoss < bestLoss) {
    return {
      learningRate,
      bestLoss: validationLoss,
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
    bestLoss,
    improved: false,
    epochsSinceBest,
    epochsOnPlateau: lower ? 0 : epochsOnPlateau,
    stop: kind === 'plateau' && epochsSinceBest >= STOP_PATIENCE,
  };
}

/**
 * Learning rate of one step of `steps` in all, counted from 0. `cosine` rises in a line over the warm-up and falls along
 * half a cosine to 0 (Loshchilov and Hutter, "SGDR", 2017).
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

/** A rate that was chosen below the least one stays as it is. */
function lowerRate(learningRate: number): number {
  return Math.min(learningRate, Math.max(learningRate * PLATEAU_FACTOR, LEAST_LEARNING_RATE));
}
