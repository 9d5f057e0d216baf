import { NotFoundError, PreconditionError } from '../../src/core/errors.ts';
import { checkKey, checkPrefix, checkRange, clipRange, compareKeys } from '../../src/storage/key.ts';
import type {
  ByteRange,
  ListOptions,
  ObjectInfo,
  ObjectStore,
  ReadOptions,
  WriteOptions,
} from '../../src/storage/store.ts';

interface StoredObject {
  bytes: Uint8Array;
  etag: string;
}

/** Small, so that stream consumers meet chunk boundaries in the middle of their data. */
const CHUNK_SIZE = 64 * 1024;

/** A store in this process's memory. */
export function createMemoryStore(): ObjectStore {
  const objects = new Map<string, StoredObject>();
  const location = 'memory:';
  let version = 0;

  function find(key: string, { ifMatch }: ReadOptions): StoredObject {
    checkKey(key);
    const object = objects.get(key);
    if (object === undefined) throw new NotFoundError(location + key);
    if (ifMatch !== undefined && ifMatch !== object.etag) throw new PreconditionError(location + key);
    return object;
  }

  function describe(key: string, object: StoredObject): ObjectInfo {
    return { key, size: object.bytes.length, etag: object.etag };
  }

  async function* list(prefix: string, { delimiter }: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    checkPrefix(prefix);
    let last = '';
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort(compareKeys);
    for (const key of keys) {
      const end = delimiter === undefined ? 0 : key.indexOf(delimiter, prefix.length) + 1;
      if (end > 0) {
        const start = key.slice(0, end);
        if (start !== last) yield { key: start, size: 0, etag: '' };
        last = start;
        continue;
      }
      const object = objects.get(key);
      if (object !== undefined) yield describe(key, object);
    }
  }

  return {
    location,

    async head(key: string) {
      checkKey(key);
      const object = objects.get(key);
      return object && describe(key, object);
    },

    list,

    async read(key: string, range?: ByteRange, options: ReadOptions = {}) {
      checkRange(range);
      const { bytes } = find(key, options);
      const { offset, length } = clipRange(bytes.length, range);
      return bytes.slice(offset, offset + length);
    },

    async *stream(key: string, range?: ByteRange, options: ReadOptions = {}) {
      checkRange(range);
      const { bytes } = find(key, options);
      const { offset, length } = clipRange(bytes.length, range);
      for (let start = offset; start < offset + length; start += CHUNK_SIZE) {
        yield bytes.slice(start, Math.min(start + CHUNK_SIZE, offset + length));
      }
    },

    async write(key: string, bytes: Uint8Array | AsyncIterable<Uint8Array>, options: WriteOptions = {}) {
      checkKey(key);
      const whole = bytes instanceof Uint8Array ? new Uint8Array(bytes) : await collect(bytes);
      const old = objects.get(key);
      if (options.ifAbsent === true && old !== undefined) throw new PreconditionError(location + key);
      if (options.ifMatch !== undefined && old?.etag !== options.ifMatch) {
        throw new PreconditionError(location + key);
      }
      version += 1;
      const object = { bytes: whole, etag: String(version) };
      objects.set(key, object);
      return describe(key, object);
    },

    async remove(key: string) {
      checkKey(key);
      objects.delete(key);
    },
  };
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  // Copied, since a producer may reuse its buffer for the next chunk.
  for await (const chunk of chunks) parts.push(new Uint8Array(chunk));
  return new Uint8Array(Buffer.concat(parts));
}
