import { type CompileChoice, chooseCompile, type TF } from '../../tensorflow/install/load.ts';
import type { EngineOptions } from './engine.ts';

/** Options of an engine by the user's choice, with messages to `say`. Throws the errors of chooseCompile. */
export function compileOptions(tf: TF, choice: CompileChoice, say: (line: string) => void): EngineOptions {
  return {
    compile: chooseCompile(tf, choice, say),
    onCompile: (step) => say(`compiling ${step} with XLA`),
    ...(choice === 'auto' && { onUncompiled: (reason) => say(`steps run uncompiled: ${reason}`) }),
  };
}
