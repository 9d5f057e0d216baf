/**
 * A position in a tar archive that moves forward. The archive is read as one stream: reading through a member of 98 KB is
 * faster than starting a new request. Long members are skipped by a new request.
 */
import { InputError } from '../../core/errors.ts';
import type { ObjectStore } from '../../storage/store.ts';

/** Headers and members start at multiples of this many bytes. */
export const BLOCK = 512;
/** Bytes. A longer skip ends the stream and starts another one after the gap. */
const SKIP_LIMIT = 4 << 20;
/** Zeros after the end-of-archive marker: GNU tar pads to 10 KiB, other programs to a tape block. */
const PADDING_LIMIT = 1 << 20;

export class TarCursor {
  position = 0;
  readonly #store: ObjectStore;
  readonly #key: string;
  readonly #size: number;
  #stream: AsyncIterator<Uint8Array> | undefined;
  #chunk: Uint8Array = new Uint8Array(0);

  constructor(store: ObjectStore, key: string, size: number) {
    this.#store = store;
    this.#key = key;
    this.#size = size;
  }

  /** Reads the next `length` bytes. Throws InputError when the archive ends before. */
  async take(length: number, needed: string): Promise<Uint8Array> {
    const offset = this.position;
    if (offset + length > this.#size) throw this.#end(needed);
    const parts: Uint8Array[] = [];
    for (let missing = length; missing > 0; ) {
      if (this.#chunk.length === 0) await this.#refill(needed);
      const part = this.#chunk.subarray(0, missing);
      parts.push(part);
      missing -= part.length;
      this.#advance(part.length);
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  async skip(length: number): Promise<void> {
    if (length - this.#chunk.length > SKIP_LIMIT) {
      await this.close();
      this.position += length;
      return;
    }
    for (let missing = length; missing > 0; ) {
      if (this.#chunk.length === 0) await this.#refill('the rest of a member');
      const skipped = Math.min(missing, this.#chunk.length);
      missing -= skipped;
      this.#advance(skipped);
    }
  }

  async skipSparseMap(extended: boolean): Promise<void> {
    for (let more = extended; more; ) more = (await this.take(BLOCK, 'a sparse map'))[504] === 1;
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

  async close(): Promise<void> {
    await this.#stream?.return?.();
    this.#stream = undefined;
    this.#chunk = new Uint8Array(0);
  }

  async #refill(needed: string): Promise<void> {
    this.#stream ??= this.#store
      .stream(this.#key, { offset: this.position, length: this.#size - this.position })
      [Symbol.asyncIterator]();
    const { value, done } = await this.#stream.next();
    if (done) throw this.#end(needed);
    this.#chunk = value;
  }

  #advance(length: number): void {
    this.#chunk = this.#chunk.subarray(length);
    this.position += length;
  }

  #end(needed: string): InputError {
    return new InputError({ object: this.#key, offset: this.position, found: 'the end of the file', needed });
  }
}
