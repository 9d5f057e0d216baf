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
  /** In place of the objects that have a `/` behind the prefix, the start up to it that they share, once each: its key ends in `/`. */
  delimiter?: '/';
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

/** Without promises, since nothing is gained by doing something else while a page cache answers. */
export interface LocalFolder {
  /** The file that the object lies in, for readers that aren't ours. */
  path(key: string): string;
  /** The whole of the store's `list`, faults included. */
  list(prefix: string): ObjectInfo[];
  /**
   * The start of an object, as much of it as the memory holds; mostly a part of the memory. Throws as `read` does.
   *
   * @param ifMatch as of ReadOptions.
   */
  readInto(key: string, memory: Uint8Array, ifMatch?: string): Uint8Array;
}

export interface ObjectStore {
  /** Stands before a key in messages, and opens the same store again: `s3://bucket/prefix/` or `/path/`. */
  readonly location: string;
  /** What can be done besides where the objects are files of this machine. Such a store also writes pieces as they come. */
  readonly folder?: LocalFolder;
  /** Undefined when there is no such object. */
  head(key: string): Promise<ObjectInfo | undefined>;
  /** Every object whose key starts with the prefix, in ascending order of the key's UTF-8 bytes, streamed. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>;
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
  /** The object's bytes as they arrive, for what is too large to hold. Throws as `read` does. */
  stream(key: string, range?: ByteRange, options?: ReadOptions): AsyncIterable<Uint8Array>;
  /** Throws PreconditionError, or MachineError when the disk is full or the location isn't writable. */
  write(
    key: string,
    bytes: Uint8Array | AsyncIterable<Uint8Array>,
    options?: WriteOptions,
  ): Promise<ObjectInfo>;
  /** No error when there is no such object. */
  remove(key: string): Promise<void>;
}
