import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costOf, describeCost } from '../../src/model/model-cost.ts';
import { computeStages, listConvolutions, planNetwork } from '../../src/model/network-plan.ts';
import { ARCHITECTURES, isConvolutional, PRESETS } from '../../src/model/presets.ts';
import { initialWeights, isTrainable } from '../../src/model/weights.ts';
import { FILTERS } from '../../src/signal/matched-filter.ts';

/** What the maps after the last stage are made of, as formulas. */
function formulasOf(stages: number): readonly string[] {
  const plan = planNetwork(ARCHITECTURES['coherent-large']);
  return computeStages<string>(
    { ...plan, stages: plan.stages.slice(0, stages) },
    {
      arrange: (maps, paths) => paths.map((from) => from.map((i) => maps[i]).join()),
      convolve: (map, { number }) => `${number}(${map})`,
      join: (maps, how) => `${how}[${maps.join(' ')}]`,
    },
    ['H1', 'L1', 'V1'],
  );
}

test('H1 and L1 pass through the same convolutions, V1 through its own', () => {
  for (const stages of [1, 2]) {
    const [h1, l1, v1] = formulasOf(stages) as [string, string, string];
    assert.equal(h1.replaceAll('H1', 'L1'), l1);
    const numbers = (formula: string) => formula.match(/\d+(?=\()/g)!;
    assert.equal(numbers(v1).length, numbers(h1).length);
    assert.ok(numbers(v1).every((number) => !numbers(h1).includes(number)));
  }
  assert.match(formulasOf(1)[0]!, /^sum\[6\(5\((.*)\)\) \1\]$/);
  assert.match(formulasOf(1)[0]!, /sum\[3\(2\(1\(0\(H1\)\)\)\) 4\(1\(0\(H1\)\)\)\]/);
});

test('the detectors keep paths of their own beside the merged one', () => {
  const [h1, l1, v1, all] = formulasOf(2) as [string, string, string, string];
  const extracted = formulasOf(1).join();
  assert.ok(all.includes(`(${extracted})`));
  const merged = formulasOf(3);
  assert.equal(merged.length, 1);
  assert.ok(merged[0]!.includes(`(${[h1, l1, v1, all].join()})`));
});

test('the convolutions of every preset are numbered in order, and the last stage has one set of weights', () => {
  for (const preset of PRESETS.filter(isConvolutional)) {
    const plan = planNetwork(ARCHITECTURES[preset]);
    const numbers = listConvolutions(plan).map(({ convolution }) => convolution.number);
    assert.deepEqual(
      numbers,
      numbers.map((_, i) => i),
    );
    assert.equal(plan.stages.at(-1)!.length, 1, preset);
  }
});

test('coherent-large has the parameters and multiply-adds that are published for its width', () => {
  const { parameters, multiplyAdds } = costOf('coherent-large');
  const width = 16;
  // 1,548,369 with a maximum and a mean over time, whose 8 * width more features the first dense layer weighs. Ours has the power
  // of a mean, 8 time weights, and biases before batch norms.
  const biases = [...initialWeights('coherent-large', 1)]
    .filter(([name]) => /^conv\d+_b$/.test(name) && isTrainable(name))
    .reduce((count, [, { data }]) => count + data.length, 0);
  // Of the convolutions of the two extractors before the residual blocks, which have them there, too.
  const published = 1_548_369 - 8 * width * 256 - 4 * width + biases + 1 + 8;
  assert.equal(parameters, published);
  assert.ok(Math.abs(multiplyAdds / 1e9 - 0.81) < 0.005, `${multiplyAdds}`);
  assert.equal(describeCost('diy'), '0.68 million parameters, 0.38 billion multiply-adds a sample');
  assert.equal(costOf('diy').parameters, 676_258);
  const { templates, times } = FILTERS;
  const trained = templates + times.end - times.first + 3 + 2;
  assert.match(
    describeCost('matched'),
    new RegExp(`^${trained} parameters, \\d+\\.\\d\\d .illion multiply-adds a sample$`),
  );
});
