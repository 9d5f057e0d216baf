/**
 * A place in a tar archive that moves forward. The archive is read as one stream, since a member of 98 KB passes by
 * sooner than a new request starts; larger ones are hopped over.
 */
import { InputError } from '../../core/errors.ts';
import type { ObjectStore } from '../../storage/store.ts';

/** Headers and members start at multiples of this many bytes. */
export const BLOCK = 512;
/** The stream is left and another one started where the next header is farther away. */
const HOP_LENGTH = 4 << 20;
/** Zeros behind the end mark: GNU tar fills up to 10 KiB, others to a tape block. */
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

  /** The next bytes. Throws InputError when the archive ends before. */
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
    if (length - this.#chunk.length > HOP_LENGTH) {
      await this.close();
      this.position += length;
      return;
    }
    for (let missing = length; missing > 0; ) {
      if (this.#chunk.length === 0) await this.#refill('the rest of a member');
      const passed = Math.min(missing, this.#chunk.length);
      missing -= passed;
      this.#advance(passed);
    }
  }

  async skipSparseMap(extended: boolean): Promise<void> {
    for (let more = extended; more; ) more = (await this.take(BLOCK, 'a sparse map'))[504] === 1;
  }

  /** Behind the end mark, only zeros may follow: anything else would be lost in silence. */
  async expectPadding(): Promise<void> {
    const offset = this.position;
    const length = this.#size - offset;
    const rest = length > PADDING_LIMIT ? undefined : await this.take(length, 'padding');
    if (rest?.every((byte) => byte === 0)) return;
    const found = `${length} bytes behind the end mark`;
    const advice = 'Archives put one behind the other have to be unpacked first';
    throw new InputError({ object: this.#key, offset, found, needed: 'nothing but padding', advice });
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
