/**
 * Checks before an upload whether the object already has the same bytes.
 *
 * The ETag of an object written in one request is its MD5. After a multipart upload it is the MD5 of the parts' MD5s, and their
 * number (docs.aws.amazon.com/AmazonS3: Checking object integrity). In a bucket that encrypts with KMS it is neither, and the
 * object counts as different: uploading it again is free, downloading it isn't.
 */
import { createHash, type Hash } from 'node:crypto';
import { PART_SIZE } from '../../storage/s3/s3-store.ts';
import type { ObjectInfo, ObjectStore } from '../../storage/store.ts';

const S3_ETAG = /^"[0-9a-f]{32}(-\d+)?"$/;

/** @param open opens the bytes to upload; called at most once. */
export async function hasSameBytes(
  store: ObjectStore,
  there: ObjectInfo | undefined,
  size: number,
  open: () => AsyncIterable<Uint8Array>,
): Promise<boolean> {
  if (there === undefined || there.size !== size) return false;
  const form = S3_ETAG.exec(there.etag);
  if (form === null) return (await digest(open())) === (await digest(store.stream(there.key)));
  return there.etag === (form[1] === undefined ? `"${await digest(open())}"` : await partsEtag(open()));
}

async function digest(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

/** The ETag that S3 gives after a multipart upload with our part size. */
async function partsEtag(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const whole = createHash('md5');
  let part: Hash = createHash('md5');
  let room = PART_SIZE;
  let parts = 0;
  const close = () => {
    whole.update(part.digest());
    part = createHash('md5');
    room = PART_SIZE;
    parts += 1;
  };
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      if (room === 0) close();
      const piece = chunk.subarray(at, at + room);
      part.update(piece);
      room -= piece.length;
      at += piece.length;
    }
  }
  close();
  return `"${whole.digest('hex')}-${parts}"`;
}
