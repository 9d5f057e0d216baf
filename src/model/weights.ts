import { InputError } from '../core/errors.ts';
import { createRandomStream } from '../core/random.ts';
import { DETECTORS } from '../core/strain.ts';
import { FILTERS } from '../signal/matched-filter.ts';
import { listConvolutions, planNetwork } from './network-plan.ts';
import { ARCHITECTURES, type Architecture, isConvolutional, PRESETS, type Preset } from './presets.ts';

/** An array as `numpy/` reads and writes it; C order. */
interface WeightArray {
  dtype: '<f4';
  shape: readonly number[];
  data: Float32Array;
}

/** All arrays of a model by their names in `weights.npz`, in the order of weightShapes; the input of writeNpz. */
export type Weights = Map<string, WeightArray>;

/** Every array of the model and its shape. Convolution kernels are [kernel, in, out], dense ones [in, out]. */
export function weightShapes(preset: Preset): ReadonlyMap<string, readonly number[]> {
  return new Map(isConvolutional(preset) ? listShapes(ARCHITECTURES[preset]) : FILTER_SHAPES);
}

/** See matched-filters.ts. */
const FILTER_SHAPES: [string, number[]][] = [
  ['bank', [2, FILTERS.templates, DETECTORS.length, FILTERS.bins]],
  ['power_scale', [DETECTORS.length]],
  ['merger_time', [FILTERS.times.end - FILTERS.times.first]],
  ['template', [FILTERS.templates]],
  ['out_scale', [1]],
  ['out_b', [1]],
];

/** What a training of matched filters ends near. */
const FIRST_VALUES: Readonly<Record<string, number>> = { power_scale: -1, out_scale: 0.87, out_b: -4.2 };

function* listShapes(architecture: Architecture): Generator<[string, number[]]> {
  const plan = planNetwork(architecture);
  for (const { convolution } of listConvolutions(plan)) {
    const { number, kernel, inputs, filters, norm, pooling } = convolution;
    yield [`conv${number}_W`, [kernel, inputs, filters]];
    yield [`conv${number}_b`, [filters]];
    if (norm) yield* listNormShapes(`bn${number}`, filters);
    if (pooling?.kind === 'mean') yield [`conv${number}_p`, [1]];
  }
  yield ['gem_p', [1]];
  let channels = plan.features;
  for (const { name, units } of architecture.dense) {
    yield [`${name}_W`, [channels, units]];
    yield [`${name}_b`, [units]];
    yield* listNormShapes(`${name}_bn`, units);
    channels = units;
  }
  yield ['out_W', [channels, 1]];
  yield ['out_b', [1]];
  if (architecture.timed) yield ['gem_time', [plan.times]];
}

function* listNormShapes(name: string, channels: number): Generator<[string, number[]]> {
  for (const part of ['gamma', 'beta', 'mean', 'var']) yield [`${name}_${part}`, [channels]];
}

/** False for the batch norms' moving statistics, which training updates by averaging, and for a bank of filters. */
export function isTrainable(name: string): boolean {
  return name !== 'bank' && !name.endsWith('_mean') && !name.endsWith('_var');
}

/**
 * The initial weights of a training: kernels drawn from a normal distribution of standard deviation sqrt(2 / fan_in)
 * (He et al., "Delving deep into rectifiers", 2015), biases 0, gamma 1, beta 0, moving mean 0, moving variance 1,
 * every p of a GeM 3, its time points of equal weight. The same seed (an integer from 0 to 2^53 - 1) gives the same weights everywhere.
 */
export function initialWeights(preset: Preset, seed: number): Weights {
  const weights: Weights = new Map();
  for (const [name, shape] of weightShapes(preset)) {
    const data = new Float32Array(sizeOf(shape));
    if (name.endsWith('_W')) fillNormal(data, Math.sqrt(2 / sizeOf(shape.slice(0, -1))), seed, weights.size);
    else if (name === 'bank') fillNormal(data, 1, seed, weights.size);
    else if (!isConvolutional(preset)) data.fill(FIRST_VALUES[name] ?? 0);
    else if (name.endsWith('_p')) data.fill(3);
    else if (name.endsWith('_gamma') || name.endsWith('_var')) data.fill(1);
    weights.set(name, { dtype: '<f4', shape, data });
  }
  return weights;
}

function fillNormal(out: Float32Array, deviation: number, seed: number, index: number): void {
  const random = createRandomStream(seed, index, WEIGHTS_PURPOSE);
  for (let i = 0; i < out.length; i++) out[i] = deviation * random.normal();
}

/** Separates the weights' random numbers from those that other parts draw with the same seed. */
const WEIGHTS_PURPOSE = 0x77656967;

/** The preset whose array names and shapes agree best with the given ones. checkWeights reports the differences. */
export function recognizePreset(arrays: ReadonlyMap<string, { shape: readonly number[] }>): Preset {
  const agreements = (preset: Preset): number => {
    const shapes = weightShapes(preset);
    const same = [...arrays].filter(([name, { shape }]) => shapes.get(name)?.join() === shape.join());
    return same.length / Math.max(shapes.size, arrays.size);
  };
  return PRESETS.reduce((best, preset) => (agreements(preset) > agreements(best) ? preset : best));
}

/**
 * Checks arrays that were read from `object` (`weights.npz`) and returns them in the order of weightShapes.
 *
 * Throws InputError when an array is missing, is unknown, has another shape or type, or has a number that isn't
 * finite or a negative variance.
 */
export function checkWeights(
  preset: Preset,
  arrays: ReadonlyMap<string, { shape: readonly number[]; data: unknown }>,
  object: string,
): Weights {
  const shapes = weightShapes(preset);
  const unknown = [...arrays.keys()].find((name) => !shapes.has(name));
  if (unknown !== undefined) {
    throw new InputError({
      object,
      found: `an array ${unknown}`,
      needed: `only the arrays of the ${preset} model`,
    });
  }
  const weights: Weights = new Map();
  for (const [name, shape] of shapes) {
    const array = arrays.get(name);
    if (array === undefined) {
      throw new InputError({
        object,
        found: `no array ${name}`,
        needed: `${name}, float32 (${shape.join(', ')})`,
      });
    }
    weights.set(name, { dtype: '<f4', shape, data: checkArray(name, shape, array, object) });
  }
  return weights;
}

function checkArray(
  name: string,
  shape: readonly number[],
  array: { shape: readonly number[]; data: unknown },
  object: string,
): Float32Array {
  const { data } = array;
  if (
    !(data instanceof Float32Array) ||
    array.shape.join() !== shape.join() ||
    data.length !== sizeOf(shape)
  ) {
    throw new InputError({
      object: `${object}!${name}`,
      found: describeArray(array),
      needed: `float32 (${shape.join(', ')})`,
    });
  }
  const bad = data.findIndex((v) => !Number.isFinite(v) || (v < 0 && name.endsWith('_var')));
  if (bad === -1) return data;
  throw new InputError({
    object: `${object}!${name}`,
    found: `${data[bad]} at index ${bad}`,
    needed: name.endsWith('_var') ? 'finite numbers, 0 or more' : 'finite numbers',
  });
}

function describeArray({ shape, data }: { shape: readonly number[]; data: unknown }): string {
  const kind = ArrayBuffer.isView(data) ? data.constructor.name : typeof data;
  return `${kind} (${shape.join(', ')})`;
}

/**
 * Size limit of a weights.npz and of its unpacked arrays [bytes]: for the largest preset, 8 bytes per number, so that
 * a float64 file is refused for its type instead of its size, and 1 KiB per array for headers.
 */
export const WEIGHTS_LIMIT = Math.max(
  ...PRESETS.map((preset) =>
    [...weightShapes(preset).values()].reduce((sum, shape) => sum + 8 * sizeOf(shape) + 1024, 0),
  ),
);

/** Numbers in an array of this shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
