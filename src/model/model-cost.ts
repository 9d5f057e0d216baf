import { DETECTORS, SAMPLE_LENGTH } from '../core/strain.ts';
import { FILTERS } from '../signal/matched-filter.ts';
import { listConvolutions, planNetwork } from './network-plan.ts';
import { ARCHITECTURES, isConvolutional, type Preset } from './presets.ts';
import { isTrainable, sizeOf, weightShapes } from './weights.ts';

export interface ModelCost {
  /** Numbers that training changes. */
  parameters: number;
  /** Multiply-adds of convolutions and dense layers for one sample, by their definition. */
  multiplyAdds: number;
}

export function costOf(preset: Preset): ModelCost {
  const shapes = weightShapes(preset);
  const sizes = [...shapes].filter(([name]) => isTrainable(name)).map(([, shape]) => sizeOf(shape));
  if (!isConvolutional(preset)) return { parameters: sum(sizes), multiplyAdds: filterProducts() };
  const convolutions = listConvolutions(planNetwork(ARCHITECTURES[preset])).map(
    ({ convolution: { kernel, inputs, filters, times }, uses }) =>
      uses * kernel * inputs * filters * times[0],
  );
  const dense = [...shapes]
    .filter(([name, { length }]) => name.endsWith('_W') && length === 2)
    .map(([, shape]) => sizeOf(shape));
  return { parameters: sum(sizes), multiplyAdds: sum([...convolutions, ...dense]) };
}

/** Of matched filters: complex products, and transforms of n points with 2 n log2 n multiply-adds, half as many if they are real. */
function filterProducts(): number {
  const { templates, bins } = FILTERS;
  const transform = (points: number) => points * Math.log2(points);
  return Math.round(
    DETECTORS.length * (transform(SAMPLE_LENGTH) + templates * (4 * bins + 2 * transform(bins))),
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, x) => total + x, 0);
}

/** As a text: `1.53 million parameters, 0.81 billion multiply-adds a sample`. */
export function describeCost(preset: Preset): string {
  const { parameters, multiplyAdds } = costOf(preset);
  return `${inWords(parameters)} parameters, ${inWords(multiplyAdds)} multiply-adds a sample`;
}

function inWords(count: number): string {
  if (count >= 1e8) return `${(count / 1e9).toFixed(2)} billion`;
  return count >= 1e5 ? `${(count / 1e6).toFixed(2)} million` : String(count);
}
