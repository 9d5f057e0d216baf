import { loadAddon, type VectorLevel } from '../../native/load-native.ts';
import type { KernelSet, Kernels } from './kernel-api.ts';

/** See LANES in ../native/kernel.h. */
const LANES = 8;

const NAMES: readonly (keyof Kernels)[] = [
  'gather',
  'gatherExtended',
  'bandpass',
  'filterSpectrum',
  'computeMoments',
  'storeFloat16',
  'storeFloat32',
  'computePower',
  'accumulate',
];

export interface NativeKernels extends KernelSet {
  /** The instruction set that the CPU must have. */
  readonly level: VectorLevel;
}

/** The native kernels that this CPU can run, the fastest first. */
export function listNativeKernels(): NativeKernels[] {
  const { addon } = loadAddon();
  if (addon === undefined) return [];
  return addon.levels.map((level) => ({
    level: level.name,
    lanes: LANES,
    wideLanes: LANES,
    instantiate(bytes) {
      const memory = addon.allocate(bytes);
      const bound = NAMES.map((name) => [name, level[name]!.bind(undefined, memory)]);
      return { kernels: Object.fromEntries(bound) as Kernels, memory };
    },
  }));
}
