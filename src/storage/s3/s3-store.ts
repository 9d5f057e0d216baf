import { Readable } from 'node:stream';
import type {
  ListObjectsV2CommandOutput,
  PutObjectCommandInput,
  S3Client,
  S3ClientConfig,
} from '@aws-sdk/client-s3';
import { NotFoundError, PreconditionError, SettingError } from '../../core/errors.ts';
import {
  checkKey,
  checkPrefix,
  checkRange,
  compareKeys,
  describeKeyFault,
  keyFault,
  prefixFault,
  READ_LIMIT,
} from '../key.ts';
import { type RetryPolicy, retry } from '../retry.ts';
import type { ByteRange, ListOptions, ObjectInfo, ObjectStore, ReadOptions, WriteOptions } from '../store.ts';
import { openConnection, type S3Connection } from './s3-connection.ts';
import { explainS3Error, isWriteConflict } from './s3-errors.ts';
import { receiveObject } from './s3-reading.ts';

export interface S3StoreOptions {
  bucket: string;
  /** Prefix of all keys, with or without `/` at the end. Default: the whole bucket. */
  prefix?: string;
  /** Default: a client that is created at the first call. */
  client?: S3Client;
  /** Settings of the default client, which override this store's. */
  settings?: S3ClientConfig;
}

/** Bytes per part of a streamed write. S3 allows 10,000 parts: 78 GiB. Memory holds four parts. */
export const PART_SIZE = 8 * 1024 * 1024;
const PARTS_AT_ONCE = 4;

/** For a conditional write that meets a concurrent one. */
const WRITE_CONFLICT: RetryPolicy = { attempts: 5, pause: 200 };

/**
 * A prefix of an S3 bucket as an object store.
 *
 * Credentials, region, endpoint (AWS_ENDPOINT_URL) and retries (AWS_MAX_ATTEMPTS, AWS_RETRY_MODE) come from the
 * environment, as for every AWS tool. The SDK sends a CRC-32 with each write and verifies S3's CRC-32 on reads of whole
 * objects. It is loaded at the first call, since commands on folders don't need it.
 *
 * When the response to a conditional write is lost, the SDK's retry finds the object and this store throws
 * PreconditionError: the object may be the caller's own. So every writer of a create-only object must write the same bytes.
 */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  const Bucket = options.bucket;
  const folder = (options.prefix ?? '').replace(/\/$/, '');
  const fault = folder === '' ? undefined : keyFault(folder);
  if (fault !== undefined)
    throw new SettingError(`s3://${Bucket}/${options.prefix}: found ${fault} in the prefix. Correct it`);
  const start = folder === '' ? '' : `${folder}/`;
  const location = `s3://${Bucket}/${start}`;

  let connection: Promise<S3Connection> | undefined;
  function connect(): Promise<S3Connection> {
    connection ??= openConnection(options.client, options.settings);
    return connection;
  }

  function locate(key: string): string {
    checkKey(key);
    checkKey(start + key);
    return start + key;
  }

  async function head(key: string): Promise<ObjectInfo | undefined> {
    const Key = locate(key);
    const { sdk, client } = await connect();
    try {
      const { ContentLength, ETag } = await client.send(new sdk.HeadObjectCommand({ Bucket, Key }));
      return describe(key, ContentLength, ETag);
    } catch (error) {
      const explained = explainS3Error(error, 'read', location + key);
      if (explained instanceof NotFoundError) return undefined;
      throw explained;
    }
  }

  async function* receive(
    key: string,
    range: ByteRange | undefined,
    options: ReadOptions,
    limit: number,
  ): AsyncGenerator<Uint8Array> {
    checkRange(range);
    const source = { Bucket, Key: locate(key), name: location + key };
    // HTTP has no empty range, so only check that the object exists.
    if (range?.length !== 0) {
      yield* receiveObject(await connect(), source, range, options, limit);
      return;
    }
    const info = await head(key);
    if (info === undefined) throw new NotFoundError(source.name);
    if (options.ifMatch !== undefined && options.ifMatch !== info.etag) {
      throw new PreconditionError(source.name);
    }
  }

  /** Retries on a concurrent conditional write: its outcome is known a moment later. */
  async function put(input: PutObjectCommandInput): Promise<string | undefined> {
    const { sdk, client } = await connect();
    const send = () => client.send(new sdk.PutObjectCommand(input));
    return (await retry(WRITE_CONFLICT, isWriteConflict, send)).ETag;
  }

  async function upload(input: PutObjectCommandInput, body: Readable): Promise<string | undefined> {
    const [{ client }, { Upload }] = await Promise.all([connect(), import('@aws-sdk/lib-storage')]);
    const params = { ...input, Body: body };
    const { ETag } = await new Upload({
      client,
      params,
      partSize: PART_SIZE,
      queueSize: PARTS_AT_ONCE,
    }).done();
    return ETag;
  }

  async function* listPages(prefix: string, delimiter?: string): AsyncGenerator<ListObjectsV2CommandOutput> {
    const { sdk, client } = await connect();
    const input = { Bucket, Prefix: start + prefix, Delimiter: delimiter };
    try {
      yield* sdk.paginateListObjectsV2({ client }, input);
    } catch (error) {
      throw explainS3Error(error, 'list', location + prefix);
    }
  }

  function* describePage({ Contents = [] }: ListObjectsV2CommandOutput): Generator<ObjectInfo> {
    for (const { Key = '', Size, ETag } of Contents) {
      // Placeholders for folders, which the console and sync tools create.
      if (Key.endsWith('/') && Size === 0) continue;
      const key = Key.slice(start.length);
      const fault = keyFault(key);
      const info = describe(key, Size, ETag);
      yield fault === undefined ? info : { ...info, fault: describeKeyFault(fault) };
    }
  }

  /** A page's objects and common prefixes, which S3 returns as two lists, in key order. */
  async function* describeLevel(page: ListObjectsV2CommandOutput): AsyncGenerator<ObjectInfo> {
    const starts = (page.CommonPrefixes ?? []).map(({ Prefix = '' }) =>
      describe(Prefix.slice(start.length), 0, ''),
    );
    const entries = [...describePage(page), ...starts].sort((a, b) => compareKeys(a.key, b.key));
    for (const entry of entries) {
      if (!starts.includes(entry) || prefixFault(entry.key) === undefined) yield entry;
      // An invalid prefix can't be listed by the caller, so its objects are listed here.
      else for await (const inner of listPages(entry.key)) yield* describePage(inner);
    }
  }

  return {
    location,
    head,

    async *list(prefix: string, { delimiter, faults = false }: ListOptions = {}) {
      checkPrefix(prefix);
      for await (const page of listPages(prefix, delimiter)) {
        for await (const info of delimiter === undefined ? describePage(page) : describeLevel(page))
          if (faults || info.fault === undefined) yield info;
      }
    },

    async read(key: string, range?: ByteRange, options: ReadOptions = {}) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of receive(key, range, options, READ_LIMIT)) chunks.push(chunk);
      return joinChunks(chunks);
    },

    stream(key: string, range?: ByteRange, options: ReadOptions = {}) {
      return receive(key, range, options, Number.POSITIVE_INFINITY);
    },

    async write(key: string, bytes: Uint8Array | AsyncIterable<Uint8Array>, conditions: WriteOptions = {}) {
      const input: PutObjectCommandInput = { Bucket, Key: locate(key) };
      if (conditions.ifAbsent === true) input.IfNoneMatch = '*';
      if (conditions.ifMatch !== undefined) input.IfMatch = conditions.ifMatch;
      try {
        if (bytes instanceof Uint8Array) {
          return describe(key, bytes.length, await put({ ...input, Body: bytes }));
        }
        const counter = { size: 0 };
        const etag = await upload(input, Readable.from(copyChunks(bytes, counter), { objectMode: false }));
        return describe(key, counter.size, etag);
      } catch (error) {
        throw explainS3Error(error, 'write', location + key);
      }
    },

    async remove(key: string) {
      const Key = locate(key);
      const { sdk, client } = await connect();
      try {
        await client.send(new sdk.DeleteObjectCommand({ Bucket, Key }));
      } catch (error) {
        throw explainS3Error(error, 'remove', location + key);
      }
    },
  };
}

function describe(key: string, size: number | undefined, etag: string | undefined): ObjectInfo {
  return { key, size: size ?? 0, etag: etag ?? '' };
}

/** Copies the pieces: a producer may reuse its buffer while a part is still being sent. */
async function* copyChunks(
  chunks: AsyncIterable<Uint8Array>,
  counter: { size: number },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    counter.size += chunk.length;
    yield new Uint8Array(chunk);
  }
}

function joinChunks(chunks: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let position = 0;
  for (const chunk of chunks) {
    whole.set(chunk, position);
    position += chunk.length;
  }
  return whole;
}
