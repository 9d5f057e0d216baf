/** A position in a tar archive that moves forward. */
import { InputError } from '../../core/errors.ts';
import type { ObjectStore } from '../../storage/store.ts';

/** Headers and members start at multiples of this many bytes. */
export const BLOCK = 512;
/** Bytes per read, in which 80 samples are skipped: far faster than a request for each header. */
const WINDOW = 8 << 20;
/** Zeros after the end-of-archive marker: GNU tar pads to 10 KiB, other programs to a tape block. */
const PADDING_LIMIT = 1 << 20;

export class TarCursor {
  position = 0;
  readonly #store: ObjectStore;
  readonly #key: string;
  readonly #size: number;
  /** The bytes that were read last, from offset `#start` on. */
  #window: Uint8Array = new Uint8Array(0);
  #start = 0;

  constructor(store: ObjectStore, key: string, size: number) {
    this.#store = store;
    this.#key = key;
    this.#size = size;
  }

  /** Reads the next `length` bytes, at most WINDOW. Throws InputError when the archive ends before. */
  async take(length: number, needed: string): Promise<Uint8Array> {
    const offset = this.position;
    const end = offset + length;
    if (end <= this.#size && end > this.#start + this.#window.length) {
      this.#window = await this.#store.read(this.#key, { offset, length: WINDOW });
      this.#start = offset;
    }
    if (end > Math.min(this.#size, this.#start + this.#window.length)) {
      throw new InputError({ object: this.#key, offset, found: 'the end of the file', needed });
    }
    this.position = end;
    return this.#window.subarray(offset - this.#start, end - this.#start);
  }

  skip(length: number): void {
    this.position += length;
  }

  /** Checks that only zeros follow the end-of-archive marker: anything else would be lost silently. */
  async expectPadding(): Promise<void> {
    const offset = this.position;
    const length = this.#size - offset;
    const rest = length > PADDING_LIMIT ? undefined : await this.take(length, 'padding');
    if (rest?.every((byte) => byte === 0)) return;
    const found = `${length} bytes after the end-of-archive marker`;
    const advice = 'Unpack concatenated archives first';
    throw new InputError({ object: this.#key, offset, found, needed: 'only padding', advice });
  }
}
