/** A bucket in memory: S3's etags and conditions, and listings in pages, each true at its own moment. */
import { createHash } from 'node:crypto';
import { NotFoundError, PreconditionError } from '../../src/core/errors.ts';
import { checkKey, clipRange, compareKeys } from '../../src/storage/key.ts';
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  ReadOptions,
  WriteOptions,
} from '../../src/storage/store.ts';
import { OwnPrecondition, type World } from './world.ts';

const PAGE = 4;

export interface Bucket extends ObjectStore {
  /** The current objects, without a call. */
  readonly objects: ReadonlyMap<string, { bytes: Uint8Array; etag: string }>;
  /** Called after each write. */
  onWrite?: (key: string) => void;
}

export function createBucket(world: World, name: string): Bucket {
  const objects = new Map<string, { bytes: Uint8Array; etag: string }>();
  const location = `s3://b/${name}/`;
  const describe = (key: string): ObjectInfo | undefined => {
    const object = objects.get(key);
    return object && { key, size: object.bytes.length, etag: object.etag };
  };

  function find(key: string, { ifMatch }: ReadOptions) {
    const object = objects.get(key);
    if (object === undefined) throw new NotFoundError(location + key);
    if (ifMatch !== undefined && ifMatch !== object.etag) throw new PreconditionError(location + key);
    return object;
  }

  function put(key: string, bytes: Uint8Array, { ifAbsent, ifMatch }: WriteOptions): ObjectInfo {
    checkKey(key);
    const old = objects.get(key);
    if (ifAbsent === true && old !== undefined) throw new PreconditionError(location + key);
    if (ifMatch !== undefined && old?.etag !== ifMatch) throw new PreconditionError(location + key);
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
    objects.set(key, { bytes: new Uint8Array(bytes), etag });
    bucket.onWrite?.(key);
    return describe(key)!;
  }

  const sorted = (prefix: string) =>
    [...objects.keys()].filter((key) => key.startsWith(prefix)).sort(compareKeys);

  const read = (key: string, range?: ByteRange, options: ReadOptions = {}) =>
    world.call(
      `read ${name}/${key}`,
      () => {
        const { bytes } = find(key, options);
        const { offset, length } = clipRange(bytes.length, range);
        return bytes.slice(offset, offset + length);
      },
      false,
      false,
    );

  async function* listLevel(prefix: string): AsyncGenerator<ObjectInfo> {
    const entries = await world.call(
      `list ${name}/${prefix}`,
      () => {
        const level = new Map<string, ObjectInfo>();
        for (const key of sorted(prefix)) {
          const slash = key.indexOf('/', prefix.length);
          const start = key.slice(0, slash + 1);
          if (slash < 0) level.set(key, describe(key)!);
          else level.set(start, { key: start, size: 0, etag: '' });
        }
        return [...level.values()];
      },
      false,
      false,
    );
    yield* entries;
  }

  const bucket: Bucket = {
    objects,
    location,
    head: (key) => world.call(`head ${name}/${key}`, () => describe(key), false, false),
    async *list(prefix, { delimiter } = {}) {
      if (delimiter !== undefined) {
        yield* listLevel(prefix);
        return;
      }
      for (let last: string | undefined; ; ) {
        const page = await world.call(
          `list ${name}/${prefix}`,
          () =>
            sorted(prefix)
              .filter((key) => last === undefined || compareKeys(key, last) > 0)
              .slice(0, PAGE)
              .map((key) => describe(key)!),
          false,
          false,
        );
        yield* page;
        if (page.length < PAGE) return;
        last = page.at(-1)!.key;
      }
    },
    read,
    async *stream(key, range, options) {
      yield await read(key, range, options);
    },
    async write(key, bytes, options = {}) {
      const parts: Uint8Array[] = [];
      if (bytes instanceof Uint8Array) parts.push(bytes);
      else for await (const part of bytes) parts.push(new Uint8Array(part));
      const conditional = options.ifAbsent === true || options.ifMatch !== undefined;
      const what = `write ${name}/${key}${options.ifAbsent ? ' if absent' : options.ifMatch ? ' if same' : ''}`;
      try {
        return await world.call(what, () => put(key, Buffer.concat(parts), options), conditional, true);
      } catch (error) {
        if (error instanceof OwnPrecondition) throw new PreconditionError(location + key);
        throw error;
      }
    },
    async remove(key) {
      await world.call(`remove ${name}/${key}`, () => objects.delete(key), false, true);
    },
  };
  return bucket;
}
