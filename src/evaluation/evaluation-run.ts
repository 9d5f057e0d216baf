/** Evaluates trained models on labelled records. */

import { InputError } from '../core/errors.ts';
import type { Observer } from '../core/progress.ts';
import { type PredictSettings, predictDataset } from '../inference/prediction-run.ts';
import { TABLE_LIMIT } from '../raw/csv-table.ts';
import { encodeJson } from '../storage/json.ts';
import { readLimited } from '../storage/limited.ts';
import type { FilePlace } from '../storage/location.ts';
import { openStore } from '../storage/open.ts';
import type { ObjectStore } from '../storage/store.ts';
import { type RocPoint, rocCurve } from '../training/fit/metrics.ts';
import { findRecords } from '../training/input/records.ts';
import { type Measures, measure } from './evaluation.ts';
import { renderEvaluation } from './evaluation-charts.ts';
import { injectedInto, parseTruth } from './truth.ts';

export interface Evaluated {
  measures: Measures;
  /** Ranked by logits. */
  roc: RocPoint[];
}

/**
 * Predicts the records of a store as predictDataset does, by one model or the mean of several, and compares the predictions with
 * the labels and with the truth, if given.
 *
 * Throws the errors of predictDataset, parseTruth and injectedInto, NotFoundError when the location has no records, and InputError
 * when a prediction isn't finite.
 */
export async function evaluateModels(
  weights: readonly FilePlace[],
  recordLocation: string,
  settings: Pick<PredictSettings, 'batchSize' | 'tta' | 'device' | 'compile'>,
  truthFile?: FilePlace,
  observer?: Observer,
  signal?: AbortSignal,
): Promise<Evaluated> {
  const truth = truthFile && (await readTruth(truthFile));
  // Raw samples could be predicted too, but have no labels here.
  const { store } = await findRecords(openStore(recordLocation));
  const { ids, ...predicted } = await predictDataset(weights, recordLocation, settings, observer, signal);
  const labels = Uint8Array.from(predicted.labels);
  const logits = Float32Array.from(predicted.logits);
  const bad = logits.findIndex((logit) => !Number.isFinite(logit));
  if (bad >= 0)
    throw new InputError({
      object: store.location,
      found: `the logit ${logits[bad]} of the sample ${ids[bad]}`,
      needed: 'finite logits',
      advice: 'Use the weights of another training: these overflow',
    });
  const measures = measure(labels, logits, truth && injectedInto(truth, ids, labels));
  return { measures, roc: rocCurve(labels, logits) };
}

async function readTruth({ folder, key }: FilePlace) {
  const store = openStore(folder);
  return parseTruth(await readLimited(store, key, TABLE_LIMIT), `${store.location}${key}`);
}

/** The last file that is written: if it exists, the plots beside it are its own. */
export const EVALUATION_KEY = 'evaluation.json';

/**
 * Writes evaluation.json, roc.png and, given an efficiency, efficiency.png, and removes those of an earlier evaluation.
 *
 * @param origin Keys of evaluation.json that say what was evaluated.
 */
export async function writeEvaluation(
  out: ObjectStore,
  origin: Record<string, unknown>,
  { measures, roc }: Evaluated,
): Promise<void> {
  await out.remove(EVALUATION_KEY);
  for (const [name, png] of Object.entries(renderEvaluation(measures, roc))) {
    if (png === undefined) await out.remove(name);
    else await out.write(name, png);
  }
  await out.write(EVALUATION_KEY, encodeJson({ version: 1, ...origin, ...measures }));
}
