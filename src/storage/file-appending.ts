/**
 * Filling a new file with bytes that nobody will read soon: past the page cache, where the system has a way (O_DIRECT). New
 * pages for them cost a processor three times what the disk's own copying does, and would drive out the files that are being
 * read. Only whole blocks of a file can go that way, from memory that lies on a page's border; the rest goes the usual one.
 */
import { closeSync, constants, openSync, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { systemCode } from './file-errors.ts';

/** Bytes that are written at a time. */
const STAGE_SIZE = 2 << 20;
/** A multiple of every disk's blocks. */
const BLOCK = 4096;

export interface Appender {
  append(bytes: Uint8Array): Promise<void>;
  /** Writes what is still held. */
  finish(): Promise<void>;
  /** To be called in any case; the file itself stays open. */
  close(): void;
}

/** Appends to the empty file at `path` that is open for writing as `file`. Throws what the system calls throw. */
export function createAppender(file: number, path: string): Appender {
  const stage = spare.pop() ?? allocateStage();
  /** The file once more, opened the direct way, from the first full stage on and as long as the file system takes that. */
  let direct: number | undefined;
  let tried = false;
  let held = 0;
  let position = 0;

  /** Gives the first `count` bytes of the stage, whole blocks, to the file. */
  async function flush(memory: Uint8Array, count: number): Promise<void> {
    if (!tried) direct = openDirect(path);
    tried = true;
    const written = direct === undefined ? 0 : await writeDirect(direct, memory, count, position);
    if (written === undefined) closeDirect();
    const rest = memory.subarray(written ?? 0, count);
    writeWhole(file, rest, position + count - rest.length);
    position += count;
    held = 0;
  }

  function closeDirect(): void {
    if (direct !== undefined) closeSync(direct);
    direct = undefined;
  }

  return {
    async append(bytes) {
      if (stage === undefined) {
        writeWhole(file, bytes, position);
        position += bytes.length;
        return;
      }
      for (let taken = 0; taken < bytes.length; ) {
        const part = bytes.subarray(taken, taken + STAGE_SIZE - held);
        stage.set(part, held);
        held += part.length;
        taken += part.length;
        if (held === STAGE_SIZE) await flush(stage, held);
      }
    },
    async finish() {
      if (stage === undefined) return;
      const end = held;
      const whole = direct === undefined ? 0 : end - (end % BLOCK);
      if (whole > 0) await flush(stage, whole);
      writeWhole(file, stage.subarray(whole, end), position);
    },
    close() {
      closeDirect();
      if (stage !== undefined) spare.push(stage);
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
  return new Uint8Array(new api.Memory({ initial: pages, maximum: pages }).buffer);
}

/** Undefined where the file system has no such way. */
function openDirect(path: string): number | undefined {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_DIRECT);
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

const writeAt = promisify(write);

/** How many bytes were written; undefined when the file system takes none that way. */
async function writeDirect(
  file: number,
  memory: Uint8Array,
  count: number,
  position: number,
): Promise<number | undefined> {
  try {
    return (await writeAt(file, memory, 0, count, position)).bytesWritten;
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

function isRefusal(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'EINVAL' || code === 'EOPNOTSUPP';
}

/** Writes all of the bytes from `position` on, through the page cache. */
export function writeWhole(file: number, bytes: Uint8Array, position: number): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(file, bytes, written, bytes.length - written, position + written);
  }
}
