/** The JSON part of a checkpoint. It is validated when read: the file may be damaged, or written by anyone. */
import { InputError } from '../../core/errors.ts';
import type { Settings } from '../settings.ts';
import type { Epoch, FitState, History } from './fit-state.ts';
import type { Schedule } from './schedule.ts';

export interface StoredState {
  version: number;
  /** Name of the run, with which its artifacts' names begin. */
  run: string;
  /** Number of updates that the optimizer has made. */
  updates: number;
  state: FitState;
}

export const VERSION = 1;

/** The settings that limit the state that a fit can reach. */
export type FitBounds = Pick<Settings, 'preset' | 'epochs' | 'batch_size'>;

/** Throws InputError when the text isn't JSON, has another version, or holds a state that no fit within `bounds` can reach. */
export function parseStoredState(text: string, bounds: FitBounds, object: string): StoredState {
  const root = toFields(parseJson(text, object), object, 'the state');
  const { version, run } = root;
  if (version !== VERSION)
    throw new InputError({ object, found: `version ${String(version)}`, needed: `version ${VERSION}` });
  // Artifact names begin with the run name, so it must not lead out of their folder.
  if (typeof run !== 'string' || !RUN_NAME.test(run) || !run.startsWith(bounds.preset))
    throw refuse(object, 'run', run, `the name of a run of preset ${bounds.preset}`);
  const state = toState(root.state, object);
  const { epoch, step, samples, history } = state;
  const { epochs, batch_size } = bounds;
  const size = step * batch_size;
  if (epoch !== history.epochs.length + 1 || epoch > epochs + 1)
    throw refuse(object, 'epoch', epoch, `${history.epochs.length + 1}, at most ${epochs + 1}`);
  if (history.best_epoch > history.epochs.length)
    throw refuse(object, 'best_epoch', history.best_epoch, `at most ${history.epochs.length}`);
  // Every batch of an epoch is full, except possibly the last.
  if (samples > size || samples < size - batch_size + Math.min(step, 1))
    throw refuse(object, 'samples', samples, `the number of samples in ${step} batches of ${batch_size}`);
  return { version: VERSION, run, updates: toCount(root, 'updates', object), state };
}

const RUN_NAME = /^[a-z]+_\d{8}_\d{4}(_\d+)?$/;

function toState(value: unknown, object: string): FitState {
  const fields = toFields(value, object, 'state');
  return {
    epoch: toCount(fields, 'epoch', object),
    step: toCount(fields, 'step', object),
    samples: toCount(fields, 'samples', object),
    lossSum: toNumber(fields, 'lossSum', object),
    seconds: toNumber(fields, 'seconds', object),
    waited: toNumber(fields, 'waited', object),
    schedule: toSchedule(fields.schedule, object),
    history: toHistory(fields.history, object),
  };
}

function toSchedule(value: unknown, object: string): Schedule {
  const fields = toFields(value, object, 'schedule');
  return {
    learningRate: toNumber(fields, 'learningRate', object),
    bestLoss: toNumber(fields, 'bestLoss', object),
    improved: toBoolean(fields, 'improved', object),
    epochsSinceBest: toCount(fields, 'epochsSinceBest', object),
    epochsOnPlateau: toCount(fields, 'epochsOnPlateau', object),
    stop: toBoolean(fields, 'stop', object),
  };
}

function toHistory(value: unknown, object: string): History {
  const fields = toFields(value, object, 'history');
  const { epochs } = fields;
  if (!Array.isArray(epochs)) throw refuse(object, 'epochs', epochs, 'a list');
  return {
    epochs: epochs.map((epoch: unknown, i) => toEpoch(epoch, i + 1, object)),
    best_epoch: toCount(fields, 'best_epoch', object),
  };
}

function toEpoch(value: unknown, number: number, object: string): Epoch {
  const fields = toFields(value, object, `epoch ${number}`);
  if (fields.epoch !== number) throw refuse(object, 'epoch', fields.epoch, String(number));
  return {
    epoch: number,
    loss: toNumber(fields, 'loss', object),
    val_loss: toNumber(fields, 'val_loss', object),
    val_accuracy: toNumber(fields, 'val_accuracy', object),
    val_auc: fields.val_auc === null ? null : toNumber(fields, 'val_auc', object),
    learning_rate: toNumber(fields, 'learning_rate', object),
    seconds: toNumber(fields, 'seconds', object),
    input_wait: toNumber(fields, 'input_wait', object),
    best: toBoolean(fields, 'best', object),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function toFields(value: unknown, object: string, name: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw refuse(object, name, value, 'an object');
}

/** No number in the state of a fit is negative. */
function toNumber(fields: Fields, name: string, object: string): number {
  const value = fields[name];
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw refuse(object, name, value, 'a number, 0 or more');
}

function toCount(fields: Fields, name: string, object: string): number {
  const value = fields[name];
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw refuse(object, name, value, 'a whole number, 0 or more');
}

function toBoolean(fields: Fields, name: string, object: string): boolean {
  const value = fields[name];
  if (typeof value === 'boolean') return value;
  throw refuse(object, name, value, 'true or false');
}

function refuse(object: string, name: string, value: unknown, needed: string): InputError {
  const text = (JSON.stringify(value) ?? 'nothing').slice(0, 60);
  return new InputError({ object, found: `${text} as ${name}`, needed });
}

function parseJson(text: string, object: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InputError(
      { object, found: 'a state that is not JSON', needed: 'a checkpoint of chirpline train' },
      { cause },
    );
  }
}
