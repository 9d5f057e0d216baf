/** Shows and stores the progress of a running fit. */
import { ChirplineError } from '../core/errors.ts';
import type { Observer } from '../core/progress.ts';
import { isTrainable } from '../model/weights.ts';
import type { ObjectStore } from '../storage/store.ts';
import { createEventLog, type EventLog } from '../tensorboard/event-log.ts';
import { logEpoch } from '../tensorboard/training-events.ts';
import type { Engine } from '../training/engine/engine.ts';
import type { Epoch, FitObserver, Snapshot } from '../training/fit/fit-state.ts';
import type { Evaluation } from '../training/fit/validation.ts';
import type { TrainingInput } from '../training/input/record-input.ts';
import { type Checkpoints, trySaving } from './checkpoints.ts';
import { saveHistory } from './training-artifacts.ts';

export interface Watch {
  run: string;
  models: ObjectStore;
  checkpoints: Checkpoints;
  /** Interval between two checkpoints within an epoch [min]. */
  checkpointMinutes: number;
  epochs: number;
  /** Snapshot that the fit resumes from. */
  snapshot: Snapshot | undefined;
  engine: Engine;
  input: TrainingInput;
  observer: Observer;
}

export interface FitWatch extends FitObserver {
  /** Whether the last checkpoint was written. */
  isSaved(): boolean;
  /** The validation of the best epoch; undefined if that was before the fit resumed. */
  best(): Evaluation | undefined;
}

/**
 * Shows a bar of steps for each epoch and a line at its end. Writes checkpoints, and after each epoch history.json and a
 * TensorBoard event file. If a file can't be written, reports it, and the training continues.
 */
export function watchFit(watch: Watch): FitWatch {
  const { run, models, checkpoints, checkpointMinutes, epochs, snapshot, engine, input, observer } = watch;
  const say = (line: string) => observer.say?.(line);
  const firstStep = snapshot?.state.epoch ?? 1;
  const events = createEventLog({ clock: () => Date.now() / 1000, pid: process.pid, firstStep });
  let best: Evaluation | undefined;
  let last = { time: Date.now(), saved: snapshot !== undefined };
  return {
    step: ({ epoch, step, steps, loss }) =>
      observer.progress?.({
        stage: `epoch ${epoch}/${epochs}`,
        done: step,
        total: steps,
        unit: 'steps',
        note: `loss ${loss.toFixed(4)}`,
      }),
    epoch: async (epoch, history, evaluation) => {
      if (epoch.best) best = evaluation;
      say(describeEpoch(epoch, epochs));
      logFigures(events, epoch, evaluation, engine, input.trainingCount);
      const file = events.take();
      const written = [
        () => saveHistory(models, run, history),
        async () =>
          file && (await models.write(`tensorboard/${run}/${file.name}`, file.bytes, { ifAbsent: true })),
      ];
      for (const write of written) {
        try {
          await write();
        } catch (error) {
          if (!(error instanceof ChirplineError)) throw error;
          say(`epoch ${epoch.epoch} is missing from a file: ${error.message}`);
        }
      }
    },
    due: () => Date.now() - last.time >= checkpointMinutes * 60_000,
    save: async (snapshot) => {
      const saved = await trySaving(checkpoints, { run, snapshot }, say);
      last = { time: Date.now(), saved };
    },
    say,
    isSaved: () => last.saved,
    best: () => best,
  };
}

function describeEpoch(line: Epoch, epochs: number): string {
  const { epoch, loss, val_loss, val_accuracy, val_auc, learning_rate, best } = line;
  return (
    `epoch ${epoch}/${epochs}  loss ${loss.toFixed(4)}  val ${val_loss.toFixed(4)}  ` +
    `accuracy ${val_accuracy.toFixed(3)}  AUC ${val_auc?.toFixed(3) ?? '-'}  ` +
    `rate ${learning_rate.toExponential(1)}${best ? ' *' : ''}`
  );
}

function logFigures(
  log: EventLog,
  { epoch, loss, val_loss, val_accuracy, val_auc, learning_rate, seconds, input_wait }: Epoch,
  { probabilities }: Evaluation,
  engine: Engine,
  samples: number,
): void {
  const weights = [...engine.getWeights()].flatMap(([name, array]) => (isTrainable(name) ? [array] : []));
  logEpoch(log, {
    epoch,
    loss,
    validationLoss: val_loss,
    accuracy: val_accuracy,
    auc: val_auc,
    learningRate: learning_rate,
    samplesPerSecond: samples / seconds,
    inputWait: input_wait,
    probabilities,
    weights,
  });
}
