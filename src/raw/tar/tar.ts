/**
 * Finds the members of a tar archive: names, offsets and sizes. Their bytes are not held.
 *
 * Formats: POSIX.1-2017 ustar and pax (pubs.opengroup.org, pax utility), GNU's, and those before POSIX. What GNU tar extracts as a
 * regular file is one here, except sparse files.
 */
import { DISGUISE_LENGTH, refuseDisguise } from '../../core/disguise.ts';
import { InputError } from '../../core/errors.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { BLOCK, TarCursor } from './tar-cursor.ts';

export interface TarMember {
  name: string;
  /** First byte of the member's content in the archive. */
  offset: number;
  size: number;
  /** The kind of member, if it is not a regular file: 'a symbolic link', ... */
  oddity?: string;
}

const NEEDED = 'an uncompressed tar archive';

/** Bytes. Long names and pax records of real archives take a few hundred. */
const EXTENSION_LIMIT = 1 << 20;

/** Members of any other type are regular files, as POSIX says. */
const ODDITIES: Readonly<Record<string, string>> = {
  '1': 'a hard link to a file that is not in the archive',
  '2': 'a symbolic link',
  '3': 'a device',
  '4': 'a device',
  '5': 'a folder',
  '6': 'a named pipe',
  D: 'a folder',
  M: 'the rest of a file from another volume',
  S: 'a sparse file',
};
/** Types without content in the archive, whatever their size field says. */
const WITHOUT_DATA = new Set(['1', '2', '3', '4', '5', '6']);

/**
 * Yields the members in order. Throws InputError, with the offset, where the archive is broken or ends without an
 * end-of-archive marker. The members yielded before are complete.
 */
export async function* scanTar(
  store: ObjectStore,
  key: string,
  archiveSize: number,
): AsyncGenerator<TarMember> {
  const cursor = new TarCursor(store, key, archiveSize);
  if (archiveSize < BLOCK)
    refuseDisguise(await store.read(key, { offset: 0, length: DISGUISE_LENGTH }), key, NEEDED);
  let longName: string | undefined;
  let longLink: string | undefined;
  let pax = new Map<string, string>();
  /** What hard links may point to. */
  const files = new Map<string, { offset: number; size: number }>();
  for (;;) {
    const at = cursor.position;
    const header = parseHeader(await cursor.take(BLOCK, 'a tar header'), key, at);
    if (header === undefined) {
      await cursor.expectPadding();
      return;
    }
    const { type } = header;
    if ('LKxXg'.includes(type)) {
      if (header.size > EXTENSION_LIMIT) {
        const found = `an extended header of ${header.size} bytes`;
        throw new InputError({ object: key, offset: at, found, needed: `at most ${EXTENSION_LIMIT}` });
      }
      const bytes = await cursor.take(header.size, 'an extended header');
      cursor.skip(-header.size & (BLOCK - 1));
      if (type === 'L') longName = readText(bytes);
      else if (type === 'K') longLink = readText(bytes);
      // X: the form of Solaris.
      else if (type !== 'g') pax = parsePax(bytes, key, at + BLOCK);
      continue;
    }
    // The name of the archive (tar --label).
    if (type === 'V') continue;
    if (type === 'S' && header.extended) {
      while ((await cursor.take(BLOCK, 'a sparse map'))[504] === 1);
    }
    const size = WITHOUT_DATA.has(type) ? 0 : (readPaxSize(pax, key, at) ?? header.size);
    const offset = cursor.position;
    if (offset + size > archiveSize) {
      const found = `the end of the file, ${offset + size - archiveSize} bytes early`;
      throw new InputError({ object: key, offset: archiveSize, found, needed: 'the rest of a member' });
    }
    const sparse = [...pax.keys()].some((name) => name.startsWith('GNU.sparse.'));
    const name = pax.get('GNU.sparse.name') ?? pax.get('path') ?? longName ?? header.name;
    const target = type === '1' ? files.get(pax.get('linkpath') ?? longLink ?? header.link) : undefined;
    const oddity = target === undefined ? ODDITIES[sparse ? 'S' : type] : undefined;
    const place = target ?? { offset, size };
    yield { name, ...place, ...(oddity !== undefined && { oddity }) };
    if (oddity === undefined && name.endsWith('.npy')) files.set(name, place);
    longName = undefined;
    longLink = undefined;
    pax = new Map();
    cursor.skip(Math.min(size + (-size & (BLOCK - 1)), archiveSize - offset));
  }
}

interface Header {
  name: string;
  size: number;
  type: string;
  /** What a link points to. */
  link: string;
  /** GNU sparse files: whether the map of holes continues in the next block. */
  extended: boolean;
}

/** Undefined for a block of zeros, which is the end-of-archive marker. */
function parseHeader(block: Uint8Array, object: string, offset: number): Header | undefined {
  let sum = 0;
  for (const byte of block) sum += byte;
  if (sum === 0) return undefined;
  // The checksum counts its own eight bytes as blanks. Some old programs took the bytes for signed ones.
  let negative = 0;
  for (let index = 0; index < BLOCK; index += 1) {
    if (index >= 148 && index < 156) sum += 32 - block[index]!;
    else if (block[index]! > 127) negative += 1;
  }
  const stored = readNumber(block, 148, 8);
  if (stored !== sum && stored !== sum - 256 * negative) {
    if (offset === 0) refuseDisguise(block, object, NEEDED);
    throw new InputError({
      object,
      offset,
      found: 'a block with a wrong checksum',
      needed: 'a tar header',
    });
  }
  const size = readNumber(block, 124, 12);
  if (size === undefined)
    throw new InputError({ object, offset, found: 'a size that is not a number', needed: 'a tar header' });
  const text = (start: number, length: number) => readText(block.subarray(start, start + length));
  const prefix = text(257, 6) === 'ustar' ? text(345, 155) : '';
  const name = text(0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    size,
    type: String.fromCharCode(block[156]!),
    link: text(157, 100),
    extended: block[482] === 1,
  };
}

/** Reads octal digits between blanks, nothing as 0, or a binary number if the first bit is set (GNU). */
function readNumber(block: Uint8Array, start: number, length: number): number | undefined {
  const field = block.subarray(start, start + length);
  if (field[0] === 0x80) {
    const value = field.subarray(1).reduce((total, byte) => total * 256 + byte, 0);
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const [, digits] = /^ *([0-7]*)(?:[ \0]|$)/.exec(Buffer.from(field).toString('latin1')) ?? [];
  return digits === undefined ? undefined : Number.parseInt(digits || '0', 8);
}

/** Up to the first zero byte. */
function readText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8');
}

/** Parses records `length key=value\n`; the length includes its own digits. */
function parsePax(bytes: Uint8Array, object: string, offset: number): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const head = /^(\d{1,7}) ([^=]{1,256})=/.exec(
      Buffer.from(bytes.subarray(at, at + 300)).toString('latin1'),
    );
    const end = at + Number(head?.[1]);
    const start = at + (head?.[0].length ?? 0);
    if (head === null || end > bytes.length || end <= start || bytes[end - 1] !== 10) {
      throw new InputError({ object, offset: offset + at, found: 'a broken record', needed: 'a pax header' });
    }
    records.set(head[2]!, Buffer.from(bytes.subarray(start, end - 1)).toString('utf8'));
    at = end;
  }
  return records;
}

function readPaxSize(pax: Map<string, string>, object: string, offset: number): number | undefined {
  const text = pax.get('size');
  if (text === undefined) return undefined;
  const size = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(size)) return size;
  throw new InputError({ object, offset, found: 'a size that is not a number', needed: 'a pax header' });
}
