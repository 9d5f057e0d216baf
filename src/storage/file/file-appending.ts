/** Fills a new file piece by piece, through the page cache or bypassing it. */
import { closeSync, constants, openSync, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { systemCode } from './file-errors.ts';

export interface Appender {
  append(bytes: Uint8Array): Promise<void>;
  /** Writes the bytes that are still buffered. */
  finish(): Promise<void>;
  /** Must be called after errors too. The file itself stays open. */
  close(): void;
}

/** Appends to an empty file through the page cache. `file` is its descriptor. Throws the errors of the system calls. */
export function createAppender(file: number): Appender {
  let position = 0;
  return {
    // Synchronous, like the reads of file-store.ts: the thread pool would cost a turn of the event loop per piece.
    async append(bytes) {
      writeWhole(file, bytes, position);
      position += bytes.length;
    },
    async finish() {},
    close() {},
  };
}

/** The system calls that bypass the page cache (O_DIRECT). Tests replace them. */
export interface DirectCalls {
  open(path: string): number;
  /** Resolves to the number of bytes written. */
  write(file: number, bytes: Uint8Array, position: number): Promise<number>;
}

const writeAt = promisify(write);

const DIRECT_CALLS: DirectCalls = {
  open: (path) => openSync(path, constants.O_WRONLY | constants.O_DIRECT),
  write: async (file, bytes, position) =>
    (await writeAt(file, bytes, 0, bytes.length, position)).bytesWritten,
};

/** Bytes per write. */
const BUFFER_SIZE = 2 << 20;
/** A multiple of most disks' block size. A disk with larger blocks refuses O_DIRECT and is written through the cache. */
const BLOCK = 4096;

/**
 * Like createAppender, but bypasses the page cache, for bytes that won't be read soon. The file is synced before it gets its
 * name anyway. New pages would cost three times the CPU time of the disk's own copying, and evict files that are being
 * read. In return, the first reader reads from the disk. O_DIRECT takes only whole blocks from page-aligned memory; the
 * rest, and everything where O_DIRECT is not supported, goes through the page cache.
 *
 * @param path of the file, which is opened a second time.
 */
export function createDirectAppender(file: number, path: string, calls = DIRECT_CALLS): Appender {
  const memory = spare.pop() ?? allocateBuffer();
  if (memory === undefined) return createAppender(file);
  const buffer = memory;
  /** Descriptor opened with O_DIRECT, from the first full buffer on, unless the file system refuses. */
  let direct: number | undefined;
  let tried = false;
  let held = 0;
  let position = 0;

  /** Writes the first `count` bytes of the buffer, which are whole blocks. */
  async function flush(count: number): Promise<void> {
    if (!tried) direct = await ifSupported(async () => calls.open(path));
    tried = true;
    const bytes = buffer.subarray(0, count);
    let written = 0;
    if (direct !== undefined) {
      const descriptor = direct;
      const taken = await ifSupported(() => calls.write(descriptor, bytes, position));
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
        const part = bytes.subarray(taken, taken + BUFFER_SIZE - held);
        buffer.set(part, held);
        held += part.length;
        taken += part.length;
        if (held === BUFFER_SIZE) await flush(held);
      }
    },
    async finish() {
      const end = held;
      const whole = direct === undefined ? 0 : end - (end % BLOCK);
      if (whole > 0) await flush(whole);
      writeWhole(file, buffer.subarray(whole, end), position);
    },
    close() {
      closeDirect();
      spare.push(buffer);
    },
  };
}

/** Buffers to reuse. */
const spare: Uint8Array[] = [];

/** WebAssembly memory is the only page-aligned memory in JavaScript. */
function allocateBuffer(): Uint8Array | undefined {
  const { WebAssembly: api } = globalThis as {
    WebAssembly?: { Memory: new (pages: { initial: number; maximum: number }) => { buffer: ArrayBuffer } };
  };
  if (api === undefined || constants.O_DIRECT === undefined) return undefined;
  const pages = BUFFER_SIZE >> 16;
  try {
    return new Uint8Array(new api.Memory({ initial: pages, maximum: pages }).buffer);
  } catch (error) {
    // WebAssembly reserves far more address space than it uses, which a limit may forbid (ulimit -v).
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Undefined where the file system does not support O_DIRECT. Node reports EOPNOTSUPP under its other name, ENOTSUP. */
async function ifSupported<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}

/** Writes all bytes at `position`, through the page cache. */
export function writeWhole(file: number, bytes: Uint8Array, position: number): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(file, bytes, written, bytes.length - written, position + written);
  }
}
