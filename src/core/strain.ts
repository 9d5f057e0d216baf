/** One sample: the strain of three detectors, 2 s at 2048 Hz, C order (detector, time). */

/** Detectors in the order in which a sample holds them. */
export const DETECTORS = ['H1', 'L1', 'V1'] as const;
export type Detector = (typeof DETECTORS)[number];

/** Samples a second [Hz]. */
export const SAMPLE_RATE = 2048;
/** Points of one detector's strain: 2 s. */
export const SAMPLE_LENGTH = 4096;
/** Points of one sample, all detectors. */
export const SAMPLE_SIZE = DETECTORS.length * SAMPLE_LENGTH;
/** Bins of the one-sided spectrum of one detector: 0 ... 1024 Hz in steps of 0.5 Hz. */
export const SPECTRUM_LENGTH = SAMPLE_LENGTH / 2 + 1;

/** Float64Array of length SAMPLE_SIZE, shape (3, 4096): dimensionless strain, about 1e-20. */
export type Strain = Float64Array;
/** Float64Array of length 3 * SPECTRUM_LENGTH, shape (3, 2049): power spectral density. */
export type Psd = Float64Array;

/**
 * Bytes in front of and behind strain that a file is read to, together with its header: what lies there is overwritten.
 */
export const STRAIN_MARGIN = 128;
