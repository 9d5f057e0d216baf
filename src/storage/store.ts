/**
 * The object store: the interface through which the steps use a bucket or a folder.
 *
 * Keys are relative to the store's location, use `/`, and never start with one. Every write is atomic: a reader
 * sees the whole object or nothing, and a killed writer leaves nothing under the final key.
 */
export interface ObjectInfo {
  key: string;
  /** Bytes. */
  size: number;
  /** Opaque. Changes whenever the bytes may have changed. */
  etag: string;
  /** Why the entry can't be read as an object, as `found X, needed Y`. Only in listings that ask for faults. */
  fault?: string;
}

export interface ListOptions {
  /** Group the keys that have a `/` after the prefix: one entry for each common start, up to and including that `/`. */
  delimiter?: '/';
  /**
   * Also list entries that can't be read as objects, each with its fault. In a folder these are links to no file, pipes,
   * empty folders (their keys end in `/`) and names that aren't UTF-8; in a bucket, keys that are invalid in this store.
   * Default false: they are left out.
   */
  faults?: boolean;
}

export interface ByteRange {
  offset: number;
  /** Bytes. A range is cut at the end of the object; a range beyond the end is empty. */
  length: number;
}

export interface ReadOptions {
  /** Read only the version with this etag; throws PreconditionError when the object was overwritten. */
  ifMatch?: string | undefined;
}

export interface WriteOptions {
  /** Write only if no object has the key; otherwise throws PreconditionError. */
  ifAbsent?: boolean;
  /** Overwrite only the version with this etag; otherwise throws PreconditionError. */
  ifMatch?: string;
  /** The bytes won't be read soon, so the store need not cache them. Only for streamed writes. Default false. */
  uncached?: boolean;
}

/** Synchronous: the page cache answers faster than the event loop could do other work. */
export interface LocalFolder {
  /** Path of the object's file, for external readers. */
  path(key: string): string;
  /**
   * Reads the start of an object, at most as many bytes as `memory` holds. The result is usually a view of `memory`.
   * Throws as `read` does.
   *
   * @param ifMatch see ReadOptions.
   */
  readInto(key: string, memory: Uint8Array, ifMatch?: string): Uint8Array;
}

export interface ObjectStore {
  /** `s3://bucket/prefix/` or `/path/`. Precedes the key in messages; openStore opens the same store from it. */
  readonly location: string;
  /** Extra operations of a store whose objects are local files. Such a store also writes the pieces of a stream as they come. */
  readonly folder?: LocalFolder;
  /** Undefined when the object is missing. */
  head(key: string): Promise<ObjectInfo | undefined>;
  /** Every object whose key starts with the prefix, in ascending order of the key's UTF-8 bytes, streamed. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>;
  /**
   * The object's bytes. The caller owns them. Throws NotFoundError, or PreconditionError when `ifMatch` doesn't hold.
   *
   * @param options.memory a buffer that the store may use instead of allocating one.
   */
  read(
    key: string,
    range?: ByteRange,
    options?: ReadOptions & { memory?: Uint8Array | undefined },
  ): Promise<Uint8Array>;
  /** The object's bytes as they arrive, for objects that don't fit into memory. Throws as `read` does. */
  stream(key: string, range?: ByteRange, options?: ReadOptions): AsyncIterable<Uint8Array>;
  /** Throws PreconditionError, or MachineError when the disk is full or the location isn't writable. */
  write(
    key: string,
    bytes: Uint8Array | AsyncIterable<Uint8Array>,
    options?: WriteOptions,
  ): Promise<ObjectInfo>;
  /** No error when the object is missing. */
  remove(key: string): Promise<void>;
}
