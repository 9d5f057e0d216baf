import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

/** A parser, and files that it accepts; changed copies of these are its inputs. */
export interface Target<Value = unknown> {
  name: string;
  /** Small files that the parser accepts. */
  seeds: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** The format is text: changes also insert words with a meaning for text parsers. */
  text?: boolean;
  /** Parses the bytes. Throws a ChirplineError to refuse them. */
  parse(bytes: Uint8Array): Value | Promise<Value>;
  /** Throws when the value is wrong. `original` is the seed's value; an accepted file with checksums must have the same value. */
  check?(value: Value, original: Value): void | Promise<void>;
}

/** A target without its type parameter. */
export interface Checked {
  name: string;
  text: boolean;
  seeds(): Promise<readonly Uint8Array[]>;
  /** Parses a changed seed, and checks the value. */
  run(bytes: Uint8Array, seed: Uint8Array): Promise<void>;
}

export function target<Value>({ name, text = false, seeds, parse, check }: Target<Value>): Checked {
  let made: Promise<readonly Uint8Array[]> | undefined;
  const originals = new Map<Uint8Array, Promise<Value>>();

  function original(seed: Uint8Array): Promise<Value> {
    const known = originals.get(seed);
    if (known !== undefined) return known;
    const parsed = Promise.resolve(parse(seed));
    originals.set(seed, parsed);
    return parsed;
  }

  return {
    name,
    text,
    seeds() {
      made ??= Promise.resolve(seeds());
      return made;
    },
    async run(bytes, seed) {
      const value = await parse(bytes);
      await check?.(value, await original(seed));
    },
  };
}

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
export const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** MD5 of values that are too long to be compared, or shown, in full. */
export function digest({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return createHash('md5')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex');
}

/** Fails unless the value survived a round trip through JSON, which has no -0. */
export function assertKept(again: unknown, value: unknown): void {
  assert.deepEqual(again, withoutSigns(value));
}

function withoutSigns(value: unknown): unknown {
  if (value === 0) return 0;
  if (Array.isArray(value)) return value.map(withoutSigns);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutSigns(inner)]));
}
