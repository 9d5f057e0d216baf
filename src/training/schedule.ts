/** Epochs without a better validation loss after which the learning rate is lowered, and after which training ends. */
const PLATEAU_PATIENCE = 3;
const STOP_PATIENCE = 5;
const PLATEAU_FACTOR = 0.5;
const LEAST_LEARNING_RATE = 1e-6;

/** What the validation losses so far decide. */
export interface Schedule {
  /** For the next epoch. */
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
    bestLoss: Infinity,
    improved: false,
    epochsSinceBest: 0,
    epochsOnPlateau: 0,
    stop: false,
  };
}

/**
 * The schedule after one more epoch. 3 epochs without a lower validation loss halve the learning rate (not below 1e-6)
 * and the count starts again; 5 end the training.
 */
export function advanceSchedule(schedule: Schedule, validationLoss: number): Schedule {
  const { learningRate, bestLoss } = schedule;
  if (validationLoss < bestLoss)
    return {
      learningRate,
      bestLoss: validationLoss,
      improved: true,
      epochsSinceBest: 0,
      epochsOnPlateau: 0,
      stop: false,
    };
  const epochsSinceBest = schedule.epochsSinceBest + 1;
  const epochsOnPlateau = schedule.epochsOnPlateau + 1;
  const lower = epochsOnPlateau >= PLATEAU_PATIENCE;
  return {
    learningRate: lower ? lowerRate(learningRate) : learningRate,
    bestLoss,
    improved: false,
    epochsSinceBest,
    epochsOnPlateau: lower ? 0 : epochsOnPlateau,
    stop: epochsSinceBest >= STOP_PATIENCE,
  };
}

/** A rate that was chosen below the least one stays as it is. */
function lowerRate(learningRate: number): number {
  return Math.min(learningRate, Math.max(learningRate * PLATEAU_FACTOR, LEAST_LEARNING_RATE));
}
