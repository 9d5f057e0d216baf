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
  /** Start of all keys, with or without `/` at the end; default: the whole bucket. */
  prefix?: string;
  /** A client to use; without it one is made at the first call. */
  client?: S3Client;
  /** Settings of that client, over this store's own. */
  settings?: S3ClientConfig;
}

/** Bytes of one part of a streamed write; at most 10,000 parts make 78 GiB, and four are in memory at a time. */
export const PART_SIZE = 8 * 1024 * 1024;
const PARTS_AT_ONCE = 4;

/** While another conditional write is under way. */
const WRITE_CONFLICT: RetryPolicy = { attempts: 5, pause: 200 };

/**
 * A prefix of an S3 bucket as an object store.
 *
 * Credentials, region, endpoint (AWS_ENDPOINT_URL) and retries (AWS_MAX_ATTEMPTS, AWS_RETRY_MODE) are found as by
 * every AWS tool. The SDK sends a CRC-32 with each write and checks S3's own on reads of whole objects. It is loaded
 * at the first call, since commands on folders don't need it.
 *
 * When the answer to a conditional write got lost, the SDK's retry finds the object there and PreconditionError is
 * thrown: the object may be the caller's own. What is written create-only must thus be the same whoever writes it.
 */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  const Bucket = options.bucket;
  const folder = (options.prefix ?? '').replace(/\/$/, '');
  const fault = folder === '' ? undefined : keyFault(folder);
  if (fault !== undefined) throw new SettingError(`s3://${Bucket}/${options.prefix}: ${fault} in the prefix`);
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
    // HTTP has no empty range.
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

  /** S3 answers that another conditional write is under way; whether it succeeds is known a moment later. */
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
      // Consoles and sync tools make empty objects that stand for folders.
      if (Key.endsWith('/') && Size === 0) continue;
      const key = Key.slice(start.length);
      const fault = keyFault(key);
      const info = describe(key, Size, ETag);
      yield fault === undefined ? info : { ...info, fault: describeKeyFault(fault) };
    }
  }

  /** A page's objects and starts, which it has in lists of their own. */
  async function* describeLevel(page: ListObjectsV2CommandOutput): AsyncGenerator<ObjectInfo> {
    const starts = (page.CommonPrefixes ?? []).map(({ Prefix = '' }) =>
      describe(Prefix.slice(start.length), 0, ''),
    );
    const entries = [...describePage(page), ...starts].sort((a, b) => compareKeys(a.key, b.key));
    for (const entry of entries) {
      if (!starts.includes(entry) || prefixFault(entry.key) === undefined) yield entry;
      // No prefix can lead to what lies under a start that is none: it is listed in its place.
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

/** The chunks' copies, since parts are sent while a producer may already use its buffer again. */
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
