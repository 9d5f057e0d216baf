import { MachineError } from '../../core/errors.ts';

/** Smallest batch that has statistics. */
const LEAST = 2;

/**
 * Runs a step on a batch of `size` samples. Throws MachineError, where there is one with a batch size that needs half the
 * memory, when TensorFlow runs out of it: on a GPU it says so, on a CPU the system may end the process without a word.
 */
export function withMemoryFor<T>(size: number, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (
      !(error instanceof Error) ||
      !/OOM when allocating|RESOURCE_EXHAUSTED|out of memory/i.test(error.message)
    )
      throw error;
    const half = Math.max(LEAST, size >> 1);
    const [reason] = error.message.split('\n');
    const advice =
      half < size ? `--batch-size ${half} needs about half of it` : 'A machine with more of it is needed';
    throw new MachineError(
      `TensorFlow ran out of memory in a batch of ${size} samples (${reason}). ${advice}`,
      { cause: error },
    );
  }
}
