/** Simulated noise and signals of the G2Net spectra as a model sees them. */
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { createSignalsEngine } from '../../src/signal/engines/linear-path.ts';
import { createPreprocessor } from '../../src/signal/preprocessor.ts';
import { averagePsd, createPsdEstimator } from '../../src/signal/psd.ts';
import type { Injection } from '../../src/simulate/simulated-sample.ts';
import { createSimulator } from '../../src/simulate/simulator.ts';

/** `count` samples of noise, whitened by their own PSD. */
export function simulateNoise(count: number) {
  const simulator = createSimulator({ seed: 21, like: 'g2net', signalShare: 0 });
  const estimator = createPsdEstimator();
  const strains = Array.from({ length: count }, (_, i) => {
    const strain = new Float64Array(SAMPLE_SIZE);
    simulator.sample(i, strain);
    estimator.add(strain);
    return strain;
  });
  const psd = averagePsd(estimator.sum, estimator.count);
  const path = createPreprocessor(psd);
  return { psd, noise: strains.map((strain) => run(path, strain)) };
}

/** `count` signals of network SNR 1 without noise; noise has deviation 1 beside them. */
export function simulateSignals(count: number, psd: Float64Array) {
  const simulator = createSimulator({ seed: 22, like: 'g2net', signalShare: 1, signalsOnly: true });
  const path = createPreprocessor(psd, createSignalsEngine());
  return Array.from({ length: count }, (_, i): { signal: Float32Array; injection: Injection } => {
    const strain = new Float64Array(SAMPLE_SIZE);
    const { injection } = simulator.sample(i, strain);
    return { signal: run(path, strain), injection: injection! };
  });
}

function run(path: ReturnType<typeof createPreprocessor>, strain: Float64Array): Float32Array {
  const out = new Float32Array(SAMPLE_SIZE);
  const reason = path.process(strain, out);
  if (reason !== undefined) throw new Error(reason);
  return out;
}
