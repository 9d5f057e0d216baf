import { createRandomStream } from '../core/random.ts';
import { DETECTORS, type Psd, SPECTRUM_LENGTH } from '../core/strain.ts';
import { bandpassPower } from '../signal/bandpass-power.ts';
import { FILTERS } from '../signal/matched-filter.ts';
import { RECIPE } from '../signal/recipe.ts';
import { SIMULATION_DEFAULTS } from './simulation-settings.ts';
import { chirpMass, drawSource, type Source } from './source.ts';
import { createWaveform } from './waveform/waveform.ts';

/** Sources drawn for each one that is taken. */
const CHOICE = 8;

/** Separates the bank's random numbers from those that other parts draw with the same seed. */
const BANK_PURPOSE = 0x62616e6b;

/**
 * Matched filters for whitened samples [2, K, 3, bins]: real and imaginary parts of the conjugate spectra of K binaries in H1, L1
 * and V1, merging at t = 0, over the power that the band-pass leaves to the noise. A filter's power in noise is 1 per bin.
 *
 * @param psd (3, 2049), that the samples were whitened by.
 * @param seed of the binaries, an integer from 0 to 2^53 - 1
 */
export function createTemplateBank(psd: Psd, seed: number): Float32Array {
  const { templates, bins, firstBin } = FILTERS;
  const passed = bandpassPower();
  const size = templates * DETECTORS.length * bins;
  const bank = new Float32Array(2 * size);
  for (const [k, binary] of drawBinaries(templates, seed).entries()) {
    const waveform = createWaveform(binary);
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

/** Masses and spins from the prior of G2Net-like signals, evenly in the order of their chirp masses. */
function drawBinaries(count: number, seed: number): Source[] {
  const drawn = Array.from({ length: count * CHOICE }, (_, i) =>
    drawSource(createRandomStream(seed, i, BANK_PURPOSE), SIMULATION_DEFAULTS.g2net),
  );
  return drawn.sort((a, b) => chirpMass(a) - chirpMass(b)).filter((_, i) => i % CHOICE === CHOICE >> 1);
}
