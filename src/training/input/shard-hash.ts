import { createHash } from 'node:crypto';
import { InputError } from '../../core/errors.ts';

/**
 * Passes the bytes of a shard through. Throws InputError after the last byte when their SHA-256 isn't `sha256`: the CRCs of
 * the records can't tell that a shard is a copy of another one.
 */
export async function* checkHash(
  chunks: AsyncIterable<Uint8Array>,
  object: string,
  sha256: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  const digest = hash.digest('hex');
  if (digest === sha256) return;
  throw new InputError({
    object,
    found: `bytes with SHA-256 ${digest.slice(0, 12)}...`,
    needed: `${sha256.slice(0, 12)}..., as metadata.json says`,
    advice: 'Preprocess the dataset again: the shard was damaged or replaced',
  });
}
