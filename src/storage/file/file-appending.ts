/** Filling a new file piece by piece: by way of the page cache, or past it. */
import { closeSync, constants, openSync, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { systemCode } from './file-errors.ts';

export interface Appender {
  append(bytes: Uint8Array): Promise<void>;
  /** Writes what is still held. */
  finish(): Promise<void>;
  /** To be called in any case; the file itself stays open. */
  close(): void;
}

/** Appends to the empty file that is open for writing as `file`. Throws what the system calls throw. */
export function createAppender(file: number): Appender {
  let position = 0;
  return {
    // Synchronous, as file.ts reads: the thread pool would take a turn of the event loop for each piece.
    async append(bytes) {
      writeWhole(file, bytes, position);
      position += bytes.length;
    },
    async finish() {},
    close() {},
  };
}

/** The system calls that go past the page cache; Linux calls it O_DIRECT. */
export interface DirectCalls {
  open(path: string): number;
  /** Resolves to the bytes written. */
  write(file: number, bytes: Uint8Array, position: number): Promise<number>;
}

const writeAt = promisify(write);

const DIRECT_CALLS: DirectCalls = {
  open: (path) => openSync(path, constants.O_WRONLY | constants.O_DIRECT),
  write: async (file, bytes, position) =>
    (await writeAt(file, bytes, 0, bytes.length, position)).bytesWritten,
};

/** Bytes that are written at a time. */
const STAGE_SIZE = 2 << 20;
/** A multiple of most disks' blocks; a disk of larger ones refuses, and gets its bytes the usual way. */
const BLOCK = 4096;

/**
 * The same past the page cache, for bytes that nobody will read soon: new pages for them cost a processor three times what
 * the disk's own copying does, and would drive out the files that are being read. Only whole blocks can go that way, from
 * memory that lies on a page's border; the rest, and all where the system has no such way, goes the usual one.
 *
 * @param path of the file, which is opened once more.
 */
export function createDirectAppender(file: number, path: string, calls = DIRECT_CALLS): Appender {
  const memory = spare.pop() ?? allocateStage();
  if (memory === undefined) return createAppender(file);
  const stage = memory;
  /** The file opened the direct way, from the first full stage on and as long as the file system takes that. */
  let direct: number | undefined;
  let tried = false;
  let held = 0;
  let position = 0;

  /** Gives the first `count` bytes of the stage, whole blocks, to the file. */
  async function flush(count: number): Promise<void> {
    if (!tried) direct = await unlessRefused(async () => calls.open(path));
    tried = true;
    const bytes = stage.subarray(0, count);
    let written = 0;
    if (direct !== undefined) {
      const way = direct;
      const taken = await unlessRefused(() => calls.write(way, bytes, position));
      if (taken === undefined) closeDirect();
      written = taken ?? 0;
    }
    writeWhole(file, bytes.subarray(written), position + written);
    position += count;
    held = 0;
  }

  function closeDirect(): void {
    if (direct !== undefined) closeSync(direct);
    direct = undefined;
  }

  return {
    async append(bytes) {
      for (let taken = 0; taken < bytes.length; ) {
        const part = bytes.subarray(taken, taken + STAGE_SIZE - held);
        stage.set(part, held);
        held += part.length;
        taken += part.length;
        if (held === STAGE_SIZE) await flush(held);
      }
    },
    async finish() {
      const end = held;
      const whole = direct === undefined ? 0 : end - (end % BLOCK);
      if (whole > 0) await flush(whole);
      writeWhole(file, stage.subarray(whole, end), position);
    },
    close() {
      closeDirect();
      spare.push(stage);
    },
  };
}

const spare: Uint8Array[] = [];

/** Of the memories that JavaScript has, WebAssembly's begins at a page. */
function allocateStage(): Uint8Array | undefined {
  const { WebAssembly: api } = globalThis as {
    WebAssembly?: { Memory: new (pages: { initial: number; maximum: number }) => { buffer: ArrayBuffer } };
  };
  if (api === undefined || constants.O_DIRECT === undefined) return undefined;
  const pages = STAGE_SIZE >> 16;
  try {
    return new Uint8Array(new api.Memory({ initial: pages, maximum: pages }).buffer);
  } catch (error) {
    // It reserves far more addresses than it has bytes, which a limit may forbid (ulimit -v).
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Undefined where the file system has no such way; Node calls EOPNOTSUPP by its other name. */
async function unlessRefused<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}

/** Writes all of the bytes from `position` on, by way of the page cache. */
export function writeWhole(file: number, bytes: Uint8Array, position: number): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(file, bytes, written, bytes.length - written, position + written);
  }
}
