/**
 * Packs: tar archives of 1,024 files, made by `upload --pack`, whose first member lists the others. 560,000 single objects
 * would cost more in requests than in bytes. Packed, they are catalogued by 547 reads of 64 KiB instead of a pass over 55 GB,
 * and read in large ranges. To every other program a pack is an ordinary tar archive.
 */
import * as v from 'valibot';
import type { ObjectInfo, ObjectStore } from '../../storage/store.ts';
import type { TarMember } from './tar.ts';
import { BLOCK } from './tar-cursor.ts';
import { encodeTarHeader, TAR_END, tarPadding } from './tar-header.ts';

export interface PackMember {
  name: string;
  /** Bytes. */
  size: number;
}

const PACK_NAME = /(^|\/)pack-\d{5}-of-\d{5}\.tar$/;

/** Bytes. The list of 1,024 samples takes 40 KB. */
const FIRST_READ = 1 << 16;
/** Bytes: room for a list of more than 100,000 members. */
const INDEX_LIMIT = 1 << 24;

/** `pack-00000-of-00547.tar` */
export function packName(index: number, total: number): string {
  const number = (value: number) => String(value).padStart(5, '0');
  return `pack-${number(index)}-of-${number(total)}.tar`;
}

export function isPackKey(key: string): boolean {
  return PACK_NAME.test(key);
}

/** The first bytes of a pack: its first member, which lists the others. */
export function encodePackIndex(members: readonly PackMember[]): Uint8Array {
  const list = Buffer.from(`${JSON.stringify(members.map(({ name, size }) => [name, size]))}\n`);
  return Buffer.concat([
    encodeTarHeader(INDEX_NAME, list.length),
    list,
    Buffer.alloc(tarPadding(list.length)),
  ]);
}

/** The list's text: a name and a size per member. */
const indexSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.array(v.strictTuple([v.string(), v.pipe(v.number(), v.safeInteger(), v.minValue(0))])),
  v.transform((list) => list.map(([name, size]) => ({ name, size }))),
);

/** A hidden file, so that it isn't taken for data when a pack is unpacked into a folder. */
const INDEX_NAME = '.pack.json';

/** Bytes of a pack with an index of `indexLength` bytes. */
export function packSize(indexLength: number, members: readonly PackMember[]): number {
  return members.reduce((sum, member) => sum + memberSpan(member), indexLength) + TAR_END.length;
}

function memberSpan({ size }: PackMember): number {
  return BLOCK + size + tarPadding(size);
}

/**
 * Names, offsets and sizes of a pack's members, from its list. Undefined when the object is no pack, or when the list
 * doesn't account for every byte: then the tar headers must be scanned. Throws NotFoundError.
 */
export async function readPackIndex(
  store: ObjectStore,
  { key, size }: ObjectInfo,
): Promise<TarMember[] | undefined> {
  if (!isPackKey(key)) return undefined;
  let bytes = await store.read(key, { offset: 0, length: FIRST_READ });
  const length = readIndexLength(bytes);
  if (length === undefined || length > INDEX_LIMIT) return undefined;
  if (BLOCK + length > bytes.length) bytes = await store.read(key, { offset: 0, length: BLOCK + length });
  const list = v.safeParse(indexSchema, Buffer.from(bytes.subarray(BLOCK, BLOCK + length)).toString());
  const start = BLOCK + length + tarPadding(length);
  if (!list.success || packSize(start, list.output) !== size) return undefined;
  const members: TarMember[] = [];
  let offset = start;
  for (const member of list.output) {
    members.push({ ...member, offset: offset + BLOCK });
    offset += memberSpan(member);
  }
  return members;
}

/** Length of the list in bytes; undefined unless the archive starts with exactly the header that encodePackIndex writes. */
function readIndexLength(bytes: Uint8Array): number | undefined {
  const header = Buffer.from(bytes.subarray(0, BLOCK));
  const digits = header.toString('latin1', 124, 135);
  if (!/^[0-7]{11}$/.test(digits)) return undefined;
  const length = Number.parseInt(digits, 8);
  return header.equals(encodeTarHeader(INDEX_NAME, length)) ? length : undefined;
}
