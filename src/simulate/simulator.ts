import { createRandomStream, type RandomStream } from '../core/random.ts';
import { SAMPLE_SIZE } from '../core/strain.ts';
import { INDEX_LIMIT, sampleId } from './layout.ts';
import { createNoiseSource } from './noise.ts';
import { NOISE_CURVES } from './noise-curves.ts';
import { createSignalSource } from './signal.ts';
import type { Injection, SimulatedSample } from './simulated-sample.ts';
import {
  checkSimulationSettings,
  type GivenSettings,
  type SimulationSettings,
} from './simulation-settings.ts';
import { createSnrMeter } from './snr.ts';
import { drawSource } from './source.ts';

export interface Simulator {
  /**
   * Writes sample `index` (an integer from 0 to INDEX_LIMIT - 1) to `out`, shape (3, 4096), and returns its
   * description. The bytes depend only on the settings and the index, not on earlier samples or on the worker. Throws
   * RangeError for any other index or length of `out`.
   */
  sample(index: number, out: Float64Array): SimulatedSample;
}

/** Random streams of one sample, separate so that the noise doesn't depend on the signal settings. */
const NOISE_STREAM = 0;
const SIGNAL_STREAM = 1;

/**
 * Makes G2Net-like samples: Gaussian noise and, in a fraction of the samples, one binary black hole merger whose network
 * SNR is drawn from the distribution in the settings. With `signalsOnly`, the mergers of the same seed without the noise.
 * The sequence of operations is fixed, so the bytes are the same wherever Math's functions round alike: Node 24 and 26
 * agree, Node 20 differs in the last digits. Returns the simulator. Throws SettingError for settings out of range.
 *
 * @example
 * import { createSimulator } from 'chirpline';
 *
 * const simulator = createSimulator({ seed: 1, snrMedian: 15 });
 * const strain = new Float64Array(3 * 4096);
 * const { id, target, injection } = simulator.sample(0, strain);
 * console.log(id, target, injection?.networkSnr, strain[0]);
 */
export function createSimulator(given: GivenSettings): Simulator {
  const settings = checkSimulationSettings(given);
  const noise = createNoiseSource(NOISE_CURVES[settings.like]);
  const signals = createSignalSource();
  const meter = createSnrMeter(NOISE_CURVES[settings.like]);
  const signal = new Float64Array(SAMPLE_SIZE);

  const inject = (stream: RandomStream, out: Float64Array): Injection => {
    const source = drawSource(stream, settings);
    const networkSnr = drawSnr(stream, settings);
    signals.fill(source, signal);
    const reference = meter.measure(signal);
    const distance = Math.hypot(...reference) / networkSnr;
    for (let i = 0; i < SAMPLE_SIZE; i++) out[i]! += signal[i]! / distance;
    const [h1, l1, v1] = reference;
    return { source, distance, snr: [h1 / distance, l1 / distance, v1 / distance], networkSnr };
  };
  return {
    sample(index, out) {
      if (!Number.isInteger(index) || index < 0 || index >= INDEX_LIMIT) {
        throw new RangeError(`sample index ${index} is not an integer from 0 to ${INDEX_LIMIT - 1}`);
      }
      if (out.length !== SAMPLE_SIZE)
        throw new RangeError(`out holds ${out.length} numbers, not ${SAMPLE_SIZE}`);
      const id = sampleId(settings.seed, index);
      if (settings.signalsOnly) out.fill(0);
      else noise.fill(createRandomStream(settings.seed, index, NOISE_STREAM), out);
      const stream = createRandomStream(settings.seed, index, SIGNAL_STREAM);
      if (stream.uniform(0, 1) >= settings.signalShare) return { id, target: 0 };
      return { id, target: 1, injection: inject(stream, out) };
    },
  };
}

function drawSnr(stream: RandomStream, { snrMedian, snrSigma, snrMin, snrMax }: SimulationSettings): number {
  return Math.min(Math.max(snrMedian * Math.exp(snrSigma * stream.normal()), snrMin), snrMax);
}
