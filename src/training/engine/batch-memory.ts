import { MachineError } from '../../core/errors.ts';

/** Smallest batch size: batch norm needs two samples for its statistics. */
const LEAST = 2;

/** Whether TensorFlow ran out of memory. */
export function isOutOfMemory(error: unknown): error is Error {
  return (
    error instanceof Error && /OOM when allocating|RESOURCE_EXHAUSTED|out of memory/i.test(error.message)
  );
}

/**
 * Runs a step on a batch of `size` samples. Throws MachineError when TensorFlow runs out of memory, with a batch size that
 * needs half of it if there is one. On a CPU the system may kill the process before TensorFlow reports anything.
 */
export function withMemoryFor<T>(size: number, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!isOutOfMemory(error)) throw error;
    const half = Math.max(LEAST, size >> 1);
    const [reason] = error.message.split('\n');
    const advice =
      half < size
        ? `Use --batch-size ${half}, which needs about half the memory`
        : 'Use a machine with more memory';
    const others = /gpu|cuda/i.test(error.message) ? '. `nvidia-smi` shows what else uses the GPU' : '';
    throw new MachineError(
      `TensorFlow ran out of memory on a batch of ${size} samples (${reason}). ${advice}${others}`,
      { cause: error },
    );
  }
}
