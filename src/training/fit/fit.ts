import { setImmediate } from 'node:timers/promises';
import { ChirplineError, StoppedError } from '../../core/errors.ts';
import { withMemoryFor } from '../engine/batch-memory.ts';
import type { Engine } from '../engine/engine.ts';
import type { Batch } from '../input/batch.ts';
import type { TrainingInput } from '../input/record-input.ts';
import { type Evaluation, evaluate } from './evaluate.ts';
import type { Epoch, FitObserver, FitState, History, Snapshot } from './fit-state.ts';
import { advanceSchedule, rateOfStep, type ScheduleSettings, startSchedule } from './schedule.ts';

/** What of the settings a fit goes by; the seed is that of dropout and augmentation. */
export type FitSettings = ScheduleSettings & { epochs: number; seed: number };

/** Thrown when a loss or a gradient isn't finite; the model has the best epoch's weights again. */
export class DivergedError extends ChirplineError {
  readonly exitCode = 1;
  readonly history: History;
  constructor(message: string, history: History) {
    super(message);
    this.history = history;
  }
}

/**
 * Trains the engine's model: after each epoch the validation loss decides on the learning rate and on the end (see
 * advanceSchedule). However it ends, the model then has the weights and batch-norm statistics of the best epoch (those
 * that it came with, when no epoch was finished).
 *
 * With a snapshot it resumes there, and comes to the same weights as a fit that never stopped.
 *
 * Throws DivergedError when a loss or a gradient isn't finite, InputError when that is the fault of a record, and
 * StoppedError, with a snapshot saved before, when `signal` is aborted.
 */
export async function fit(
  engine: Engine,
  input: TrainingInput,
  settings: FitSettings,
  observer: FitObserver = {},
  { signal, snapshot }: { signal?: AbortSignal | undefined; snapshot?: Snapshot | undefined } = {},
): Promise<History> {
  const state = structuredClone(snapshot?.state) ?? startState(settings);
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
      await trainEpoch({ engine, input, settings, state, signal, observer, save });
      const start = performance.now();
      const evaluation = await evaluate(engine, input.validation(), input.validationCount, signal);
      if (!Number.isFinite(evaluation.loss))
        await diverge(input, state, `the validation after epoch ${epoch}`);
      state.seconds += (performance.now() - start) / 1000;
      const line = endEpoch(state, settings, evaluation, input);
      if (line.best) best = engine.getWeights();
      if (epoch === 1 && evaluation.auc === null)
        observer.say?.('the validation records hold one class only: their AUC is not defined');
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
  observer: FitObserver;
  save(): Promise<void>;
}

/** The steps of the epoch that are left. */
async function trainEpoch({
  engine,
  input,
  settings,
  state,
  signal,
  observer,
  save,
}: EpochWork): Promise<void> {
  const { epoch } = state;
  const steps = Math.ceil(input.trainingCount / input.batchSize);
  let time = performance.now();
  let { waited } = input;
  /** Counts the time since the last call. */
  const count = () => {
    const now = performance.now();
    state.seconds += (now - time) / 1000;
    state.waited += (input.waited - waited) / 1000;
    time = now;
    waited = input.waited;
  };
  for await (const batch of input.training(epoch, state.step)) {
    // A step holds the event loop: here is where signals and network come through.
    await setImmediate();
    if (signal?.aborted)
      throw new StoppedError(`stopped in epoch ${epoch} after step ${state.step} of ${steps}`);
    if (observer.due?.()) await save();
    const number = (epoch - 1) * steps + state.step;
    const rate = rateOfStep(settings, state.schedule, number, settings.epochs * steps);
    const loss = withMemoryFor(batch.size, () => engine.train(batch, rate, [settings.seed, number + 1]));
    if (!Number.isFinite(loss))
      await diverge(input, state, `epoch ${epoch}, step ${state.step + 1} of ${steps}`, batch);
    state.step++;
    state.samples += batch.size;
    state.lossSum += loss * batch.size;
    count();
    observer.step?.({ epoch, step: state.step, steps, loss: state.lossSum / state.samples });
  }
}

/** Enters the epoch into the history, and turns to the next one. */
function endEpoch(
  state: FitState,
  settings: FitSettings,
  { loss, accuracy, auc }: Evaluation,
  input: TrainingInput,
): Epoch {
  const { epoch, schedule, history } = state;
  const steps = Math.ceil(input.trainingCount / input.batchSize);
  const next = advanceSchedule(schedule, loss, settings.schedule);
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

/** Throws what made the loss something else than a number: a record, or the training itself. */
async function diverge(
  input: TrainingInput,
  { history }: FitState,
  where: string,
  batch?: Batch,
): Promise<never> {
  const ids = (batch?.ids.dataSync() ?? []) as unknown as string[];
  // Looks at the records, which may be long: the batch won't be needed again.
  await input.examine();
  const samples = ids.filter((id) => id !== '').slice(0, 3);
  const which = samples.length === 0 ? '' : ` (the samples ${samples.join(', ')}, ...)`;
  throw new DivergedError(
    `the loss is no number in ${where}${which}, though all records are sound: the training diverged. Try a lower learning rate. The model is as after its best epoch`,
    history,
  );
}
