/** Writes into devices, pipes and descriptors. */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { ambient } from '../../core/ambient.ts';
import { MachineError } from '../../core/errors.ts';
import { explainFileError, systemCode } from './file-errors.ts';
import type { Target } from './file-target.ts';

/** Time that a pipe may have no reader [ms]: the shell starts both at about the same time. */
const READER_TIMEOUT = 10_000;
const PAUSE = 5;

let standardOutputTaken = false;

/** Whether an output was written into standard output: then nothing else belongs there. */
export function isStandardOutputTaken(): boolean {
  return standardOutputTaken;
}

/** Writes the bytes into the target and returns their number. Throws MachineError. */
export async function writeStream(
  { path, descriptor }: Extract<Target, { kind: 'stream' }>,
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<number> {
  if (descriptor === 1) standardOutputTaken = true;
  const file = descriptor ?? (await openStream(path));
  let size = 0;
  try {
    for await (const piece of bytes instanceof Uint8Array ? [bytes] : bytes) {
      await writePiece(file, piece, path);
      size += piece.length;
    }
  } finally {
    if (descriptor === undefined) closeSync(file);
  }
  return size;
}

/** Opens without blocking: a pipe without a reader would block this process, and Ctrl-C with it. */
async function openStream(path: string): Promise<number> {
  for (const start = ambient.elapsed(); ; await ambient.sleep(10 * PAUSE)) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (systemCode(error) !== 'ENXIO') throw explainFileError(error, 'write', path);
      if (ambient.elapsed() - start < READER_TIMEOUT) continue;
      throw new MachineError(`cannot write ${path}: no program reads from it. Start one first, such as cat`, {
        cause: error,
      });
    }
  }
}

async function writePiece(file: number, bytes: Uint8Array, path: string): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(file, bytes, written);
    } catch (error) {
      // The reader of a pipe is slower.
      if (systemCode(error) !== 'EAGAIN') throw explainFileError(error, 'write', path);
      await ambient.sleep(PAUSE);
    }
  }
}
