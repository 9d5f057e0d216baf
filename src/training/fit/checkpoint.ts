/** The checkpoint file: an .npz with the arrays of a fit and, as JSON, its state between two steps. */
import { InputError } from '../../core/errors.ts';
import { checkWeights, isTrainable, type Weights } from '../../model/weights.ts';
import type { NpyArray } from '../../numpy/npy.ts';
import { readNpz, writeNpz } from '../../numpy/npz.ts';
import type { Snapshot } from './fit-state.ts';
import { type FitBounds, parseStoredState, type StoredState, VERSION } from './stored-state.ts';

export interface Checkpoint {
  snapshot: Snapshot;
  /** Name of the run, with which its artifacts' names begin. */
  run: string;
}

const STATE = 'state';
const AVERAGE = 'average';

export function encodeCheckpoint({ snapshot, run }: Checkpoint): Promise<Uint8Array> {
  const { state, weights, best, optimizer } = snapshot;
  const { updates, lossScale, average } = optimizer;
  const stored: StoredState = { version: VERSION, run, updates, ...(lossScale && { lossScale }), state };
  const text = new TextEncoder().encode(JSON.stringify(stored));
  return writeNpz(
    new Map<string, NpyArray>([
      [STATE, { dtype: '|u1', shape: [text.length], data: text }],
      ...prefix('weights', weights),
      ...prefix('best', best),
      ...optimizer.moments.map((data, i): [string, NpyArray] => [
        `moment/${i}`,
        { dtype: '<f4', shape: [data.length], data },
      ]),
      ...(average === undefined
        ? []
        : [[AVERAGE, { dtype: '<f4', shape: [average.length], data: average }] as const]),
    ]),
  );
}

function prefix(name: string, weights: Weights): [string, NpyArray][] {
  return [...weights].map(([key, array]) => [`${name}/${key}`, array]);
}

/**
 * Throws InputError when the file is damaged, has another version, belongs to another model, or holds a state that no fit
 * within `bounds` can reach.
 */
export async function decodeCheckpoint(
  bytes: Uint8Array,
  bounds: FitBounds,
  object: string,
): Promise<Checkpoint> {
  const arrays = await readNpz(bytes, object);
  const text = arrays.get(STATE)?.data;
  if (!(text instanceof Uint8Array)) {
    throw new InputError({
      object,
      found: 'no array named state',
      needed: 'a checkpoint of chirpline train',
    });
  }
  const { run, updates, lossScale, state } = parseStoredState(text, bounds, object);
  const pick = (name: string): Weights => {
    const own = [...arrays].filter(([key]) => key.startsWith(`${name}/`));
    return checkWeights(
      bounds.preset,
      new Map(own.map(([key, array]) => [key.slice(name.length + 1), array])),
      object,
    );
  };
  const weights = pick('weights');
  const trainable = [...weights].filter(([name]) => isTrainable(name));
  const readVector = (name: string, length: number, least: number, needed: string): Float32Array => {
    const values = arrays.get(name)?.data;
    if (!(values instanceof Float32Array) || values.length !== length) {
      const found = `${values?.length ?? 'no'} values in ${name}`;
      throw new InputError({ object, found, needed: `${length} float32 values` });
    }
    const bad = values.find((value) => !Number.isFinite(value) || value < least);
    if (bad === undefined) return values;
    throw new InputError({ object: `${object}!${name}`, found: String(bad), needed });
  };
  const moments = trainable.flatMap(([, { data }], i) =>
    // Second moments are means of squares, so they can't be negative.
    [Number.NEGATIVE_INFINITY, 0].map((least, second) =>
      readVector(
        `moment/${2 * i + second}`,
        data.length,
        least,
        'a finite moment, and 0 or more if it is a second one',
      ),
    ),
  );
  const size = trainable.reduce((sum, [, { data }]) => sum + data.length, 0);
  const average =
    bounds.average_weights > 0
      ? readVector(AVERAGE, size, Number.NEGATIVE_INFINITY, 'a finite weight')
      : undefined;
  const optimizer = { updates, moments, ...(average && { average }), ...(lossScale && { lossScale }) };
  return { run, snapshot: { state, weights, best: pick('best'), optimizer } };
}
