import { createHash } from 'node:crypto';
import { InputError } from '../../core/errors.ts';

/** Passes the bytes of a shard on. Throws InputError behind the last of them when their SHA-256 is another one. */
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
    found: `bytes of SHA-256 ${digest.slice(0, 12)}...`,
    needed: `${sha256.slice(0, 12)}..., as metadata.json says`,
    advice: 'The shard was damaged or replaced; preprocess the dataset again',
  });
}
