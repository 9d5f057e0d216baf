/** JSON documents that chirpline wrote. They are checked like any other input when read back. */
import * as v from 'valibot';
import { refuseDisguise } from '../core/disguise.ts';
import { InputError, NotFoundError } from '../core/errors.ts';
import type { ObjectStore } from './store.ts';

/** Checks the document against the schema. Throws InputError that names the object and the first wrong key. */
export function parseJson<T>(
  bytes: Uint8Array,
  object: string,
  schema: v.GenericSchema<unknown, T>,
  advice?: string,
): T {
  const refuse = (found: string, needed = 'a document that chirpline wrote', cause?: unknown) =>
    new InputError({ object, found, needed, ...(advice !== undefined && { advice }) }, { cause });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes), (_key, part) => {
      // JSON.parse reads 1e999 as Infinity, which JSON.stringify would write as null.
      if (typeof part !== 'number' || Number.isFinite(part)) return part;
      throw new RangeError('a number outside the range of float64');
    });
  } catch (cause) {
    refuseDisguise(bytes, object, 'a JSON document');
    throw refuse(cause instanceof RangeError ? cause.message : 'invalid JSON', undefined, cause);
  }
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const received = issue.received === 'undefined' ? 'nothing' : issue.received.slice(0, 100);
  // A version, for example: the value itself says what to do.
  const closed = issue.type === 'literal' || issue.type === 'picklist';
  const needed = closed ? (issue.expected ?? undefined) : undefined;
  throw refuse(`${received} as ${v.getDotPath(issue) ?? 'the document'}`, needed);
}

const OTHER_VERSION = 'If another version of chirpline made it, remove the folder and run again';

/** Throws NotFoundError when the object is missing, InputError when it is broken. */
export async function readJson<T>(
  store: ObjectStore,
  key: string,
  schema: v.GenericSchema<unknown, T>,
): Promise<T> {
  return parseJson(await store.read(key), `${store.location}${key}`, schema, OTHER_VERSION);
}

/** Like readJson; undefined when the object is missing. */
export async function readJsonIfPresent<T>(
  store: ObjectStore,
  key: string,
  schema: v.GenericSchema<unknown, T>,
): Promise<T | undefined> {
  const bytes = await readIfPresent(store, key);
  return bytes && parseJson(bytes, `${store.location}${key}`, schema, OTHER_VERSION);
}

/** The object's bytes; undefined when the object is missing. */
export async function readIfPresent(store: ObjectStore, key: string): Promise<Uint8Array | undefined> {
  try {
    return await store.read(key);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value)}\n`);
}
