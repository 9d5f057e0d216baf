import { isConvolutional } from '../model/presets.ts';
import type { LowType } from '../tensorflow/graph/precision.ts';
import { fastLowType, type Gpu } from '../tensorflow/install/nvidia.ts';
import type { Settings } from '../training/settings.ts';

/** The precision in which the device computes: only convolutions gain from 16 bits, and a GPU needs tensor cores for that. */
export function choosePrecision(
  { preset, precision }: Settings,
  device: 'cpu' | 'gpu',
  gpus: readonly Gpu[],
  say: (line: string) => void,
): Pick<Settings, 'precision'> & { low?: LowType } {
  if (precision === 'float32') return { precision };
  if (!isConvolutional(preset)) {
    say(`${preset} has no convolutions: precision mixed computes in float32`);
    return { precision: 'float32' };
  }
  if (device === 'cpu') return { precision, low: 'bfloat16' };
  const low = fastLowType(gpus);
  if (low === undefined) {
    const names = gpus.map(({ name }) => name).join(', ');
    say(`a GPU without tensor cores (${names}): precision mixed computes in float32`);
    return { precision: 'float32' };
  }
  say(`mixed precision in ${low}`);
  return { precision, low };
}
