/** One sample: the strain of three detectors, 2 s at 2048 Hz, C order (detector, time). */

/** Detectors in the order of a sample. */
export const DETECTORS = ['H1', 'L1', 'V1'] as const;
export type Detector = (typeof DETECTORS)[number];

/** Of the strain [Hz]. */
export const SAMPLE_RATE = 2048;
/** Points of one detector's strain: 2 s. */
export const SAMPLE_LENGTH = 4096;
/** Points of all detectors of one sample. */
export const SAMPLE_SIZE = DETECTORS.length * SAMPLE_LENGTH;
/** Bins of one detector's one-sided spectrum: 0 ... 1024 Hz in steps of 0.5 Hz. */
export const SPECTRUM_LENGTH = SAMPLE_LENGTH / 2 + 1;

/** Float64Array of length SAMPLE_SIZE, shape (3, 4096): dimensionless strain, about 1e-20. */
export type Strain = Float64Array;
/** Float64Array of length 3 * SPECTRUM_LENGTH, shape (3, 2049): power spectral density. */
export type Psd = Float64Array;

/**
 * Bytes before and after a strain buffer that a reader may overwrite: a file is read with its header, so that its strain ends
 * up in the buffer without a copy.
 */
export const STRAIN_MARGIN = 128;
