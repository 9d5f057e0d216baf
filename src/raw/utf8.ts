import { refuseDisguise } from '../core/disguise.ts';
import { InputError } from '../core/errors.ts';

/** Decodes UTF-8 and drops a BOM. Throws InputError for more than `limit` bytes, for another encoding, and for no text at all. */
export function decodeText(bytes: Uint8Array, object: string, limit: number): string {
  if (bytes.length > limit)
    throw new InputError({ object, found: `${bytes.length} bytes`, needed: `at most ${limit}` });
  refuseDisguise(bytes, object, 'text in UTF-8');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error;
    throw new InputError({ object, found: 'text that is not UTF-8', needed: 'UTF-8' }, { cause: error });
  }
}
