/** Feature maps in exported models, and what the file formats have in common when they compute the stages of a network. */
import { areUnchanged, type Operations, type PlannedConvolution } from '../model/network-plan.ts';
import type { Shared } from '../model/presets.ts';

/** A node whose batch holds, for each sample, the maps of several paths with the same weights one after another. */
export interface Stack {
  node: string;
  paths: number;
  channels: number;
  times: number;
}

/** What differs between the formats. All of it adds nodes and returns the last one. */
interface Format {
  /** A convolution with all that follows it. */
  convolve(node: string, convolution: PlannedConvolution): string;
  /** SiLU of the sum. */
  sum(nodes: readonly string[]): string;
  /** The channels of all nodes. */
  concatenate(nodes: readonly string[]): string;
  takeChannels(node: string, channels: readonly number[]): string;
  /** One row per sample, with the channels of all paths. */
  putSideBySide(stack: Stack): string;
  /** The inverse of putSideBySide, for a stack whose node is its result. */
  pile(stack: Stack): string;
}

export function operateOnStacks(format: Format): Operations<Stack> {
  return {
    arrange: (stacks, paths) => arrange(stacks, paths, format),
    convolve: (stack, convolution) => ({
      ...stack,
      node: format.convolve(stack.node, convolution),
      channels: convolution.filters,
      times: convolution.times[1],
    }),
    join: (stacks, how) => {
      const nodes = stacks.map(({ node }) => node);
      const [first] = stacks as [Stack];
      if (how === 'sum') return { ...first, node: format.sum(nodes) };
      const channels = stacks.reduce((sum, { channels }) => sum + channels, 0);
      return { ...first, node: format.concatenate(nodes), channels };
    },
  };
}

function arrange(stacks: readonly Stack[], paths: Shared['paths'], format: Format): readonly Stack[] {
  const [first] = stacks as [Stack];
  if (stacks.length === 1 && areUnchanged(paths, first.paths)) return stacks;
  let count = 0;
  const channelsOf = stacks
    .flatMap(({ paths, channels }) => Array.from({ length: paths }, () => channels))
    .map((channels) => Array.from({ length: channels }, () => count++));
  const wanted = paths.flat().flatMap((path) => channelsOf[path]!);
  const nodes = stacks.map((stack) => (stack.paths === 1 ? stack.node : format.putSideBySide(stack)));
  const all = nodes.length === 1 ? nodes[0]! : format.concatenate(nodes);
  const isAll = wanted.length === count && wanted.every((channel, i) => channel === i);
  const stack: Stack = {
    node: isAll ? all : format.takeChannels(all, wanted),
    paths: paths.length,
    channels: wanted.length / paths.length,
    times: first.times,
  };
  return [paths.length === 1 ? stack : { ...stack, node: format.pile(stack) }];
}

/** Returns each name as it is, and with a number from its second time on. */
export function createNames(): (name: string) => string {
  const counts = new Map<string, number>();
  return (name) => {
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    return count === 0 ? name : `${name}_${count}`;
  };
}
