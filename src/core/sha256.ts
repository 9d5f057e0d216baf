import * as crypto from 'node:crypto';

/** Where Node has it (20.12): making a Hash takes twice as long as hashing a short text. */
const { hash }: { hash?: typeof crypto.hash } = crypto;

export function sha256(data: string | Uint8Array): Buffer {
  return hash?.('sha256', data, 'buffer') ?? crypto.createHash('sha256').update(data).digest();
}
