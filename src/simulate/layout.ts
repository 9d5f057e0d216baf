import { mix32 } from '../core/random.ts';
import type { SimulatedSample } from './simulated-sample.ts';

const HALF_BITS = 20;
const HALF_RANGE = 2 ** HALF_BITS;
const ROUNDS = 6;

/** Indices are below this limit, the number of ids of 10 hexadecimal digits. */
export const INDEX_LIMIT = HALF_RANGE * HALF_RANGE;

/**
 * The id of a sample: 10 hexadecimal digits. For one seed no two indices (integers below INDEX_LIMIT) share one,
 * because a Feistel network (M. Luby, C. Rackoff, 1988) maps the 40-bit integers one to one.
 */
export function sampleId(seed: number, index: number): string {
  const key = mix32(seed ^ mix32(Math.floor(seed / 2 ** 32)));
  let left = Math.floor(index / HALF_RANGE);
  let right = index % HALF_RANGE;
  for (let round = 0; round < ROUNDS; round++) {
    const turned = left ^ (mix32(mix32(right ^ key) + round) >>> (32 - HALF_BITS));
    left = right;
    right = turned;
  }
  return (left * HALF_RANGE + right).toString(16).padStart(10, '0');
}

/** Key of a sample in the layout of the G2Net competition: `train/0/1/2/0123456789.npy`. */
export function sampleKey(id: string): string {
  return `train/${id[0]}/${id[1]}/${id[2]}/${id}.npy`;
}

/** Header of training_labels.csv; its rows are sorted by id. */
export const labelColumns = ['id', 'target'] as const;

/** A sample's row of training_labels.csv. */
export function labelRow(sample: SimulatedSample): string[] {
  return [sample.id, String(sample.target)];
}

/** Header of the truth table, which lists the injections. It is stored apart from what a model may see. */
export const truthColumns = [
  ...labelColumns,
  ...['m1', 'm2', 'chi1z', 'chi2z', 'inclination', 'phase', 'distance_mpc'],
  ...['snr_H1', 'snr_L1', 'snr_V1', 'snr_net', 'ra', 'dec', 'psi', 'gmst', 'tc'],
] as const;

/** A sample's row of the truth table; all but id and target are empty if it has no signal. */
export function truthRow(sample: SimulatedSample): string[] {
  const row = labelRow(sample);
  if (sample.injection === undefined) return [...row, ...truthColumns.slice(row.length).map(() => '')];
  const { source, distance, snr, networkSnr } = sample.injection;
  const values = [
    ...[source.m1, source.m2, source.chi1, source.chi2, source.inclination, source.phase, distance],
    ...[...snr, networkSnr, source.ra, source.dec, source.psi, source.gmst, source.tc],
  ];
  return [...row, ...values.map(String)];
}
