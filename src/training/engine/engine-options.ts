import { type CompileChoice, chooseCompile, type TF } from '../../tensorflow/install/load.ts';
import { type Gpu, nameDevices } from '../../tensorflow/install/nvidia.ts';
import type { EngineOptions } from './engine.ts';

/**
 * Options of the graph engine: whether XLA compiles, as the user chose, and all of these GPUs that are visible. Reports the choices
 * through `say`. Throws the errors of chooseCompile.
 */
export function engineOptions(
  tf: TF,
  choice: CompileChoice,
  gpus: readonly Gpu[],
  say: (line: string) => void,
): EngineOptions {
  const devices = nameDevices(gpus, process.env);
  if (devices.length > 1)
    say(`${devices.length} GPUs share each batch (CUDA_VISIBLE_DEVICES chooses others)`);
  return {
    devices,
    compile: chooseCompile(tf, choice, say),
    onCompile: (step) => say(`compiling ${step} with XLA`),
    ...(choice === 'auto' && { onUncompiled: (reason) => say(`steps run uncompiled: ${reason}`) }),
  };
}
