/** Reads finished trainings, to compare them. */
import * as v from 'valibot';
import { artifactNames } from '../artifacts/artifact-names.ts';
import { CONFIG_LIMIT, parseRunConfig, type RunConfig } from '../artifacts/config.ts';
import type { History } from '../artifacts/results.ts';
import { InputError, NotFoundError } from '../core/errors.ts';
import { runOfWeights } from '../inference/model-file.ts';
import { readPredictions, type StoredPredictions } from '../inference/predictions-file.ts';
import { decodeText } from '../raw/utf8.ts';
import { parseJson } from '../storage/json.ts';
import { readLimited } from '../storage/limited.ts';
import { joinLocation, splitLocation } from '../storage/location.ts';
import { openStore } from '../storage/open.ts';
import type { ObjectStore } from '../storage/store.ts';

export interface Training {
  /** `models/g2net/saved/diy_20260102_0304`: its files' names begin with it. As the user gave it. */
  place: string;
  config: Partial<RunConfig>;
  history: History;
  /** Undefined if it wrote none: its validation samples had injected signals, or an id can't be written. */
  predictions: StoredPredictions | undefined;
}

/** Size limit of a history.json [bytes]: 300,000 epochs. */
const HISTORY_LIMIT = 1 << 26;
const FINISHED = '_metrics.json';

/**
 * The trainings of a model: of a folder or s3:// location that `chirpline train` wrote to, in the order of their names, or the one
 * that a file ..._weights.npz belongs to.
 *
 * Throws InputError when there is none that is finished, or a file of one is broken.
 */
export async function readTrainings(model: string): Promise<Training[]> {
  if (model.endsWith('.npz')) {
    const { folder, key } = splitLocation(model);
    const run = runOfWeights(key);
    if (run === undefined) throw notTraining(model, 'a file that is no ..._weights.npz');
    const store = openStore(folder);
    if ((await store.head(run + FINISHED)) === undefined)
      throw notTraining(model, `no ${run}${FINISHED} beside it`);
    return [await readTraining(store, run, joinLocation(folder, run))];
  }
  const store = openStore(model);
  const keys: string[] = [];
  for (const folder of ['saved/', ''])
    for await (const { key } of store.list(folder, { delimiter: '/' })) keys.push(key);
  const runs = keys.filter((key) => key.endsWith(FINISHED)).map((key) => key.slice(0, -FINISHED.length));
  if (runs.length === 0) {
    const begun = keys.some((key) => key.endsWith('_config.json'));
    throw notTraining(
      model,
      begun ? 'a training that is not finished' : `no ..._metrics.json there or in saved/`,
    );
  }
  const trainings: Training[] = [];
  for (const run of runs) trainings.push(await readTraining(store, run, joinLocation(model, run)));
  return trainings;
}

function notTraining(object: string, found: string): InputError {
  return new InputError({
    object,
    found,
    needed: 'the folder of a finished training (OUT of chirpline train), or one of its ..._weights.npz',
  });
}

async function readTraining(store: ObjectStore, run: string, place: string): Promise<Training> {
  const names = artifactNames(run);
  const config = await readLimited(store, names.config, CONFIG_LIMIT);
  const history = await readLimited(store, names.history, HISTORY_LIMIT);
  return {
    place,
    config: parseRunConfig(
      decodeText(config, `${store.location}${names.config}`, CONFIG_LIMIT),
      `${store.location}${names.config}`,
    ),
    history: parseHistory(history, `${store.location}${names.history}`),
    predictions: await readIfWritten(store, names.predictions),
  };
}

async function readIfWritten(store: ObjectStore, key: string): Promise<StoredPredictions | undefined> {
  try {
    return await readPredictions(store, key);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** A number that isn't finite was written as null. */
const measured = v.pipe(
  v.nullable(v.number()),
  v.transform((value) => value ?? Number.NaN),
);
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const epochSchema = v.object({
  epoch: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  loss: measured,
  val_loss: measured,
  val_accuracy: measured,
  val_auc: v.nullable(share),
  learning_rate: v.number(),
  seconds: v.number(),
  input_wait: v.number(),
  best: v.boolean(),
});
const historySchema = v.object({ epochs: v.pipe(v.array(epochSchema), v.minLength(1)) });

/** Parses history.json. Throws InputError, which names the key, and for epochs that don't ascend. */
export function parseHistory(bytes: Uint8Array, object: string): History {
  const history = parseJson(bytes, object, historySchema);
  const { epochs } = history;
  const wrong = epochs.findIndex(({ epoch }, i) => i > 0 && epoch <= epochs[i - 1]!.epoch);
  if (wrong >= 0)
    throw new InputError({
      object,
      found: `${epochs[wrong]!.epoch} as epochs.${wrong}.epoch`,
      needed: `more than ${epochs[wrong - 1]!.epoch}, the one before`,
    });
  return history;
}
