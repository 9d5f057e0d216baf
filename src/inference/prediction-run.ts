/** Predicts the probability of a signal for raw samples or records, by one trained model or the mean of several. */

import { SettingError, StoppedError } from '../core/errors.ts';
import type { Observer } from '../core/progress.ts';
import { SAMPLE_SIZE } from '../core/strain.ts';
import { METADATA_KEY } from '../records/metadata.ts';
import { recipeHash } from '../signal/recipe.ts';
import type { FilePlace } from '../storage/location.ts';
import { openStore } from '../storage/open.ts';
import type { ObjectStore } from '../storage/store.ts';
import {
  type CompileChoice,
  type Device,
  describeTensorFlow,
  loadTensorFlow,
} from '../tensorflow/install/load.ts';
import { listGpus } from '../tensorflow/install/nvidia.ts';
import type { Engine } from '../training/engine/engine.ts';
import { engineOptions } from '../training/engine/engine-options.ts';
import { createEngine } from '../training/engine/engines.ts';
import { averagePredictors } from '../training/fit/ensemble.ts';
import { createIdCheck, decodeRecord } from '../training/input/record-check.ts';
import { openRecords, type RecordSet, readRecordRange } from '../training/input/records.ts';
import { completeSettings } from '../training/settings.ts';
import { checkRecipe, findPsd, openModels, type PlacedModel } from './models.ts';
import { openPartial, type PartialFile, type PartialPlace } from './partial-file.ts';
import { describeRaw, describeRecords, identifyPrediction } from './prediction-identity.ts';
import { noPredictions, type Predictions, predictSource, type Source } from './predictions.ts';
import { findRawSamples, withRawSource } from './raw-source.ts';
import { recordId } from './record-id.ts';
import { compareWithList, type RowSettings, requireListed } from './submission.ts';

export interface PredictSettings {
  /** The PSD for whitening raw samples. Default: the one beside the weights; all models have the same. */
  psd?: FilePlace;
  /** Threads that preprocess raw samples. Default: one per core. */
  workers?: number;
  /** The rows that will be made of the predictions: if they can't, the run fails before it starts. */
  rows?: RowSettings;
  batchSize: number;
  /** Whether each probability is the mean over the sample's four symmetries (test-time augmentation). Default false. */
  tta?: boolean;
  /** Keeps the results so far: the same prediction resumes from them. Default: a stop loses them. */
  partial?: PartialPlace;
  device: Device;
  /** Default 'auto'. */
  compile?: CompileChoice;
}

/**
 * Predicts with one model, or with the mean of several: samples are read and preprocessed once for all models.
 *
 * Throws the errors of openModels; SettingError when settings for raw samples are given for records; InputError when records are
 * damaged, a sample occurs twice, a record has an invalid id, or an id that needs a prediction has no raw sample; ConflictError
 * when the data's recipe differs from that of the models' training data; and StoppedError when `signal` is aborted. The partial
 * file is written before an error is thrown. Records of a dataset are hashed as they are read, also those that a resumed prediction
 * skips, and no prediction is returned before the last shard's hash has been verified.
 *
 * A resumed prediction gives the same probabilities as one without a stop, bit for bit on a CPU, if it has the same batch size.
 */
export async function predictDataset(
  weights: readonly FilePlace[],
  dataLocation: string,
  settings: PredictSettings,
  observer: Observer = {},
  signal?: AbortSignal,
): Promise<Predictions> {
  const models = await openModels(weights);
  const data = openStore(dataLocation);
  const records = (await holdsRecords(data)) ? await openRecords(data) : undefined;
  if (records !== undefined) refuseRawSettings(data, settings);
  checkRecipe(models, data.location, records?.metadata?.recipe_hash ?? recipeHash());
  const { tta = false } = settings;
  const predictions = noPredictions();
  const partial =
    settings.partial && openPartial(settings.partial, predictions, (line) => observer.say?.(line));
  const predict = (source: Source) =>
    predictWithModels(models, source, predictions, settings, partial, observer, signal);
  try {
    if (records !== undefined) {
      await partial?.resume({
        identity: await identifyPrediction(models, tta, await describeRecords(records)),
        count: records.count,
        rejectable: new Set(),
      });
      await predict(openRecordSource(records, predictions));
    } else {
      const psd = await findPsd(models, settings.psd);
      const samples = await findRawSamples(data, predictions);
      const ids = new Set(samples.refs.map(({ id }) => id));
      const { like, fill } = settings.rows ?? {};
      if (like !== undefined) compareWithList(like, ids);
      if (like !== undefined && fill === undefined) requireListed(like, ids);
      await partial?.resume({
        identity: await identifyPrediction(models, tta, describeRaw(psd, samples.refs)),
        count: ids.size,
        rejectable: ids,
      });
      const options = { workers: settings.workers, signal };
      await withRawSource(dataLocation, psd, samples, predictions, options, predict);
    }
  } catch (error) {
    if (signal?.aborted) throw await stop(error, partial);
    await partial?.save();
    throw error;
  }
  return predictions;
}

async function stop(cause: unknown, partial: PartialFile | undefined): Promise<StoppedError> {
  if (partial === undefined) return new StoppedError('stopped; no prediction was written', { cause });
  const from = (await partial.save())
    ? partial.object
    : 'the results that were saved before, or starts over if there are none';
  return new StoppedError(`stopped; the same command resumes from ${from}`, { cause });
}

function refuseRawSettings({ location }: ObjectStore, { psd, workers, rows }: PredictSettings): void {
  const refuse = (flag: string, because: string) => {
    throw new SettingError(`${location} holds records, which ${because}. Omit ${flag}`);
  };
  if (psd !== undefined) refuse('--psd', 'are already whitened');
  if (workers !== undefined) refuse('--workers', 'are already preprocessed');
  if (rows?.fill !== undefined && rows.like === undefined) refuse('--fill', 'all get a prediction');
}

async function predictWithModels(
  models: readonly PlacedModel[],
  source: Source,
  predictions: Predictions,
  settings: PredictSettings,
  partial: PartialFile | undefined,
  observer: Observer,
  signal: AbortSignal | undefined,
): Promise<void> {
  const say = (line: string) => observer.say?.(line);
  const tf = await loadTensorFlow({ device: settings.device, log: say });
  const { version, device } = describeTensorFlow(tf);
  say(`TensorFlow ${version}, ${source.count} samples`);
  const gpus = device === 'gpu' ? await listGpus(process.env) : [];
  const options = engineOptions(tf, settings.compile ?? 'auto', gpus, say);
  const engines: Engine[] = [];
  try {
    for (const { preset, weights } of models)
      engines.push(createEngine(tf, 'graph', weights, completeSettings({ preset }, 'cpu'), options));
    const { batchSize, tta } = settings;
    const afterBatch = async () => {
      if (partial?.due()) await partial.save();
    };
    const batches = { batchSize, tta, afterBatch };
    await predictSource(tf, averagePredictors(engines), source, predictions, batches, observer, signal);
  } finally {
    for (const engine of engines) engine.dispose();
  }
}

async function holdsRecords(data: ObjectStore): Promise<boolean> {
  return (await data.head(METADATA_KEY)) !== undefined || (await data.head('train.tfrecord')) !== undefined;
}

/** Records whose result is known are read and checked like the others, for the hashes and the ids, but not yielded. */
function openRecordSource(set: RecordSet, { samples, ids, labels, logits }: Predictions): Source {
  const known = logits.length;
  async function* read(): AsyncGenerator<Float32Array> {
    const signal = new Float32Array(SAMPLE_SIZE);
    const checkId = createIdCheck();
    for await (const record of readRecordRange(set, 0, set.count)) {
      decodeRecord(record, set.dtype, signal);
      const id = recordId(record, ids.length);
      checkId({ ...record, id });
      samples.push(id);
      ids.push(id);
      labels.push(record.label);
      if (ids.length > known) yield signal;
    }
  }
  return { count: set.count, signals: read() };
}
