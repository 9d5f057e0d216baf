import * as crypto from 'node:crypto';

/** Exists since Node 20.12. For short texts, creating a Hash object takes twice as long. */
const { hash }: { hash?: typeof crypto.hash } = crypto;

export function sha256(data: string | Uint8Array): Buffer {
  return hash?.('sha256', data, 'buffer') ?? crypto.createHash('sha256').update(data).digest();
}
