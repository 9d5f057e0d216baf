/**
 * The object store: what the steps know of a bucket or a folder.
 *
 * Keys are relative to the store's location, use `/`, and never start with one. Every write is atomic: a reader
 * sees the whole object or none of it, and a killed writer leaves nothing under the final key.
 */
export interface ObjectInfo {
  key: string;
  /** Bytes. */
  size: number;
  /** Changes whenever the bytes may have changed. Opaque. */
  etag: string;
  /** Why this is no object that can be read, as `found X, needed Y`. Only in listings that ask for faults. */
  fault?: string;
}

export interface ListOptions {
  /**
   * Also list what is no object that can be read, each with its fault: in a folder, links to nothing, pipes, empty
   * folders (their keys end in `/`), and names that aren't UTF-8; in a bucket, keys that are none of this store's. Default
   * false: they are left out.
   */
  faults?: boolean;
}

export interface ByteRange {
  /** First byte. */
  offset: number;
  /** Bytes wanted; a range past the end of the object yields what is there (an empty one if nothing is). */
  length: number;
}

export interface ReadOptions {
  /** Read only the object with this etag; throws PreconditionError when it is another one by now. */
  ifMatch?: string | undefined;
}

export interface WriteOptions {
  /** Write only if no object has the key; otherwise throws PreconditionError. */
  ifAbsent?: boolean;
  /** Write only over the object with this etag; otherwise throws PreconditionError. */
  ifMatch?: string;
  /** The bytes, in pieces, won't be read soon: a store need not keep them in a cache. Default false. */
  uncached?: boolean;
}

export interface ObjectStore {
  /** Stands before a key in messages, and opens the same store again: `s3://bucket/prefix/` or `/path/`. */
  readonly location: string;
  /** The file of this machine that an object lies in, for readers that aren't ours. Only where there is one. */
  path?(key: string): string;
  /** Undefined when there is no such object. */
  head(key: string): Promise<ObjectInfo | undefined>;
  /** Every object whose key starts with the prefix, in ascending order of the key's UTF-8 bytes, streamed. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>;
  /** The whole of `list`, of a store that has `readSync`. */
  listSync?(prefix: string, options?: ListOptions): ObjectInfo[];
  /**
   * Of the same list, faults included, the objects that have no `/` behind the prefix and, in place of all others, the start up to that `/`
   * that they share, once each.
   */
  listLevel(prefix: string): AsyncIterable<ObjectInfo | string>;
  /**
   * The object's bytes. The caller owns them. Throws NotFoundError, or PreconditionError by the options.
   *
   * @param options.memory where the bytes may be put, to save allocating new memory; a store needn't.
   */
  read(
    key: string,
    range?: ByteRange,
    options?: ReadOptions & { memory?: Uint8Array | undefined },
  ): Promise<Uint8Array>;
  /** `read` without a promise, of a store where nothing is gained by doing something else meanwhile. */
  readSync?(
    key: string,
    range?: ByteRange,
    options?: ReadOptions & { memory?: Uint8Array | undefined },
  ): Uint8Array;
  /** The object's bytes as they arrive, for what is too large to hold. Throws as `read` does. */
  stream(key: string, range?: ByteRange, options?: ReadOptions): AsyncIterable<Uint8Array>;
  /** True where an object that comes in pieces is written as they come, at no other cost than in one. */
  readonly takesPieces?: boolean;
  /** Throws PreconditionError, or MachineError when the disk is full or the location isn't writable. */
  write(
    key: string,
    bytes: Uint8Array | AsyncIterable<Uint8Array>,
    options?: WriteOptions,
  ): Promise<ObjectInfo>;
  /** No error when there is no such object. */
  remove(key: string): Promise<void>;
}
