/** Measures the preprocessing rate of one core of this machine, with the engine that functions use. */
import { createRandomStream } from '../../core/random.ts';
import { DETECTORS, SPECTRUM_LENGTH } from '../../core/strain.ts';
import { choosePortableEngine } from '../../signal/engines/choose-engine.ts';
import { createPreprocessor } from '../../signal/preprocessor.ts';

/** Time for compiling the engine, and time measured after it [s]. */
const WARM_UP = 0.3;
const DURATION = 0.7;

/** Samples per second, from strain in memory to float16, on random noise. Takes a second. */
export function measureRate(): number {
  const psd = new Float64Array(DETECTORS.length * SPECTRUM_LENGTH).fill(1e-46);
  const preprocessor = createPreprocessor(psd, choosePortableEngine());
  const random = createRandomStream(1, 0, 0);
  const block = preprocessor.inputs;
  for (const strain of block) {
    for (let i = 0; i < strain.length; i++) strain[i] = 1e-21 * random.normal();
  }
  const measure = (seconds: number) => {
    const start = performance.now();
    let samples = 0;
    while (performance.now() - start < seconds * 1000) {
      preprocessor.processBlock(block, 'float16');
      samples += block.length;
    }
    return (samples / (performance.now() - start)) * 1000;
  };
  measure(WARM_UP);
  return measure(DURATION);
}
