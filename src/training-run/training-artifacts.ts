/** Writes the artifacts of a training run. */

import { artifactNames, runName } from '../artifacts/artifact-names.ts';
import { renderPlots } from '../artifacts/charts/plots.ts';
import { type RunConfig, serializeConfig } from '../artifacts/config.ts';
import { type Metrics, serializeHistory, serializeMetrics, summarizeRun } from '../artifacts/metrics-file.ts';
import { renderReport } from '../artifacts/report/report.ts';
import { InputError, NotFoundError, PreconditionError } from '../core/errors.ts';
import { SOFTWARE } from '../core/software.ts';
import { companionNames, encodeWeights } from '../inference/model-file.ts';
import { serializePredictions } from '../inference/predictions-file.ts';
import { recordId } from '../inference/record-id.ts';
import type { Weights } from '../model/weights.ts';
import { PSD_KEY, REJECTED_KEY } from '../preprocess/state/record-keys.ts';
import { parseRejected, type Rejection } from '../preprocess/state/rejected.ts';
import type { Metadata } from '../records/metadata.ts';
import type { ObjectStore } from '../storage/store.ts';
import type { History } from '../training/fit/fit-state.ts';
import { prCurve, rocCurve } from '../training/fit/metrics.ts';
import type { Evaluation } from '../training/fit/validation.ts';
import type { RecordSet } from '../training/input/records.ts';

export interface FinishedRun {
  /** Name of the run, from claimRun or reclaimRun. */
  run: string;
  config: RunConfig;
  /** The records, without the skipped ones. */
  set: RecordSet;
  weights: Weights;
  history: History;
  /** Evaluation of the weights on the validation records. */
  evaluation: Evaluation;
  /** Number of training records. */
  training: number;
  /** Number of the first validation record among all records. */
  validationFirst: number;
  /** TensorFlow's version. */
  tensorflow: string;
  device: 'cpu' | 'gpu';
  note: string | undefined;
}

export interface SavedRun {
  /** `diy_YYYYMMDD_HHMM`. */
  run: string;
  metrics: Metrics;
  /** Keys of all files written, relative to the models' location; metrics.json is written last. */
  files: string[];
}

const FOLDER = 'saved/';
/** The report, whose name is the same for every run. */
export const REPORT_KEY = `${FOLDER}report.html`;

export async function saveRun(
  records: ObjectStore,
  models: ObjectStore,
  finished: FinishedRun,
): Promise<SavedRun> {
  const { run, config, weights, history, evaluation } = finished;
  const date = new Date();
  const results = {
    history,
    evaluation,
    roc: rocCurve(evaluation.labels, evaluation.logits),
    pr: prCurve(evaluation.labels, evaluation.logits),
  };
  const metrics = summarizeRun(date, config, history, evaluation);
  const names = artifactNames(run);
  const rejected = await readRejected(records);
  const predictions = predictionsText(finished);
  const notes = [finished.note, rejected.fault, predictions.fault].filter((note) => note !== undefined);
  const report = renderReport({
    ...results,
    run,
    date,
    config,
    data: describeData(finished),
    rejected: rejected.samples,
    versions: {
      [SOFTWARE.name]: SOFTWARE.version,
      TensorFlow: finished.tensorflow,
      'Node.js': process.versions.node,
    },
    device: finished.device.toUpperCase(),
    ...(notes.length > 0 && { note: notes.join('. ') }),
  });
  const files = new Map<string, Uint8Array>([
    [names.weights, await encodeWeights(weights)],
    [names.history, encode(serializeHistory(history))],
    ...(await preprocessingFiles(records, run, finished.set.metadata)),
    ...[...renderPlots(run, results)].map(([name, png]): [string, Uint8Array] => [`plots/${name}`, png]),
    ...(predictions.text === undefined ? [] : [[names.predictions, encode(predictions.text)] as const]),
    [names.report, encode(report)],
    [names.metrics, encode(serializeMetrics(metrics))],
  ]);
  for (const [name, bytes] of files) await models.write(FOLDER + name, bytes);
  return { run, metrics, files: [names.config, ...files.keys()].map((name) => FOLDER + name) };
}

/**
 * Chooses a name that no other run has, and claims it by writing config.json under it: two runs that start in the same
 * minute must not mix.
 */
export async function claimRun(models: ObjectStore, config: RunConfig): Promise<string> {
  const base = runName(config.preset, new Date());
  for (let attempt = 1; ; attempt += 1) {
    const run = attempt === 1 ? base : `${base}_${attempt}`;
    try {
      const text = encode(serializeConfig(config));
      await models.write(FOLDER + artifactNames(run).config, text, { ifAbsent: true });
      return run;
    } catch (error) {
      if (!(error instanceof PreconditionError)) throw error;
    }
  }
}

/**
 * The name of a run that resumes from a checkpoint: its own if its config.json exists, otherwise a new one. The file is
 * missing when trainings with different model locations share their checkpoints.
 */
export async function reclaimRun(models: ObjectStore, run: string, config: RunConfig): Promise<string> {
  const existing = await models.head(FOLDER + artifactNames(run).config);
  return existing === undefined ? claimRun(models, config) : run;
}

/** Writes history.json with the epochs so far. */
export async function saveHistory(models: ObjectStore, run: string, history: History): Promise<void> {
  await models.write(FOLDER + artifactNames(run).history, encode(serializeHistory(history)));
}

/** PSD and recipe of the records: new samples are preprocessed with them before this model can predict them. */
async function preprocessingFiles(
  records: ObjectStore,
  run: string,
  metadata: Metadata | undefined,
): Promise<[string, Uint8Array][]> {
  if (metadata === undefined) return [];
  const names = companionNames(run);
  const recipe = {
    recipe: metadata.recipe,
    recipe_hash: metadata.recipe_hash,
    psd_sha256: metadata.psd_sha256,
  };
  return [
    [names.psd, await records.read(PSD_KEY)],
    [names.recipe, encode(`${JSON.stringify(recipe, null, 2)}\n`)],
  ];
}

function describeData({ set: { metadata, dtype }, training, evaluation, config }: FinishedRun) {
  const validation = evaluation.labels.length;
  const written = metadata?.n_samples ?? training + validation;
  const rejected = metadata?.n_failed ?? 0;
  return {
    dataset: metadata?.dataset ?? config.records,
    input: written + rejected,
    written,
    rejected,
    training,
    validation,
    dtype,
  };
}

/** The rejected samples, or why they can't be listed: a finished training must not fail over a table in its report. */
async function readRejected(records: ObjectStore): Promise<{ samples: Rejection[]; fault?: string }> {
  try {
    const text = new TextDecoder().decode(await records.read(REJECTED_KEY));
    return { samples: parseRejected(text, records.location + REJECTED_KEY) };
  } catch (error) {
    if (error instanceof NotFoundError) return { samples: [] };
    if (error instanceof InputError)
      return { samples: [], fault: `The rejected samples are not listed: ${error.message}` };
    throw error;
  }
}

/** The validation records' predictions, or why they can't be written: a finished training must not fail over an id. */
function predictionsText({ set, config, evaluation, validationFirst }: FinishedRun): {
  text?: string;
  fault?: string;
} {
  const { ids, labels, probabilities } = evaluation;
  // Validation samples with injected signals are no samples of the dataset.
  if (config.signals !== undefined) return {};
  try {
    const names = ids.map((id, index) => {
      const number = validationFirst + index;
      return recordId({ id, object: `${set.store.location}, record ${number}` }, number);
    });
    return { text: serializePredictions([{ fold: config.fold, ids: names, labels, probabilities }]) };
  } catch (error) {
    if (error instanceof InputError)
      return { fault: `The predictions of the validation records are not written: ${error.message}` };
    throw error;
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
