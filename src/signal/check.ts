import { InputError } from '../core/errors.ts';
import {
  DETECTORS,
  type Psd,
  SAMPLE_LENGTH,
  SAMPLE_SIZE,
  SPECTRUM_LENGTH,
  type Strain,
} from '../core/strain.ts';

/**
 * Why a sample is unusable, or undefined if it is usable: 'NaN or Inf at H1[17]', 'V1 is all zero', 'L1 is constant',
 * '4096 points instead of 12288'.
 */
export function strainFault(strain: Strain): string | undefined {
  return deadDetector(strain) ?? nonFinitePoint(strain);
}

/** 'NaN or Inf at H1[17]', or undefined. */
export function nonFinitePoint(strain: Strain): string | undefined {
  for (let i = 0; i < strain.length; i++) {
    if (!Number.isFinite(strain[i])) {
      return `NaN or Inf at ${DETECTORS[Math.floor(i / SAMPLE_LENGTH)]}[${i % SAMPLE_LENGTH}]`;
    }
  }
  return undefined;
}

/**
 * The part of strainFault that reads only a few points of good strain. A constant detector is a fault like an
 * all-zero one: the band-pass turns it into exact zeros, and the record would hold zeros that look like data.
 */
export function deadDetector(strain: Strain): string | undefined {
  if (strain.length !== SAMPLE_SIZE) return `${strain.length} points instead of ${SAMPLE_SIZE}`;
  for (let detector = 0; detector < DETECTORS.length; detector++) {
    const from = detector * SAMPLE_LENGTH;
    const first = strain[from]!;
    let same = 1;
    while (same < SAMPLE_LENGTH && strain[from + same] === first) same++;
    if (same === SAMPLE_LENGTH) return `${DETECTORS[detector]} is ${first === 0 ? 'all zero' : 'constant'}`;
  }
  return undefined;
}

/**
 * Checks a PSD, or a sum of PSDs.
 *
 * @param object its name or place, for the message.
 * @throws InputError unless it is (3, 2049) finite values >= 0.
 */
export function requirePsd(psd: Psd, object: string): void {
  const needed = `(${DETECTORS.length}, ${SPECTRUM_LENGTH}) finite values >= 0`;
  if (psd.length !== DETECTORS.length * SPECTRUM_LENGTH) {
    throw new InputError({ object, found: `${psd.length} values`, needed });
  }
  const index = psd.findIndex((value) => !(value >= 0 && value < Number.POSITIVE_INFINITY));
  if (index >= 0) {
    const place = `${DETECTORS[Math.floor(index / SPECTRUM_LENGTH)]}[${index % SPECTRUM_LENGTH}]`;
    throw new InputError({ object, found: `${psd[index]} at ${place}`, needed });
  }
}
