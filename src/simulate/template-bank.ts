import { DETECTORS, type Psd, SPECTRUM_LENGTH } from '../core/strain.ts';
import { bandpassPower } from '../signal/bandpass-power.ts';
import { FILTERS } from '../signal/matched-filter.ts';
import { RECIPE } from '../signal/recipe.ts';
import { createWaveform } from './waveform/waveform.ts';

/** Ranges of the templates: chirp mass [solar masses], mass ratio, spin of both bodies along the orbit's axis. */
const RANGES = { chirpMass: [8, 40], ratio: [0.25, 1], spin: [-0.5, 0.5] } as const;

/** Powers of 1 / x, where x^4 = x + 1: multiples of them, modulo 1, fill a cube evenly (Roberts, 2018). */
const STEPS = [0.8191725133961645, 0.6710436067037893, 0.5497004779019703];

/**
 * Matched filters for whitened samples [2, K, 3, bins]: real and imaginary parts of the conjugate spectra of K binaries in H1, L1
 * and V1, merging at t = 0, over the power that the band-pass leaves to the noise. A filter's power in noise is 1 per bin.
 *
 * @param psd (3, 2049), that the samples were whitened by.
 */
export function createTemplateBank(psd: Psd): Float32Array {
  const { templates, bins, firstBin } = FILTERS;
  const passed = bandpassPower();
  const size = templates * DETECTORS.length * bins;
  const bank = new Float32Array(2 * size);
  for (let k = 0; k < templates; k++) {
    const [u, v, w] = STEPS.map((step) => ((k + 0.5) * step) % 1) as [number, number, number];
    const waveform = createWaveform(binaryOf(u, v, w));
    for (const detector of DETECTORS.keys()) {
      const start = (k * DETECTORS.length + detector) * bins;
      let power = 0;
      for (let i = 0; i < bins; i++) {
        const bin = firstBin + i;
        const whitening = Math.sqrt(psd[detector * SPECTRUM_LENGTH + bin]! + RECIPE.whitening.epsilon);
        const amplitude = waveform.amplitude(bin / 2) / whitening / Math.sqrt(passed[bin]!);
        const phase = waveform.phase(bin / 2);
        bank[start + i] = amplitude * Math.cos(phase);
        bank[size + start + i] = amplitude * Math.sin(phase);
        power += amplitude ** 2 * passed[bin]!;
      }
      const scale = Math.sqrt(bins / power);
      for (const part of [start, size + start])
        for (let i = part; i < part + bins; i++) bank[i] = bank[i]! * scale;
    }
  }
  return bank;
}

/** A binary at a point of the unit cube. Chirp masses are log-uniform. */
function binaryOf(u: number, v: number, w: number) {
  const between = ([low, high]: readonly [number, number], share: number) => low + (high - low) * share;
  const chirpMass = Math.exp(between(RANGES.chirpMass.map(Math.log) as [number, number], u));
  const ratio = between(RANGES.ratio, v);
  const spin = between(RANGES.spin, w);
  // chirp mass = m1 q^0.6 / (1 + q)^0.2
  const m1 = (chirpMass * (1 + ratio) ** 0.2) / ratio ** 0.6;
  return { m1, m2: m1 * ratio, chi1: spin, chi2: spin };
}
