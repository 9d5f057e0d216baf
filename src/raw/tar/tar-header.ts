/**
 * Headers of tar members. They are deterministic: no owner, no time.
 *
 * Format: POSIX.1-2017 ustar (pubs.opengroup.org, pax utility). It is written here because a header is just 512 bytes,
 * while packages that write tar produce streams with one entry per member, and put in time and owner.
 */
import { BLOCK } from './tar-cursor.ts';

const NAME_LENGTH = 100;
const PREFIX_LENGTH = 155;
/** Sizes have eleven octal digits. */
const SIZE_LIMIT = 8 ** 11;

/** The end-of-archive marker: two blocks of zeros. */
export const TAR_END = new Uint8Array(2 * BLOCK);

/** Number of zeros between the end of a member and the next header. */
export function tarPadding(size: number): number {
  return -size & (BLOCK - 1);
}

/** Whether a member may have this name: up to 100 bytes, or up to 255 that can be split at a slash. */
export function fitsTarName(name: string): boolean {
  return splitName(name) !== undefined;
}

/** The header of a regular file. Throws RangeError when the name doesn't fit (fitsTarName), or for 8 GiB or more. */
export function encodeTarHeader(name: string, size: number): Uint8Array {
  const split = splitName(name);
  if (split === undefined || size >= SIZE_LIMIT)
    throw new RangeError(`no tar header for ${name} of ${size} bytes`);
  const header = Buffer.alloc(BLOCK);
  header.write(split.name, 0, NAME_LENGTH);
  header.write('0000644\0' /* mode */, 100);
  header.write('0000000\0' /* owner */, 108);
  header.write('0000000\0' /* group */, 116);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0' /* time */, 136);
  // The checksum counts its own eight bytes as blanks.
  header.fill(' ', 148, 156);
  header.write('0' /* a regular file */, 156);
  header.write('ustar\x0000', 257);
  header.write(split.prefix, 345, PREFIX_LENGTH);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

function splitName(whole: string): { prefix: string; name: string } | undefined {
  if (whole === '') return undefined;
  if (Buffer.byteLength(whole) <= NAME_LENGTH) return { prefix: '', name: whole };
  for (let at = whole.indexOf('/'); at >= 0; at = whole.indexOf('/', at + 1)) {
    const prefix = whole.slice(0, at);
    const name = whole.slice(at + 1);
    const fits = Buffer.byteLength(prefix) <= PREFIX_LENGTH && Buffer.byteLength(name) <= NAME_LENGTH;
    if (fits && prefix !== '' && name !== '') return { prefix, name };
  }
  return undefined;
}
