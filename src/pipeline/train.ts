/** Training as a step: records in, a model and its artifacts out. */
import { describeLocation, type RunConfig } from '../artifacts/config.ts';
import { PausedError, StoppedError } from '../errors.ts';
import { initialWeights, type Weights } from '../model/weights.ts';
import type { Metadata } from '../records/metadata.ts';
import { openStore } from '../storage/open.ts';
import { probeWriting } from '../storage/probe.ts';
import type { ObjectStore } from '../storage/store.ts';
import { SAMPLE_LENGTH } from '../strain.ts';
import { type Device, describeTensorFlow, loadTensorFlow, type TF } from '../tensorflow/load.ts';
import { createEngine, type EngineKind } from '../training/engines.ts';
import { evaluate } from '../training/evaluate.ts';
import { DivergedError, fit } from '../training/fit.ts';
import type { History } from '../training/fit-state.ts';
import { openTrainingInput } from '../training/input.ts';
import { openRecords, type RecordSet } from '../training/records.ts';
import { completeSettings, type GivenSettings, type Settings } from '../training/settings.ts';
import type { ShardFiles } from '../training/shard-files.ts';
import { surveyRecords } from '../training/survey.ts';
import { claimRun, REPORT_KEY, type SavedRun, saveRun } from './artifacts.ts';
import { type Checkpoints, fingerprintOf, openCheckpoints } from './checkpoints.ts';
import type { Observer } from './progress.ts';
import { withShardFiles } from './staging.ts';
import { watchFit } from './watch.ts';
import { readMetadataIfPresent } from './work.ts';

/** How a training is run; what it comes to is decided by its settings. */
export interface TrainOptions {
  device: Device;
  engine: EngineKind;
  /** Between two checkpoints within an epoch [min]. */
  checkpointMinutes: number;
  /** Location of the checkpoints; default: `checkpoints/` beside the models. */
  checkpoints?: string;
  /** Whether a damaged record ends the training, or is left out: all are looked at first then. */
  onCorrupt: 'stop' | 'skip';
  /** Begins anew though there is a checkpoint. */
  fresh?: boolean;
  /** What a reader of the report must know about the data. */
  note?: string;
}

/**
 * Trains a model on the records and writes `saved/` with its artifacts. Both are locations, see openStore. A training of
 * the same settings on the same records that was stopped goes on from its checkpoint.
 *
 * Throws PausedError when `signal` is aborted, after a checkpoint was written.
 */
export async function trainModel(
  recordsLocation: string,
  modelsLocation: string,
  given: GivenSettings,
  options: TrainOptions,
  observer: Observer = {},
  signal?: AbortSignal,
): Promise<SavedRun> {
  const records = openStore(recordsLocation);
  const models = openStore(modelsLocation);
  const opened = await openRecords(records);
  await probeWriting(models, REPORT_KEY);
  const metadata = await readMetadataIfPresent(records);
  const say = (line: string) => observer.say?.(line);
  const set = options.onCorrupt === 'skip' ? await leaveOutDamaged(opened, say) : opened;
  const tf = await loadTensorFlow({ device: options.device, log: say });
  const { version, device } = describeTensorFlow(tf);
  const settings = completeSettings(given, device);
  say(`TensorFlow ${version} on ${device.toUpperCase()}`);

  const fingerprint = fingerprintOf(settings, set);
  const store = options.checkpoints === undefined ? models : openStore(options.checkpoints);
  const folder = options.checkpoints === undefined ? 'checkpoints/' : '';
  const checkpoints = openCheckpoints(store, `${folder}${fingerprint}/`, settings, say);
  return withShardFiles(set, observer, signal, (files) =>
    train({
      tf,
      set,
      files,
      records,
      models,
      metadata,
      settings,
      options,
      checkpoints,
      recordsLocation,
      observer,
      signal,
    }),
  );
}

/** Damaged records that are told of one by one. */
const TOLD = 10;

async function leaveOutDamaged(opened: RecordSet, say: (line: string) => void): Promise<RecordSet> {
  const { set, damages } = await surveyRecords(opened);
  for (const { message } of damages.slice(0, TOLD)) say(`left out: ${message}`);
  if (damages.length > TOLD) say(`left out: ${damages.length - TOLD} more`);
  if (damages.length > 0) say(`${opened.count - set.count} of ${opened.count} records are left out`);
  return set;
}

interface Training {
  tf: TF;
  set: RecordSet;
  files: ShardFiles;
  records: ObjectStore;
  models: ObjectStore;
  metadata: Metadata | undefined;
  settings: Settings;
  options: TrainOptions;
  checkpoints: Checkpoints;
  recordsLocation: string;
  observer: Observer;
  signal: AbortSignal | undefined;
}

async function train(training: Training): Promise<SavedRun> {
  const { tf, set, files, records, models, metadata, settings, options, checkpoints, observer, signal } =
    training;
  const { version, device } = describeTensorFlow(tf);
  const say = (line: string) => observer.say?.(line);
  const input = openTrainingInput(tf, set, files, settings);
  say(
    `training on ${input.trainingCount} records, validating on ${input.validationCount}, in batches of ${input.batchSize}`,
  );
  const config = describeRun(training);
  const from = options.fresh ? undefined : await checkpoints.load();
  const run = from?.run ?? (await claimRun(models, config));
  if (from !== undefined) {
    const { epoch, step } = from.snapshot.state;
    say(`going on with ${run} from its checkpoint in epoch ${epoch} after step ${step}`);
  }
  const engine = createEngine(tf, options.engine, initialWeights(settings.preset, settings.seed), settings);
  const finish = async (history: History): Promise<SavedRun> => {
    const evaluation = await evaluate(engine, input.validation(), input.validationCount, signal);
    const weights: Weights = engine.getWeights();
    const training = input.trainingCount;
    const { note } = options;
    return saveRun(records, models, {
      run,
      config,
      metadata,
      weights,
      history,
      evaluation,
      training,
      tensorflow: version,
      device,
      note,
    });
  };
  try {
    const { checkpointMinutes } = options;
    const { epochs } = settings;
    const firstEpoch = from?.snapshot.state.epoch ?? 1;
    const watch = {
      run,
      models,
      checkpoints,
      checkpointMinutes,
      epochs,
      firstEpoch,
      engine,
      input,
      observer,
    };
    const going = { signal, snapshot: from?.snapshot };
    const history = await fit(engine, input, settings, watchFit(watch), going);
    const saved = await finish(history);
    await checkpoints.clear();
    return saved;
  } catch (error) {
    if (error instanceof StoppedError) {
      throw new PausedError(`${error.message}; the same command goes on from its checkpoint`, {
        cause: error,
      });
    }
    if (error instanceof DivergedError && error.history.epochs.length > 0) {
      const { files } = await finish(error.history);
      say(`the best epoch's weights are saved: ${files.find((name) => name.endsWith('.npz'))}`);
    }
    throw error;
  } finally {
    engine.dispose();
    input.dispose();
  }
}

function describeRun({ settings, metadata, recordsLocation }: Training): RunConfig {
  return {
    ...settings,
    n_samples: SAMPLE_LENGTH,
    recipe_hash: metadata?.recipe_hash ?? 'unknown',
    psd_sha256: metadata?.psd_sha256 ?? 'unknown',
    records: describeLocation(recordsLocation),
  };
}
