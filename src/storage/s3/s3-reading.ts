import { Readable } from 'node:stream';
import type { GetObjectCommandInput } from '@aws-sdk/client-s3';
import { checkReadLength } from '../key.ts';
import { backOff } from '../retry.ts';
import type { ByteRange, ReadOptions } from '../store.ts';
import type { S3Connection } from './s3-connection.ts';
import { explainS3Error, httpStatus, isConnectionError } from './s3-errors.ts';

/** Consecutive connection failures without a byte received, after which a read fails. */
const ATTEMPTS = 5;
/** See RetryPolicy [ms]. `retry` doesn't fit here: a read resumes where it was cut, after yielding bytes. */
const PAUSE = 200;

/**
 * The bytes of an object, or of a non-empty range of it, as they arrive. The SDK retries failed requests. When the connection
 * is cut within a response, this function resumes at the next byte of the same version. Throws PreconditionError when the
 * object was overwritten or `ifMatch` doesn't hold, InputError when a response is longer than the limit [bytes].
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
      // No range for a whole object: S3 then sends its checksum, which the SDK verifies.
      if (range !== undefined || position > 0) {
        input.Range = `bytes=${position}-${range === undefined ? '' : end - 1}`;
      }
      const { Body, ContentLength, ETag } = await client.send(new sdk.GetObjectCommand(input));
      answered = true;
      if (!(Body instanceof Readable)) throw new TypeError('the body of an S3 response is not a stream');
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
      // The range starts at or beyond the end of the object.
      if (httpStatus(error) === 416) return;
      failures += 1;
      if (!answered || failures === ATTEMPTS || !isConnectionError(error)) {
        throw explainS3Error(error, 'read', name);
      }
      await backOff(failures, PAUSE);
    }
  }
}
