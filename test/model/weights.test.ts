import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError } from '../../src/core/errors.ts';
import { PRESETS } from '../../src/model/presets.ts';
import {
  checkWeights,
  initialWeights,
  isTrainable,
  recognizePreset,
  sizeOf,
  weightShapes,
} from '../../src/model/weights.ts';

test('the model has 676,258 trainable parameters, 677,858 with the batch norms’ statistics', () => {
  const shapes = [...weightShapes('diy')];
  const count = (some: typeof shapes) => some.reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
  assert.equal(count(shapes), 677_858);
  assert.equal(count(shapes.filter(([name]) => isTrainable(name))), 676_258);
});

test('kernels start with He’s standard deviation, and everything else with its constant', () => {
  const weights = initialWeights('diy', 1);
  assert.deepEqual([...weights.keys()], [...weightShapes('diy').keys()]);
  for (const [name, { shape, data }] of weights) {
    if (name.endsWith('_W')) {
      const expected = Math.sqrt(2 / sizeOf(shape.slice(0, -1)));
      const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
      const deviation = Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
      // Five standard errors of a normal sample.
      assert.ok(Math.abs(mean) < (5 * expected) / Math.sqrt(data.length), `${name}: mean ${mean}`);
      assert.ok(Math.abs(deviation / expected - 1) < 5 / Math.sqrt(2 * data.length), `${name}: ${deviation}`);
    } else {
      const constant = name === 'gem_p' ? 3 : /_(gamma|var)$/.test(name) ? 1 : 0;
      assert.ok(
        data.every((value) => value === constant),
        name,
      );
    }
  }
});

test('a seed always gives the same weights, and another seed gives others', () => {
  assert.deepEqual(initialWeights('diy', 7), initialWeights('diy', 7));
  const [a, b] = [initialWeights('diy', 7), initialWeights('diy', 8)];
  assert.notDeepEqual(a.get('conv0_W'), b.get('conv0_W'));
  assert.notDeepEqual(a.get('fc1_W')!.data.slice(0, 64), a.get('fc2_W')!.data.slice(0, 64));
});

test('weights that fit are accepted in any order', () => {
  const weights = initialWeights('diy', 1);
  assert.deepEqual(checkWeights('diy', new Map([...weights].reverse()), 'w.npz'), weights);
});

test('weights that don’t fit are refused by name', () => {
  const spoil = (name: string, array: { shape: readonly number[]; data: unknown } | undefined) => {
    const arrays = new Map<string, { shape: readonly number[]; data: unknown }>(initialWeights('diy', 1));
    if (array === undefined) arrays.delete(name);
    else arrays.set(name, array);
    return () => checkWeights('diy', arrays, 'w.npz');
  };
  const refuses = (run: () => unknown, message: RegExp) =>
    assert.throws(run, (error) => error instanceof InputError && message.test(error.message));

  refuses(spoil('fc1_W', undefined), /w\.npz: found no array fc1_W, needed fc1_W, float32 \(768, 256\)/);
  refuses(spoil('other', { shape: [1], data: new Float32Array(1) }), /found an array other/);
  refuses(
    spoil('out_W', { shape: [1, 64], data: new Float32Array(64) }),
    /out_W: found Float32Array \(1, 64\)/,
  );
  refuses(spoil('out_b', { shape: [1], data: new Float64Array(1) }), /out_b: found Float64Array \(1\)/);
  refuses(spoil('out_b', { shape: [1], data: new Float32Array(2) }), /out_b/);
  refuses(spoil('out_b', { shape: [1], data: Float32Array.of(Number.NaN) }), /out_b: found NaN at index 0/);
  const variances = new Float32Array(32).fill(1);
  variances[5] = -1;
  refuses(spoil('bn0_var', { shape: [32], data: variances }), /bn0_var: found -1 at index 5/);
});

test('a model is recognized by its arrays, even if one is missing', () => {
  for (const preset of PRESETS) {
    const weights = initialWeights(preset, 1);
    assert.equal(recognizePreset(weights), preset);
    weights.delete('out_b');
    assert.equal(recognizePreset(weights), preset);
    assert.throws(
      () => checkWeights(preset, weights, 'w.npz'),
      /found no array out_b, needed out_b, float32 \(1\)/,
    );
  }
  assert.throws(
    () => checkWeights('coherent', initialWeights('diy', 1), 'w.npz'),
    /found an array fc2_W, needed only the arrays of the coherent model/,
  );
});

test('the merged blocks see the channels of all three detectors', () => {
  const shapes = weightShapes('coherent');
  assert.deepEqual(shapes.get('conv1_W'), [32, 32, 64]);
  assert.deepEqual(shapes.get('conv2_W'), [16, 192, 128]);
  assert.deepEqual(shapes.get('fc1_W'), [256, 64]);
});
