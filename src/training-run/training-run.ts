/** Training as a step: records in, a model and its artifacts out. */
import { describeLocation, type RunConfig } from '../artifacts/config.ts';
import { PausedError, SettingError, StoppedError } from '../core/errors.ts';
import type { Observer } from '../core/progress.ts';
import { flagOf } from '../core/setting.ts';
import { SAMPLE_LENGTH } from '../core/strain.ts';
import { encodeWeights } from '../inference/model-file.ts';
import { checkRecipe } from '../inference/models.ts';
import { describeCost } from '../model/model-cost.ts';
import type { Weights } from '../model/weights.ts';
import { openStore } from '../storage/open.ts';
import { probeWriting } from '../storage/probe.ts';
import type { ObjectStore } from '../storage/store.ts';
import {
  type CompileChoice,
  type Device,
  describeTensorFlow,
  loadTensorFlow,
  type TF,
} from '../tensorflow/install/load.ts';
import { listGpus } from '../tensorflow/install/nvidia.ts';
import { engineOptions } from '../training/engine/engine-options.ts';
import { createEngine, type EngineKind } from '../training/engine/engines.ts';
import { sharingDevices } from '../training/engine/sharing.ts';
import { DivergedError, fit } from '../training/fit/fit.ts';
import type { History } from '../training/fit/fit-state.ts';
import { evaluate } from '../training/fit/validation.ts';
import { createInjectedInput } from '../training/input/injected-input.ts';
import { openTrainingInput, type TrainingInput } from '../training/input/record-input.ts';
import {
  completeRecords,
  type FoundRecords,
  findRecords,
  type RecordSet,
} from '../training/input/records.ts';
import { surveyRecords } from '../training/input/survey.ts';
import { completeSettings, DEFAULTS, type GivenSettings, type Settings } from '../training/settings.ts';
import { type Checkpoints, fingerprintOf, openCheckpoints } from './checkpoints.ts';
import { choosePrecision } from './device-precision.ts';
import { firstWeights } from './first-weights.ts';
import { openInitialModel } from './initial-model.ts';
import { openSignals } from './signal-records.ts';
import { withShardFiles } from './staging.ts';
import { claimRun, REPORT_KEY, reclaimRun, type SavedRun, saveRun } from './training-artifacts.ts';
import { type FitWatch, watchFit } from './training-observer.ts';

/** How a training is run. The settings decide its result. */
export interface TrainOptions {
  device: Device;
  engine: EngineKind;
  /** Default 'auto'. */
  compile?: CompileChoice;
  /** Location of signals to inject into the noise of the records (training/engine/inject.ts). */
  inject?: string;
  /** Location of a model's weights to start from. Default: random ones. */
  init?: string;
  /** Interval between two checkpoints within an epoch [min]. */
  checkpointMinutes: number;
  /** Location of the checkpoints; default: `checkpoints/` beside the models. */
  checkpoints?: string;
  /** Whether a damaged record ends the training or is skipped. To skip them, all records are read first. */
  onCorrupt: 'stop' | 'skip';
  /** Starts over even if there is a checkpoint. */
  fresh?: boolean;
  /** Note about the data for the report. */
  note?: string;
}

/**
 * Trains a model on the records and writes its artifacts to `saved/`. Records and models are locations, see openStore. A
 * stopped training with the same settings and records resumes from its checkpoint.
 *
 * Throws PausedError, after trying to write a checkpoint, when `signal` is aborted.
 */
export async function trainModel(
  recordsLocation: string,
  modelsLocation: string,
  given: GivenSettings,
  options: TrainOptions,
  observer: Observer = {},
  signal?: AbortSignal,
): Promise<SavedRun> {
  const model = options.init === undefined ? undefined : await openInitialModel(options.init, given);
  const records = openStore(recordsLocation);
  const models = openStore(modelsLocation);
  const found = await findRecords(records);
  await probeWriting(models, REPORT_KEY);
  const say = (line: string) => observer.say?.(line);
  const set = await (options.onCorrupt === 'skip' ? skipDamaged(found, say) : completeRecords(found));
  if (model && set.metadata) checkRecipe([model], records.location, set.metadata.recipe_hash);
  const signals = options.inject === undefined ? undefined : await openSignals(options.inject, set);
  const tf = await loadTensorFlow({ device: options.device, log: say });
  const { version, device } = describeTensorFlow(tf);
  const settings = completeSettings({ ...given, ...(model && { preset: model.preset }) }, device);
  if (signals === undefined) refuseSnr(settings);
  say(`TensorFlow ${version} on ${device.toUpperCase()}`);

  if (model?.preset === 'matched' && model.preprocessing?.psdSha256 !== set.metadata?.psd_sha256)
    say(
      `the filters of ${options.init} are whitened by another PSD than these records: they stay as they are`,
    );
  const initial = model?.weights ?? (await firstWeights(settings, set));
  const sets = signals === undefined ? [set] : [set, signals];
  const fingerprint = fingerprintOf(settings, sets, model && (await encodeWeights(model.weights)));
  const store = options.checkpoints === undefined ? models : openStore(options.checkpoints);
  const folder = options.checkpoints === undefined ? 'checkpoints/' : '';
  // The store of the models was probed above.
  if (options.checkpoints !== undefined) await probeWriting(store, `${fingerprint}/checkpoint`);
  const checkpoints = openCheckpoints(store, `${folder}${fingerprint}/`, settings, say);
  return withShardFiles(set, observer, signal, (files) => {
    const run = (open: () => TrainingInput) =>
      train({
        tf,
        set,
        open,
        records,
        models,
        settings,
        initial,
        options,
        checkpoints,
        recordsLocation,
        observer,
        signal,
      });
    const openSamples = () => openTrainingInput(tf, set, files, settings);
    if (signals === undefined) return run(openSamples);
    return withShardFiles(signals, observer, signal, (signalFiles) =>
      run(() => {
        const others = openTrainingInput(tf, signals, signalFiles, settings);
        return createInjectedInput(tf, openSamples(), others, settings);
      }),
    );
  });
}

/** Throws SettingError for a setting of injection without signals to inject. */
function refuseSnr(settings: Settings): void {
  const defaults = DEFAULTS[settings.preset];
  for (const name of ['snr', 'snr_median', 'snr_sigma', 'snr_min', 'snr_max'] as const)
    if (settings[name] !== defaults[name])
      throw new SettingError(`${flagOf(name)} is set without --inject: it is the SNR of injected signals`);
}

/**
 * A GPU computes while the host prepares the next steps; on a CPU this gains nothing. With 16 steps the host waits for the GPU
 * a few times a second.
 */
const STEPS_AHEAD = { cpu: 1, gpu: 16 };

/** Number of damaged records that are reported one by one. */
const REPORTED = 10;

async function skipDamaged(found: FoundRecords, say: (line: string) => void): Promise<RecordSet> {
  const { set, damages } = await surveyRecords(found);
  for (const { message } of damages.slice(0, REPORTED)) say(`skipped: ${message}`);
  if (damages.length > REPORTED) say(`skipped: ${damages.length - REPORTED} more`);
  if (damages.length > 0)
    say(`${set.count} ${found.count === undefined ? '' : `of ${found.count} `}records are left`);
  return set;
}

interface Training {
  tf: TF;
  set: RecordSet;
  /** Opens the input, which this training disposes of. */
  open: () => TrainingInput;
  records: ObjectStore;
  models: ObjectStore;
  settings: Settings;
  initial: Weights;
  options: TrainOptions;
  checkpoints: Checkpoints;
  recordsLocation: string;
  observer: Observer;
  signal: AbortSignal | undefined;
}

async function train(training: Training): Promise<SavedRun> {
  const { tf, set, open, records, models, settings, initial, options, checkpoints, observer, signal } =
    training;
  const { version, device } = describeTensorFlow(tf);
  const say = (line: string) => observer.say?.(line);
  const input = open();
  const { inject } = options;
  say(`${settings.preset}: ${describeCost(settings.preset)}`);
  const made = inject === undefined ? '' : ', made of their noise and injected signals';
  say(
    `training on ${input.trainingCount} records, validating on ${input.validationCount}, in batches of ${input.batchSize}${made}`,
  );
  const { epochs } = settings;
  const { compile = 'auto' } = options;
  if (compile === 'on' && options.engine === 'eager')
    throw new SettingError('--compile on compiles a graph: use --engine graph, or omit --compile');
  const gpus = device === 'gpu' ? await listGpus(process.env) : [];
  const { precision, low } = choosePrecision(settings, device, gpus, say);
  const how = options.engine === 'graph' ? engineOptions(tf, compile, gpus, say) : {};
  const config = describeRun(training, {
    compute_dtype: low ?? 'float32',
    n_gpus: device === 'cpu' ? 0 : Math.max(1, sharingDevices(how.devices ?? [], input.batchSize).length),
  });
  const engine = createEngine(
    tf,
    options.engine,
    initial,
    { ...settings, precision },
    { ...how, ...(low && { low }) },
  );
  try {
    const from = options.fresh ? undefined : await checkpoints.load();
    const run = await (from === undefined ? claimRun(models, config) : reclaimRun(models, from.run, config));
    const snapshot = from?.snapshot;
    if (snapshot !== undefined)
      say(
        `resuming ${run} from its checkpoint in epoch ${snapshot.state.epoch} after step ${snapshot.state.step}`,
      );
    const finish = async (history: History): Promise<SavedRun> => {
      const evaluation =
        watch.best() ?? (await evaluate(engine, input.validation(), input.validationCount, signal));
      return saveRun(records, models, {
        run,
        config,
        set,
        weights: engine.getWeights(),
        history,
        evaluation,
        training: input.trainingCount,
        validationFirst: input.validationFirst,
        tensorflow: version,
        device,
        note: options.note,
      });
    };
    const { checkpointMinutes } = options;
    const watch = watchFit({
      run,
      models,
      checkpoints,
      checkpointMinutes,
      epochs,
      snapshot,
      engine,
      input,
      observer,
    });
    const fitOptions = { signal, snapshot, stepsAhead: STEPS_AHEAD[device] };
    try {
      const saved = await finish(await fit(engine, input, settings, watch, fitOptions));
      await checkpoints.clear();
      return saved;
    } catch (error) {
      if (error instanceof StoppedError) throw pause(error, watch);
      if (error instanceof DivergedError && error.history.epochs.length > 0) {
        const { files } = await finish(error.history);
        say(`the best epoch's weights are saved: ${files.find((name) => name.endsWith('.npz'))}`);
      }
      throw error;
    }
  } finally {
    engine.dispose();
    input.dispose();
  }
}

function pause(cause: StoppedError, { isSaved }: FitWatch): PausedError {
  const from = isSaved() ? 'its checkpoint' : 'the previous checkpoint, or starts over if there is none';
  return new PausedError(`${cause.message}; the same command resumes from ${from}`, { cause });
}

function describeRun(
  { settings, set: { metadata }, recordsLocation, options: { inject, init } }: Training,
  computed: Pick<RunConfig, 'compute_dtype' | 'n_gpus'>,
): RunConfig {
  return {
    ...settings,
    ...computed,
    n_samples: SAMPLE_LENGTH,
    recipe_hash: metadata?.recipe_hash ?? 'unknown',
    psd_sha256: metadata?.psd_sha256 ?? 'unknown',
    records: describeLocation(recordsLocation),
    ...(inject !== undefined && { signals: describeLocation(inject) }),
    ...(init !== undefined && { init: describeLocation(init) }),
  };
}
