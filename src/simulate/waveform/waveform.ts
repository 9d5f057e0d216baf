import { type BinaryMasses, describeBinary } from './binary.ts';
import { createPhenomAmplitude } from './phenom-amplitude.ts';
import { phenomCoefficients } from './phenom-coefficients.ts';
import { createPhenomPhase, PHASE_INSPIRAL_END } from './phenom-phase.ts';

/** Above this frequency (in units of 1 / mass) IMRPhenomD is not defined; the wave has died out long before. */
const FREQUENCY_END = 0.2;

/** A megaparsec in light-seconds: 3.085677581491367e22 m / c. */
const MEGAPARSEC = 3.085677581491367e22 / 299792458;

/**
 * A compact binary's dominant mode h(f) = amplitude(f) exp(-i phase(f)), the Fourier transform with exp(-2 pi i f t)
 * of the plus polarization seen face-on. The amplitude peaks at t = 0, with phase 0. Frequencies in Hz, above 0.
 */
export interface Waveform {
  /** Strain per hertz at a distance of one megaparsec. */
  amplitude(frequency: number): number;
  /** [rad] */
  phase(frequency: number): number;
  /** Time when the wave passes through the frequency [s], by stationary phase; 0 at the merger, negative before. */
  time(frequency: number): number;
  /** Frequency of the inspiral `seconds` before the merger [Hz]; seconds from 0.5 to 10. */
  frequencyBefore(seconds: number): number;
}

/**
 * IMRPhenomD: S. Husa et al., Phys. Rev. D 93, 044006 (2016), and S. Khan et al., Phys. Rev. D 93, 044007 (2016),
 * arXiv:1508.07253. Inspiral, merger and ringdown of black holes with aligned spins, calibrated to numerical
 * relativity up to a mass ratio of 18.
 */
export function createWaveform(masses: BinaryMasses): Waveform {
  const binary = describeBinary(masses);
  const { mass, eta, delta, spins } = binary;
  const chi = ((spins[0] + spins[1]) * (1 - (76 / 113) * eta) + (spins[0] - spins[1]) * delta) / 2;
  const fits = phenomCoefficients(eta, chi);
  const amplitude = createPhenomAmplitude(binary, fits);
  const phase = createPhenomPhase(binary, fits);
  const { peak } = amplitude;
  const [peakPhase, peakSlope] = [phase.value(peak), phase.slope(peak)];
  const scale = (Math.sqrt((5 * eta) / 24) * Math.PI ** (-2 / 3) * mass ** 2) / MEGAPARSEC;

  const time = (frequency: number): number =>
    (mass * (phase.slope(mass * frequency) - peakSlope)) / (2 * Math.PI);
  return {
    amplitude: (frequency) => {
      const f = mass * frequency;
      return f > FREQUENCY_END ? 0 : (scale * amplitude.shape(f)) / (f * Math.sqrt(Math.cbrt(f)));
    },
    phase: (frequency) => {
      const f = mass * frequency;
      return phase.value(f) - peakPhase - peakSlope * (f - peak);
    },
    time,
    frequencyBefore: (seconds) => {
      let [low, high] = [1, PHASE_INSPIRAL_END / mass];
      for (let step = 0; step < 40; step++) {
        const middle = (low + high) / 2;
        if (time(middle) < -seconds) low = middle;
        else high = middle;
      }
      return high;
    },
  };
}
