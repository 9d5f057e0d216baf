/** A fit between two steps, as a file: an .npz of its arrays, and of its state as JSON. */
import { InputError } from '../../core/errors.ts';
import { checkWeights, isTrainable, type Weights } from '../../model/weights.ts';
import type { NpyArray } from '../../numpy/npy.ts';
import { readNpz, writeNpz } from '../../numpy/npz.ts';
import type { Snapshot } from './fit-state.ts';
import { type FitBounds, parseStoredState, type StoredState, VERSION } from './stored-state.ts';

export interface Checkpoint {
  snapshot: Snapshot;
  /** The name that the run's artifacts have. */
  run: string;
}

const STATE = 'state';

export function encodeCheckpoint({ snapshot, run }: Checkpoint): Promise<Uint8Array> {
  const { state, weights, best, optimizer } = snapshot;
  const stored: StoredState = { version: VERSION, run, updates: optimizer.updates, state };
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

/** Throws InputError when the file is damaged, of another version, of another model, or of no fit within the bounds. */
export async function decodeCheckpoint(
  bytes: Uint8Array,
  bounds: FitBounds,
  object: string,
): Promise<Checkpoint> {
  const arrays = await readNpz(bytes, object);
  const text = arrays.get(STATE)?.data;
  if (!(text instanceof Uint8Array)) {
    throw new InputError({ object, found: 'no array state', needed: 'a checkpoint of chirpline train' });
  }
  const { run, updates, state } = parseStoredState(new TextDecoder().decode(text), bounds, object);
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
        const found = `${moment?.length ?? 'no'} numbers as moment/${index}`;
        throw new InputError({ object, found, needed: `${data.length} of float32` });
      }
      // The second ones are means of squares.
      const bad = moment.find((value) => !Number.isFinite(value) || (value < 0 && index % 2 === 1));
      if (bad === undefined) return moment;
      throw new InputError({ object: `${object}!moment/${index}`, found: String(bad), needed: 'moments' });
    }),
  );
  return { run, snapshot: { state, weights, best: pick('best'), optimizer: { updates, moments } } };
}
