/** Feature maps in exported models: how the inputs of a stage's paths are made of the previous stage's outputs. */
import { areUnchanged } from '../model/network-plan.ts';
import type { Shared } from '../model/presets.ts';

/** A node whose batch holds, for each sample, the maps of several paths with the same weights one after another. */
export interface Stack {
  node: string;
  paths: number;
  channels: number;
  times: number;
}

/** What a file format does. All of it gives nodes; maps side by side have one row per sample. */
interface StackOperations {
  putSideBySide(stack: Stack): string;
  concatenate(nodes: readonly string[]): string;
  takeChannels(node: string, channels: readonly number[]): string;
  /** The inverse of putSideBySide for stacks of more than one path. */
  pile(sideBySide: Stack): string;
}

export function arrangeStacks(
  stacks: readonly Stack[],
  paths: Shared['paths'],
  format: StackOperations,
): readonly Stack[] {
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
