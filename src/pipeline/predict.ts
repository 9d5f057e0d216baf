/** Probabilities for samples that a trained model hasn't seen: raw ones, or records. */
import { setImmediate } from 'node:timers/promises';
import { stringify } from 'csv-stringify/sync';
import { ConflictError, InputError, NotFoundError, StoppedError } from '../errors.ts';
import { catalogDataset } from '../raw/catalog.ts';
import { readSamples } from '../raw/samples.ts';
import { decodeSignal } from '../records/dtype.ts';
import { createPreprocessor } from '../signal/preprocess.ts';
import { recipeHash } from '../signal/recipe.ts';
import { openStore } from '../storage/open.ts';
import type { ObjectStore } from '../storage/store.ts';
import { type Psd, SAMPLE_SIZE } from '../strain.ts';
import { type Device, describeTensorFlow, loadTensorFlow } from '../tensorflow/load.ts';
import { createEngine } from '../training/engines.ts';
import { predictSignals } from '../training/predict.ts';
import { openRecords, readRecordRange } from '../training/records.ts';
import { completeSettings } from '../training/settings.ts';
import { companionNames, readModel, runOfWeights } from './model-file.ts';
import type { Observer } from './progress.ts';
import { readPsd } from './psd.ts';
import type { Rejection } from './rejected.ts';
import { METADATA_KEY, readJsonIfPresent, readMetadataIfPresent } from './work.ts';

/** A file as the location of its folder and its name in there. */
export interface FilePlace {
  folder: string;
  key: string;
}

export interface PredictSettings {
  /** The PSD of raw samples; default: the one beside the weights. */
  psd?: FilePlace;
  batchSize: number;
  device: Device;
}

export interface Predictions {
  ids: string[];
  /** Of a signal, one an id. */
  probabilities: number[];
  rejected: Rejection[];
}

/** Throws ConflictError when the data was, or would be, preprocessed otherwise than the model's training data. */
export async function predictDataset(
  weights: FilePlace,
  dataLocation: string,
  settings: PredictSettings,
  observer: Observer = {},
  signal?: AbortSignal,
): Promise<Predictions> {
  const modelStore = await openStore(weights.folder);
  const model = await readModel(modelStore, weights.key);
  const data = await openStore(dataLocation);
  await checkRecipe(modelStore, weights.key, data);
  const predictions: Predictions = { ids: [], probabilities: [], rejected: [] };
  const source = (await holdsRecords(data))
    ? await openRecordSource(data, predictions)
    : await openRawSource(data, await findPsd(modelStore, weights.key, settings.psd), predictions);

  const tf = await loadTensorFlow({ device: settings.device, log: (line) => observer.say?.(line) });
  observer.say?.(`TensorFlow ${describeTensorFlow(tf).version}, ${source.count} samples`);
  const engine = createEngine(tf, 'graph', model.weights, completeSettings({ preset: model.preset }, 'cpu'));
  const report = () => {
    const done = predictions.probabilities.length + predictions.rejected.length;
    observer.progress?.({ stage: 'predict', done, total: source.count, unit: 'samples' });
  };
  try {
    report();
    for await (const probability of predictSignals(tf, engine, source.signals, settings.batchSize)) {
      // A batch holds the event loop: between two is where signals and the bar come through.
      if (predictions.probabilities.length % settings.batchSize === 0) await setImmediate();
      if (signal?.aborted) throw new StoppedError('stopped; no prediction was written');
      predictions.probabilities.push(probability);
      report();
    }
  } finally {
    engine.dispose();
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
  /** The same buffer for each sample; pushes its id, or its rejection, when it is taken. */
  signals: AsyncIterable<Float32Array>;
}

async function holdsRecords(data: ObjectStore): Promise<boolean> {
  return (await data.head(METADATA_KEY)) !== undefined || (await data.head('train.tfrecord')) !== undefined;
}

async function openRecordSource(data: ObjectStore, { ids }: Predictions): Promise<Source> {
  const set = await openRecords(data);
  async function* read(): AsyncGenerator<Float32Array> {
    const signal = new Float32Array(SAMPLE_SIZE);
    for await (const record of readRecordRange(set, 0, set.count)) {
      decodeSignal(record.signal, record.dtype, signal);
      ids.push(record.id === '' ? String(ids.length) : record.id);
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
          : `no raw sample that can be read (${first.file}: ${first.reason})`,
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

async function findPsd(modelStore: ObjectStore, key: string, given: FilePlace | undefined): Promise<Psd> {
  if (given !== undefined) return (await readPsd(await openStore(given.folder), given.key)).psd;
  const run = runOfWeights(key);
  try {
    if (run !== undefined) return (await readPsd(modelStore, companionNames(run).psd)).psd;
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
  throw new InputError({
    object: `${modelStore.location}${key}`,
    found: 'no average PSD beside the weights',
    needed: 'the one of the training data, to whiten raw samples by',
    advice: 'Give it (--psd)',
  });
}

async function checkRecipe(modelStore: ObjectStore, key: string, data: ObjectStore): Promise<void> {
  const run = runOfWeights(key);
  const companion =
    run && (await readJsonIfPresent<{ recipe_hash: string }>(modelStore, companionNames(run).recipe));
  if (!companion) return;
  const own = (await readMetadataIfPresent(data))?.recipe_hash ?? recipeHash();
  if (own !== companion.recipe_hash) {
    throw new ConflictError(
      `${modelStore.location}${key} was trained on samples of recipe ${companion.recipe_hash.slice(0, 12)}, ` +
        `${data.location} is of recipe ${own.slice(0, 12)}.`,
    );
  }
}
