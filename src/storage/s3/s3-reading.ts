import { Readable } from 'node:stream';
import type { GetObjectCommandInput } from '@aws-sdk/client-s3';
import { checkReadLength } from '../key.ts';
import { backOff } from '../retry.ts';
import type { ByteRange, ReadOptions } from '../store.ts';
import type { S3Connection } from './s3-connection.ts';
import { explainS3Error, httpStatus, isConnectionError } from './s3-errors.ts';

/** How often in a row a read may be cut off without a byte in between. */
const ATTEMPTS = 5;
/** See retry.ts [ms]. Not by `retry`: it resumes, and what has arrived is handed on meanwhile. */
const PAUSE = 200;

/**
 * The bytes of an object, or of a range that is not empty, as they arrive. The SDK tries again when a request
 * fails; when the connection is cut within an answer, this resumes at the byte where it was, if it still is the same
 * object (else PreconditionError, as when it isn't the one that was asked for). InputError when an answer is longer than the limit [bytes].
 */
export async function* receiveObject(
  { sdk, client }: S3Connection,
  source: { Bucket: string; Key: string; name: string },
  range: ByteRange | undefined,
  { ifMatch }: ReadOptions,
  limit: number,
): AsyncGenerator<Uint8Array> {
  const { name, ...input }: { name: string } & GetObjectCommandInput = source;
  const end = range === undefined ? Number.POSITIVE_INFINITY : range.offset + range.length;
  let position = range?.offset ?? 0;
  let failures = 0;
  if (ifMatch !== undefined) input.IfMatch = ifMatch;
  while (position < end) {
    let answered = false;
    try {
      // Not for whole objects: S3 sends their checksum, which the SDK then checks.
      if (range !== undefined || position > 0) {
        input.Range = `bytes=${position}-${range === undefined ? '' : end - 1}`;
      }
      const { Body, ContentLength, ETag } = await client.send(new sdk.GetObjectCommand(input));
      answered = true;
      if (!(Body instanceof Readable)) throw new TypeError('the body of an answer is no stream');
      if (ContentLength !== undefined && ContentLength > limit) {
        Body.destroy();
        checkReadLength(name, ContentLength);
      }
      input.IfMatch = ETag;
      for await (const chunk of Body) {
        position += chunk.length;
        failures = 0;
        yield chunk;
      }
      return;
    } catch (error) {
      // A range that starts at the end of the object or behind it.
      if (httpStatus(error) === 416) return;
      failures += 1;
      if (!answered || failures === ATTEMPTS || !isConnectionError(error)) {
        throw explainS3Error(error, 'read', name);
      }
      await backOff(failures, PAUSE);
    }
  }
}
