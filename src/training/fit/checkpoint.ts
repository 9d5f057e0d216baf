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

export function encodeCheckpoint({ snapshot, run }: Checkpoint): Promise<Uint8Array> {
  const { state, weights, best, optimizer } = snapshot;
  const { updates, lossScale } = optimizer;
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
  const moments = trainable.flatMap(([, { data }], i) =>
    [2 * i, 2 * i + 1].map((index) => {
      const moment = arrays.get(`moment/${index}`)?.data;
      if (!(moment instanceof Float32Array) || moment.length !== data.length) {
        const found = `${moment?.length ?? 'no'} values in moment/${index}`;
        throw new InputError({ object, found, needed: `${data.length} float32 values` });
      }
      // Second moments are means of squares, so they can't be negative.
      const bad = moment.find((value) => !Number.isFinite(value) || (value < 0 && index % 2 === 1));
      if (bad === undefined) return moment;
      throw new InputError({
        object: `${object}!moment/${index}`,
        found: String(bad),
        needed: 'a finite moment, and 0 or more if it is a second one',
      });
    }),
  );
  const optimizer = { updates, moments, ...(lossScale && { lossScale }) };
  return { run, snapshot: { state, weights, best: pick('best'), optimizer } };
}
