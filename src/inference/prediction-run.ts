/** Predicts the probability of a signal for raw samples or records, by one trained model or the mean of several. */
import { setImmediate } from 'node:timers/promises';
import { stringify } from 'csv-stringify/sync';
import { InputError, SettingError, StoppedError } from '../core/errors.ts';
import type { Observer } from '../core/progress.ts';
import { type Psd, SAMPLE_SIZE } from '../core/strain.ts';
import type { Rejection } from '../preprocess/state/rejected.ts';
import { catalogDataset } from '../raw/catalog.ts';
import { readSamples } from '../raw/samples.ts';
import { METADATA_KEY } from '../records/metadata.ts';
import { createPreprocessor } from '../signal/preprocessor.ts';
import { recipeHash } from '../signal/recipe.ts';
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
import { predictSignals } from '../training/fit/predictor.ts';
import { createIdCheck, decodeRecord } from '../training/input/record-check.ts';
import { openRecords, type RecordSet, readRecordRange } from '../training/input/records.ts';
import { completeSettings } from '../training/settings.ts';
import { checkRecipe, type FilePlace, findPsd, openModels } from './models.ts';
import { recordId } from './record-id.ts';

export interface PredictSettings {
  /** The PSD for whitening raw samples. Default: the one beside the weights; all models have the same. */
  psd?: FilePlace;
  batchSize: number;
  device: Device;
  /** Default 'auto'. */
  compile?: CompileChoice;
}

export interface Predictions {
  ids: string[];
  /** Probability of a signal, one per id. */
  probabilities: number[];
  rejected: Rejection[];
}

/**
 * Predicts with one model, or with the mean of several: samples are read and preprocessed once for all models.
 *
 * Throws the errors of openModels; SettingError when a PSD is given for records; InputError when records are damaged, a sample
 * occurs twice, or a record has an invalid id; and ConflictError when the data's recipe differs from that of the models'
 * training data. Records of a dataset are hashed as they are read, and no prediction is returned before the last shard's hash
 * was right.
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
  if (records !== undefined && settings.psd !== undefined)
    throw new SettingError(`${data.location} holds records, which are already whitened. Omit --psd`);
  checkRecipe(models, data.location, records?.metadata?.recipe_hash ?? recipeHash());
  const predictions: Predictions = { ids: [], probabilities: [], rejected: [] };
  const source = records
    ? openRecordSource(records, predictions)
    : await openRawSource(data, await findPsd(models, settings.psd), predictions);

  const say = (line: string) => observer.say?.(line);
  const tf = await loadTensorFlow({ device: settings.device, log: say });
  const { version, device } = describeTensorFlow(tf);
  say(`TensorFlow ${version}, ${source.count} samples`);
  const gpus = device === 'gpu' ? await listGpus(process.env) : [];
  const options = engineOptions(tf, settings.compile ?? 'auto', gpus, say);
  const engines: Engine[] = [];
  const report = () => {
    const done = predictions.probabilities.length + predictions.rejected.length;
    observer.progress?.({ stage: 'predict', done, total: source.count, unit: 'samples' });
  };
  try {
    for (const { preset, weights } of models)
      engines.push(createEngine(tf, 'graph', weights, completeSettings({ preset }, 'cpu'), options));
    const predictor = averagePredictors(engines);
    report();
    for await (const probability of predictSignals(tf, predictor, source.signals, settings.batchSize)) {
      // A batch blocks the event loop. Ctrl-C and the progress bar are handled between batches.
      if (predictions.probabilities.length % settings.batchSize === 0) await setImmediate();
      if (signal?.aborted) throw new StoppedError('stopped; no prediction was written');
      predictions.probabilities.push(probability);
      report();
    }
  } finally {
    for (const engine of engines) engine.dispose();
  }
  return predictions;
}

/** submission.csv: rows `id,target`, target = probability of a signal. */
export function formatSubmission({ ids, probabilities }: Predictions): string {
  const rows = ids.map((id, index) => [id, String(Math.fround(probabilities[index]!))]);
  return stringify(rows, { header: true, columns: ['id', 'target'] });
}

interface Source {
  count: number;
  /** Yields the same buffer for each sample, after pushing its id. Samples that are rejected are pushed to `rejected`. */
  signals: AsyncIterable<Float32Array>;
}

async function holdsRecords(data: ObjectStore): Promise<boolean> {
  return (await data.head(METADATA_KEY)) !== undefined || (await data.head('train.tfrecord')) !== undefined;
}

function openRecordSource(set: RecordSet, { ids }: Predictions): Source {
  async function* read(): AsyncGenerator<Float32Array> {
    const signal = new Float32Array(SAMPLE_SIZE);
    const checkId = createIdCheck();
    for await (const record of readRecordRange(set, 0, set.count)) {
      decodeRecord(record, set.dtype, signal);
      const id = recordId(record, ids.length);
      checkId({ ...record, id });
      ids.push(id);
      yield signal;
    }
  }
  return { count: set.count, signals: read() };
}

async function openRawSource(data: ObjectStore, psd: Psd, { ids, rejected }: Predictions): Promise<Source> {
  const { refs, faults } = await catalogDataset(data);
  if (refs.length === 0) {
    const [first] = faults;
    throw new InputError({
      object: data.location,
      found:
        first === undefined
          ? 'neither raw samples nor records'
          : `no readable raw sample (${first.file}: ${first.reason})`,
      needed: '.npy, .npz or .tar files, or metadata.json with its shards',
    });
  }
  rejected.push(...faults);
  const counts = new Map<string, number>();
  for (const { id } of refs) counts.set(id, (counts.get(id) ?? 0) + 1);
  const single = refs.filter(({ id }) => counts.get(id) === 1);
  for (const { id, key } of refs) {
    const count = counts.get(id)!;
    if (count > 1) rejected.push({ id, file: key, reason: `${count} raw samples have this id` });
  }
  const preprocessor = createPreprocessor(psd);
  async function* read(): AsyncGenerator<Float32Array> {
    const signal = new Float32Array(SAMPLE_SIZE);
    for await (const { ref, strain, reason } of readSamples(data, single)) {
      const fault = reason ?? preprocessor.process(strain, signal);
      if (fault === undefined) {
        ids.push(ref.id);
        yield signal;
      } else rejected.push({ id: ref.id, file: ref.key, reason: fault });
    }
  }
  return { count: refs.length + faults.length, signals: read() };
}
