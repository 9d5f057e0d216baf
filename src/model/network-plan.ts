/** An architecture with the names and sizes of all of its convolutions, and the order in which they are computed. */
import { DETECTORS, SAMPLE_LENGTH } from '../core/strain.ts';
import type { Architecture, Convolution, Layer, Shared } from './presets.ts';

/** Its arrays are `conv<number>_W`, `conv<number>_b`, `bn<number>_gamma` and so on, and `conv<number>_p` for a generalized mean. */
export interface PlannedConvolution extends Convolution {
  number: number;
  inputs: number;
  /** Time points before the convolution, and after its pooling if it has one. */
  times: readonly [number, number];
}

interface PlannedLayer extends Layer {
  branches: readonly (readonly PlannedConvolution[])[];
}

interface PlannedPaths extends Pick<Shared, 'paths'> {
  layers: readonly PlannedLayer[];
}

export interface NetworkPlan {
  stages: readonly (readonly PlannedPaths[])[];
  /** Channels of all paths of the last stage together. */
  features: number;
  /** Time points that are left after the last stage. */
  times: number;
}

interface Shape {
  channels: number;
  times: number;
}

export function planNetwork({ stages }: Architecture): NetworkPlan {
  let count = 0;

  function planBranch(branch: readonly Convolution[], input: Shape): [PlannedConvolution[], Shape] {
    let shape = input;
    const planned = branch.map((convolution) => {
      const { channels, times } = shape;
      shape = { channels: convolution.filters, times: times / (convolution.pooling?.points ?? 1) };
      return { ...convolution, number: count++, inputs: channels, times: [times, shape.times] as const };
    });
    return [planned, shape];
  }

  function planLayer(layer: Convolution | Layer, input: Shape): [PlannedLayer, Shape] {
    const { branches, join } = 'branches' in layer ? layer : { branches: [[layer]], join: 'concat' as const };
    const planned = branches.map((branch) => planBranch(branch, input));
    const shapes = planned.map(([, shape]) => shape);
    const channels = join === 'sum' ? shapes[0]!.channels : sum(shapes.map((shape) => shape.channels));
    return [
      { branches: planned.map(([convolutions]) => convolutions), join },
      { channels, times: shapes[0]!.times },
    ];
  }

  let shapes: Shape[] = DETECTORS.map(() => ({ channels: 1, times: SAMPLE_LENGTH }));
  const planned = stages.map((stage) => {
    const given = shapes;
    shapes = [];
    return stage.map(({ paths, layers }) => {
      const inputs = paths[0]!.map((i) => given[i]!);
      let shape: Shape = { channels: sum(inputs.map(({ channels }) => channels)), times: inputs[0]!.times };
      const plannedLayers = layers.map((layer) => {
        const [result, after] = planLayer(layer, shape);
        shape = after;
        return result;
      });
      shapes.push(...paths.map(() => shape));
      return { paths, layers: plannedLayers };
    });
  });
  return { stages: planned, features: sum(shapes.map(({ channels }) => channels)), times: shapes[0]!.times };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, x) => total + x, 0);
}

/** In the order of their numbers, each with the number of paths that it is computed on. */
export function listConvolutions({
  stages,
}: NetworkPlan): { convolution: PlannedConvolution; uses: number }[] {
  return stages
    .flat()
    .flatMap(({ paths, layers }) =>
      layers
        .flatMap(({ branches }) => branches.flat())
        .map((convolution) => ({ convolution, uses: paths.length })),
    );
}

/** What computes a network: tensors, or nodes of a file. A map holds one path or several with the same weights. */
export interface Operations<M> {
  /** Maps of the paths, whose inputs are numbered as the paths in `maps` follow each other. */
  arrange(maps: readonly M[], paths: Shared['paths']): readonly M[];
  convolve(map: M, convolution: PlannedConvolution): M;
  /** At least two maps of one path. */
  join(maps: readonly M[], how: Layer['join']): M;
}

/** The maps after the last stage. */
export function computeStages<M>(
  { stages }: NetworkPlan,
  { arrange, convolve, join }: Operations<M>,
  detectors: readonly M[],
): readonly M[] {
  const computeLayer = (map: M, { branches, join: how }: PlannedLayer): M => {
    const ends = branches.map((branch) => branch.reduce(convolve, map));
    return ends.length === 1 ? ends[0]! : join(ends, how);
  };
  return stages.reduce(
    (maps, stage) =>
      stage.flatMap(({ paths, layers }) =>
        arrange(maps, paths).map((map) => layers.reduce(computeLayer, map)),
      ),
    detectors,
  );
}

/** Whether these paths are `count` maps as they are. */
export function areUnchanged(paths: Shared['paths'], count: number): boolean {
  return paths.length === count && paths.every((from, i) => from.length === 1 && from[0] === i);
}
