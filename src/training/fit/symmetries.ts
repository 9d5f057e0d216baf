/**
 * Test-time augmentation: changes of a sample that leave the probability of a signal as it is, up to what the model hasn't
 * learnt. They are the training's augmentations sign_flip and detector_swap: H1 and L1 see a source alike except for a sign and
 * some milliseconds.
 */
import { SAMPLE_LENGTH, SAMPLE_SIZE } from '../../core/strain.ts';

/** Changes samples, shape (n, 3, 4096), in place. */
type Change = (signals: Float32Array) => void;

const keep: Change = () => {};

const flipSigns: Change = (signals) => {
  for (let i = 0; i < signals.length; i++) signals[i] = -signals[i]!;
};

const swapH1AndL1: Change = (signals) => {
  for (let start = 0; start < signals.length; start += SAMPLE_SIZE) {
    const h1 = signals.slice(start, start + SAMPLE_LENGTH);
    signals.copyWithin(start, start + SAMPLE_LENGTH, start + 2 * SAMPLE_LENGTH);
    signals.set(h1, start + SAMPLE_LENGTH);
  }
};

/**
 * Each changes what the one before it left: the samples themselves, then with the other sign, then with the other sign and
 * swapped, then only swapped.
 */
export const SYMMETRIES: readonly Change[] = [keep, flipSigns, swapH1AndL1, flipSigns];
export const IDENTITY: readonly Change[] = [keep];
