import { setImmediate } from 'node:timers/promises';
import { ChirplineError, StoppedError } from '../../core/errors.ts';
import type { Weights } from '../../model/weights.ts';
import { withMemoryFor } from '../engine/batch-memory.ts';
import type { Engine } from '../engine/engine.ts';
import type { Batch } from '../input/batch.ts';
import type { TrainingInput } from '../input/record-input.ts';
import type { Settings } from '../settings.ts';
import type { Epoch, FitObserver, FitState, History, Snapshot } from './fit-state.ts';
import { advanceSchedule, rateOfStep, type ScheduleSettings, startSchedule } from './schedule.ts';
import { type Evaluation, evaluate } from './validation.ts';

/** The settings that a fit uses. `seed` is the seed of dropout and augmentation. */
export type FitSettings = ScheduleSettings & Pick<Settings, 'epochs' | 'seed' | 'average_weights'>;

export interface FitOptions {
  signal?: AbortSignal | undefined;
  snapshot?: Snapshot | undefined;
  /**
   * Steps that are started before their losses are read. On a GPU the host prepares one step while the GPU computes another. A
   * loss that isn't finite is noticed when the losses are read. Default 1.
   */
  stepsAhead?: number;
}

/**
 * Batches after which the moving statistics are those of the current weights: they forget all but 0.9^24, a twelfth. An epoch may
 * have fewer.
 */
const STATISTICS_BATCHES = 24;

/** Thrown when a loss or a gradient isn't finite. The model then has the weights of the best epoch. */
export class DivergedError extends ChirplineError {
  readonly exitCode = 1;
  readonly history: History;
  constructor(message: string, history: History) {
    super(message);
    this.history = history;
  }
}

/**
 * Trains the engine's model. After each epoch its validation decides the learning rate, early stopping and the best epoch (see
 * advanceSchedule). However the fit ends, the model then has the weights and batch-norm statistics of the best epoch, or
 * its initial ones if no epoch was finished.
 *
 * Given a snapshot, the fit resumes there and arrives at the same weights as a fit that never stopped.
 *
 * Throws DivergedError when a loss or a gradient isn't finite, InputError when a record is the cause, and StoppedError,
 * after saving a snapshot, when `signal` is aborted.
 */
export async function fit(
  engine: Engine,
  input: TrainingInput,
  settings: FitSettings,
  observer: FitObserver = {},
  { signal, snapshot, stepsAhead = 1 }: FitOptions = {},
): Promise<History> {
  const state = structuredClone(snapshot?.state) ?? startState(settings);
  // Discards the losses that another fit left.
  engine.takeLoss();
  if (snapshot !== undefined) {
    engine.setWeights(snapshot.weights);
    engine.setOptimizer(snapshot.optimizer);
  }
  let best = snapshot?.best ?? engine.getWeights();
  const save = async () => {
    const [weights, optimizer] = [engine.getWeights(), engine.getOptimizer()];
    await observer.save?.({ state: structuredClone(state), weights, best, optimizer });
  };
  try {
    if (snapshot === undefined) await save();
    while (state.epoch <= settings.epochs && !state.schedule.stop) {
      const { epoch } = state;
      await trainEpoch({ engine, input, settings, state, signal, stepsAhead, observer, save });
      const start = performance.now();
      const { evaluation, weights } = await validate(engine, input, settings, epoch, signal);
      if (!Number.isFinite(evaluation.loss))
        await diverge(input, state, `the validation after epoch ${epoch}`);
      state.seconds += (performance.now() - start) / 1000;
      const line = endEpoch(state, settings, evaluation, input);
      if (line.best) best = weights;
      if (epoch === 1 && evaluation.auc === null)
        observer.say?.('the validation records contain only one class: their AUC is undefined');
      await observer.epoch?.(line, state.history, evaluation);
      await save();
    }
  } catch (error) {
    if (error instanceof StoppedError) await save();
    throw error;
  } finally {
    engine.setWeights(best);
  }
  return state.history;
}

/** Validates the averaged weights, if the settings average them, or else the current ones. Returns those; the engine keeps its own. */
async function validate(
  engine: Engine,
  input: TrainingInput,
  settings: FitSettings,
  epoch: number,
  signal: AbortSignal | undefined,
): Promise<{ evaluation: Evaluation; weights: Weights }> {
  const trained = settings.average_weights > 0 ? engine.getWeights() : undefined;
  try {
    if (trained !== undefined) await useAverage(engine, input, settings, epoch, signal);
    const evaluation = await evaluate(engine, input.validation(), input.validationCount, signal);
    return { evaluation, weights: engine.getWeights() };
  } finally {
    if (trained !== undefined) engine.setWeights(trained);
  }
}

/**
 * Sets the weights to their average. The moving statistics belong to other weights, so they are computed again from training
 * batches.
 */
async function useAverage(
  engine: Engine,
  input: TrainingInput,
  { seed }: FitSettings,
  epoch: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  engine.useAverage();
  let passed = 0;
  for await (const batch of input.training(epoch)) {
    await setImmediate();
    if (signal?.aborted) throw new StoppedError(`stopped after epoch ${epoch}, before its validation`);
    passed++;
    withMemoryFor(batch.size, () => engine.adjustStatistics(batch, [seed, passed]));
    if (passed === STATISTICS_BATCHES) break;
  }
}

function startState({ learning_rate }: FitSettings): FitState {
  return {
    epoch: 1,
    ...NOTHING_DONE,
    schedule: startSchedule(learning_rate),
    history: { epochs: [], best_epoch: 0 },
  };
}

const NOTHING_DONE = { step: 0, samples: 0, lossSum: 0, seconds: 0, waited: 0 };

interface EpochWork {
  engine: Engine;
  input: TrainingInput;
  settings: FitSettings;
  state: FitState;
  signal: AbortSignal | undefined;
  stepsAhead: number;
  observer: FitObserver;
  save(): Promise<void>;
}

/** Runs the remaining steps of the epoch. */
async function trainEpoch({
  engine,
  input,
  settings,
  state,
  signal,
  stepsAhead,
  observer,
  save,
}: EpochWork): Promise<void> {
  const { epoch } = state;
  const steps = Math.ceil(input.trainingCount / input.batchSize);
  let time = performance.now();
  let { waited } = input;
  /** Adds the time since the last call. */
  const addTime = () => {
    const now = performance.now();
    state.seconds += (now - time) / 1000;
    state.waited += (input.waited - waited) / 1000;
    time = now;
    waited = input.waited;
  };
  /** Steps and samples whose losses are not read yet. */
  let ahead = { steps: 0, samples: 0 };
  /** Waits for the steps, of which `last` is the last. */
  const settle = async (last?: Batch) => {
    if (ahead.steps === 0) return;
    const sum = withMemoryFor(input.batchSize, () => engine.takeLoss());
    const where =
      ahead.steps === 1 ? `step ${state.step}` : `steps ${state.step - ahead.steps + 1} to ${state.step}`;
    if (!Number.isFinite(sum)) {
      const culprit = ahead.steps === 1 ? last : undefined;
      await diverge(input, state, `epoch ${epoch}, ${where} of ${steps}`, culprit);
    }
    state.samples += ahead.samples;
    state.lossSum += sum;
    ahead = { steps: 0, samples: 0 };
  };
  try {
    for await (const batch of input.training(epoch, state.step)) {
      // A step blocks the event loop. This lets signals and network traffic through.
      await setImmediate();
      const isDue = observer.due?.() ?? false;
      if (signal?.aborted)
        throw new StoppedError(`stopped in epoch ${epoch} after step ${state.step} of ${steps}`);
      if (isDue) {
        await settle();
        await save();
      }
      const number = (epoch - 1) * steps + state.step;
      const rate = rateOfStep(settings, state.schedule, number, settings.epochs * steps);
      withMemoryFor(batch.size, () => engine.train(batch, rate, [settings.seed, number + 1]));
      state.step++;
      ahead = { steps: ahead.steps + 1, samples: ahead.samples + batch.size };
      if (ahead.steps === stepsAhead || state.step === steps) await settle(batch);
      addTime();
      if (ahead.steps === 0)
        observer.step?.({ epoch, step: state.step, steps, loss: state.lossSum / state.samples });
    }
  } catch (error) {
    // The input may be stopped, too. The snapshot then needs the losses of all steps.
    if (error instanceof StoppedError) await settle();
    throw error;
  }
}

/** Adds the epoch to the history and moves the state to the next one. */
function endEpoch(
  state: FitState,
  settings: FitSettings,
  { loss, accuracy, auc }: Evaluation,
  input: TrainingInput,
): Epoch {
  const { epoch, schedule, history } = state;
  const steps = Math.ceil(input.trainingCount / input.batchSize);
  const next = advanceSchedule(schedule, { loss, auc }, settings.schedule);
  const line: Epoch = {
    epoch,
    loss: state.lossSum / state.samples,
    val_loss: loss,
    val_accuracy: accuracy,
    val_auc: auc,
    learning_rate: rateOfStep(
      settings,
      schedule,
      (epoch - 1) * steps + (steps >> 1),
      settings.epochs * steps,
    ),
    seconds: state.seconds,
    input_wait: state.waited / state.seconds,
    best: next.improved,
  };
  history.epochs.push(line);
  if (line.best) history.best_epoch = epoch;
  Object.assign(state, NOTHING_DONE, { epoch: epoch + 1, schedule: next });
  return line;
}

/** Throws the cause of a loss that isn't finite: InputError for a record, otherwise DivergedError. */
async function diverge(
  input: TrainingInput,
  { history }: FitState,
  where: string,
  batch?: Batch,
): Promise<never> {
  const ids = (batch?.ids.dataSync() ?? []) as unknown as string[];
  // Reads all records, which may take long.
  await input.examine();
  const samples = ids.filter((id) => id !== '').slice(0, 3);
  const which = samples.length === 0 ? '' : ` (samples ${samples.join(', ')}, ...)`;
  throw new DivergedError(
    `the training diverged: the loss is not finite in ${where}${which}, although all records are valid. Try a lower learning rate`,
    history,
  );
}
