/** Lists the members of a zip archive from its central directory, using yauzl. Format: PKWARE APPNOTE 6.3.10. */
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader } from 'yauzl';
import { DISGUISE_LENGTH, refuseDisguise } from '../core/disguise.ts';
import { InputError } from '../core/errors.ts';
import { printable, quote } from '../core/quote.ts';
import { LOCAL_HEADER_SIZE, type ZipPacking } from './unzip.ts';

export interface ZipMember extends ZipPacking {
  name: string;
  /** Offset of the local header in the archive. */
  offset: number;
  /** Bytes from the local header to the end of the data, or somewhat more. */
  length: number;
}

/** Random access to bytes. A range is cut at the end. */
export interface ByteSource {
  size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Most bytes of name and extra field of a local header, which have 16-bit lengths. */
const LOCAL_FIELDS_LIMIT = 2 * 65535;
/** The central directory is read in blocks of this size [bytes]. */
const BLOCK_SIZE = 1 << 20;
/** Highest possible ratio of deflate: 1032:1 (RFC 1951: 258 bytes from 2 bits). */
const DEFLATE_LIMIT = 1032;

/**
 * The members of an archive in directory order, without folders.
 *
 * Throws InputError when the file is no zip archive or a hostile one: more than `limit` members, duplicate names, paths
 * out of the archive, encryption, members that overlap or extend past the end, impossible sizes.
 */
export async function listZip(source: ByteSource, object: string, limit: number): Promise<ZipMember[]> {
  const reader = new BlockReader(source);
  const members: ZipMember[] = [];
  const names = new Set<string>();
  try {
    const zip = await fromRandomAccessReaderPromise(reader, source.size, { autoClose: false });
    if (zip.entryCount > limit) throw new Error(`${zip.entryCount} members, more than ${limit}`);
    for await (const entry of zip.eachEntry()) {
      if (names.has(entry.fileName)) throw new Error(`two members named ${quote(entry.fileName)}`);
      names.add(entry.fileName);
      if (!entry.fileName.endsWith('/')) members.push(toMember(entry));
    }
    // A number, despite its type: the end of the last entry, or the start of an empty directory.
    const end = Number(zip.readEntryCursor);
    await reader.checkDirectoryEnd(end);
    if (names.size === 0 && end > 0) throw new Error(`${end} bytes before a directory without entries`);
    measureMembers(members, source.size);
  } catch (error) {
    // An error of the source is not a fault of the archive.
    if (reader.failure !== undefined) throw reader.failure;
    // yauzl throws plain Errors for faults of the archive. Other classes, such as TypeError, are bugs.
    if (!(error instanceof Error) || error.name !== 'Error') throw error;
    const start = await source.read(0, DISGUISE_LENGTH);
    if (!isZip(start)) refuseDisguise(start, object, 'a zip archive');
    throw new InputError(
      { object, found: printable(error.message), needed: 'a valid zip archive' },
      { cause: error },
    );
  }
  return members;
}

function isZip(start: Uint8Array): boolean {
  return start[0] === 0x50 && start[1] === 0x4b;
}

function toMember(entry: Entry): ZipMember {
  const {
    fileName: name,
    compressedSize: packed,
    uncompressedSize: size,
    compressionMethod,
    crc32: crc,
  } = entry;
  if (entry.isEncrypted()) throw new Error(`the encrypted member ${quote(name)}`);
  if (compressionMethod !== 0 && compressionMethod !== 8) {
    throw new Error(`compression method ${compressionMethod} in ${quote(name)}`);
  }
  if (size > packed * DEFLATE_LIMIT + 64) {
    throw new Error(`${size} bytes packed into ${packed} in ${quote(name)}`);
  }
  return {
    name,
    offset: entry.relativeOffsetOfLocalHeader,
    length: 0,
    packed,
    size,
    crc,
    deflated: compressionMethod === 8,
  };
}

/** Sets the lengths. Throws when members overlap: shared bytes make zip bombs that no ratio reveals (Fifield, WOOT 2019). */
function measureMembers(members: ZipMember[], size: number): void {
  const sorted = [...members].sort((a, b) => a.offset - b.offset);
  for (const [index, member] of sorted.entries()) {
    const end = sorted[index + 1]?.offset ?? size;
    const least = LOCAL_HEADER_SIZE + member.name.length + member.packed;
    if (!Number.isSafeInteger(member.offset + least) || member.offset + least > end) {
      throw new Error(`${quote(member.name)} overlapping the next member or the end of the file`);
    }
    member.length = Math.min(end - member.offset, LOCAL_HEADER_SIZE + LOCAL_FIELDS_LIMIT + member.packed);
  }
}

/** Reads the source in blocks for yauzl, which asks for about 50 bytes at a time: far too slow over a network. */
class BlockReader extends RandomAccessReader {
  failure: unknown;
  readonly #source: ByteSource;
  #block: Uint8Array = new Uint8Array(0);
  #blockOffset = 0;

  constructor(source: ByteSource) {
    super();
    this.#source = source;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#copy(buffer.subarray(offset, offset + length), position).then(
      () => callback(null),
      (error: Error) => callback(error),
    );
  }

  async #copy(target: Buffer, position: number): Promise<void> {
    const inside =
      position >= this.#blockOffset && position + target.length <= this.#blockOffset + this.#block.length;
    if (!inside) {
      try {
        this.#block = await this.#source.read(position, Math.max(target.length, BLOCK_SIZE));
      } catch (error) {
        this.failure = error;
        throw error;
      }
      this.#blockOffset = position;
    }
    const from = position - this.#blockOffset;
    if (this.#block.length - from < target.length) throw new Error('the end of the file in its directory');
    target.set(this.#block.subarray(from, from + target.length));
  }

  /** Throws if the directory continues after its last entry: a count that is too small would silently drop members. */
  async checkDirectoryEnd(end: number): Promise<void> {
    const mark = Buffer.alloc(4);
    await this.#copy(mark, end);
    if (![0x06054b50, 0x06064b50].includes(mark.readUInt32LE())) {
      throw new Error('a directory that continues after its last entry');
    }
  }
}
