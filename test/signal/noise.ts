import { SAMPLE_LENGTH, SAMPLE_SIZE, type Strain } from '../../src/core/strain.ts';

/** Standard normal numbers from a seed: mulberry32 and the Box-Muller transform. */
export function createNormal(seed: number): () => number {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** White noise (3, 4096), of a strain's size. */
export function whiteNoise(normal: () => number): Strain {
  return Float64Array.from({ length: SAMPLE_SIZE }, () => 1e-21 * normal());
}

/** Noise (3, 4096) whose spectrum falls by 50 dB from 20 to 1000 Hz: two first-order low passes in a row. */
export function redNoise(normal: () => number): Strain {
  const strain = new Float64Array(SAMPLE_SIZE);
  let first = 0;
  let second = 0;
  for (let i = -SAMPLE_LENGTH; i < SAMPLE_SIZE; i++) {
    first = 0.97 * first + 1e-22 * normal();
    second = 0.9 * second + first;
    if (i >= 0) strain[i] = second;
  }
  return strain;
}
