import { setImmediate } from 'node:timers/promises';
import { ChirplineError, StoppedError } from '../errors.ts';
import type { Engine } from './engine.ts';
import { evaluate } from './evaluate.ts';
import type { TrainingInput } from './input.ts';
import { advanceSchedule, startSchedule } from './schedule.ts';

export interface FitSettings {
  /** At most. Default 50. */
  epochs?: number;
  /** At the start. Default 1e-4. */
  learningRate?: number;
  /** Of dropout; an integer from 0 to 2^31 - 1. */
  seed: number;
  /** Stops the fit between two steps. */
  signal?: AbortSignal;
}

/** One epoch, by the names of history.json. */
export interface Epoch {
  /** From 1. */
  epoch: number;
  /** Mean over the epoch's samples, each before the update that its batch made. */
  loss: number;
  val_loss: number;
  val_accuracy: number;
  /** Null when the validation records hold one class only. */
  val_auc: number | null;
  learning_rate: number;
  seconds: number;
  /** Whether val_loss was the lowest so far. */
  best: boolean;
}

export interface History {
  epochs: Epoch[];
  /** Number of the epoch whose weights the model has after the fit. */
  best_epoch: number;
}

export interface Progress {
  epoch: number;
  /** From 1 to `steps`. */
  step: number;
  steps: number;
  /** Mean over the epoch so far. */
  loss: number;
  /** Samples a second, over the epoch so far. */
  rate: number;
  /** Until the end of the epoch's training steps [s]. */
  secondsLeft: number;
}

/** Is told how the fit goes on; prints nothing itself. */
export interface FitObserver {
  step?(progress: Progress): void;
  epoch?(epoch: Epoch): void;
  /** A fact that the user should know. */
  say?(line: string): void;
}

/** Thrown when a loss or a gradient isn't finite; the model has the best epoch's weights again. */
export class DivergedError extends ChirplineError {
  readonly exitCode = 1;
}

/**
 * Trains the engine's model: after each epoch the validation loss decides on the learning rate and on the end (see
 * advanceSchedule). However it ends, the model then has the weights and batch-norm statistics of the best epoch (those
 * that it came with, when no epoch was finished).
 *
 * Throws DivergedError when a loss or a gradient isn't finite, and StoppedError when `settings.signal` is aborted.
 */
export async function fit(
  engine: Engine,
  input: TrainingInput,
  settings: FitSettings,
  observer: FitObserver = {},
): Promise<History> {
  const { epochs = 50, learningRate = 1e-4, seed, signal } = settings;
  const history: History = { epochs: [], best_epoch: 0 };
  let schedule = startSchedule(learningRate);
  let best = engine.getWeights();
  try {
    for (let epoch = 1; epoch <= epochs && !schedule.stop; epoch++) {
      const start = performance.now();
      const rate = schedule.learningRate;
      const loss = await trainEpoch({ engine, input, epoch, rate, seed, signal, observer });
      const validation = await evaluate(engine, input.validation(), input.validationCount, signal);
      checkLoss(validation.loss, `the validation after epoch ${epoch}`);
      if (epoch === 1 && validation.auc === null)
        observer.say?.('the validation records hold one class only: their AUC is not defined');
      schedule = advanceSchedule(schedule, validation.loss);
      if (schedule.improved) {
        best = engine.getWeights();
        history.best_epoch = epoch;
      }
      const line: Epoch = {
        epoch,
        loss,
        val_loss: validation.loss,
        val_accuracy: validation.accuracy,
        val_auc: validation.auc,
        learning_rate: rate,
        seconds: (performance.now() - start) / 1000,
        best: schedule.improved,
      };
      history.epochs.push(line);
      observer.epoch?.(line);
    }
  } finally {
    engine.setWeights(best);
  }
  return history;
}

interface EpochWork {
  engine: Engine;
  input: TrainingInput;
  epoch: number;
  /** Learning rate. */
  rate: number;
  seed: number;
  signal: AbortSignal | undefined;
  observer: FitObserver;
}

/** One pass over the training records; returns the mean loss. */
async function trainEpoch({ engine, input, epoch, rate, seed, signal, observer }: EpochWork) {
  const steps = Math.ceil(input.trainingCount / input.batchSize);
  const start = performance.now();
  let step = 0;
  let samples = 0;
  let lossSum = 0;
  for await (const batch of input.training(epoch)) {
    // A step holds the event loop: here is where signals and network come through.
    await setImmediate();
    if (signal?.aborted) throw new StoppedError(`stopped in epoch ${epoch} after step ${step} of ${steps}`);
    step++;
    const loss = engine.train(batch, rate, [seed, (epoch - 1) * steps + step]);
    checkLoss(loss, `epoch ${epoch}, step ${step} of ${steps}`);
    samples += batch.size;
    lossSum += loss * batch.size;
    const perSecond = samples / ((performance.now() - start) / 1000);
    observer.step?.({
      epoch,
      step,
      steps,
      loss: lossSum / samples,
      rate: perSecond,
      secondsLeft: (input.trainingCount - samples) / perSecond,
    });
  }
  return lossSum / samples;
}

function checkLoss(loss: number, where: string): void {
  if (Number.isFinite(loss)) return;
  throw new DivergedError(
    `the loss became ${loss} in ${where}: the training diverged. Try a lower learning rate. The model is as after its best epoch`,
  );
}
