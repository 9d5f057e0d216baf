/** What lies where in a zip archive, by its central directory, which yauzl reads. Format: PKWARE APPNOTE 6.3.10. */
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader } from 'yauzl';
import { InputError } from '../core/errors.ts';
import { printable, quote } from '../core/quote.ts';
import { LOCAL_HEADER_SIZE, type ZipPacking } from './unzip.ts';

export interface ZipMember extends ZipPacking {
  name: string;
  /** Of the local header, from the start of the archive. */
  offset: number;
  /** From the local header at least to the end of the data. */
  length: number;
}

/** Bytes that can be read from any place; a range past the end yields what is there. */
export interface ByteSource {
  size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Name and extra field of a local header, each with a 16-bit length. */
const LOCAL_FIELDS_LIMIT = 2 * 65535;
/** A block of the central directory is read at once, not an entry. */
const BLOCK_SIZE = 1 << 20;
/** Deflate can't do better than 1032:1 (RFC 1951: 258 bytes from 2 bits). */
const DEFLATE_LIMIT = 1032;

/**
 * The members of an archive, in the order of its directory; folders are left out.
 *
 * Throws InputError when it isn't a zip archive or is a hostile one: more than `limit` members, duplicate names,
 * paths out of the archive, encryption, members that overlap or reach past the end, sizes that can't be.
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
    // A number, whatever its type says: here the end of the last entry, or where the directory of none stands.
    const end = Number(zip.readEntryCursor);
    await reader.checkDirectoryEnd(end);
    if (names.size === 0 && end > 0) throw new Error(`${end} bytes in front of a directory without entries`);
    measureMembers(members, source.size);
  } catch (error) {
    // What the source threw is no fault of the archive.
    if (reader.failure !== undefined) throw reader.failure;
    // yauzl complains by plain Errors; others (a TypeError) are bugs.
    if (!(error instanceof Error) || error.name !== 'Error') throw error;
    throw new InputError(
      { object, found: printable(error.message), needed: 'a sound zip archive' },
      { cause: error },
    );
  }
  return members;
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
    throw new Error(`${size} bytes packed in ${packed} in ${quote(name)}`);
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

/** Sets the lengths. Members that share bytes make bombs that no ratio shows (Fifield, WOOT 2019). */
function measureMembers(members: ZipMember[], size: number): void {
  const sorted = [...members].sort((a, b) => a.offset - b.offset);
  for (const [index, member] of sorted.entries()) {
    const end = sorted[index + 1]?.offset ?? size;
    const least = LOCAL_HEADER_SIZE + member.name.length + member.packed;
    if (!Number.isSafeInteger(member.offset + least) || member.offset + least > end) {
      throw new Error(`${quote(member.name)} reaching into what follows it`);
    }
    member.length = Math.min(end - member.offset, LOCAL_HEADER_SIZE + LOCAL_FIELDS_LIMIT + member.packed);
  }
}

/** Gives yauzl the source by blocks: it asks for some 50 bytes at a time, which over a network would take for ever. */
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

  /** A count of entries that is too small would drop members in silence. */
  async checkDirectoryEnd(end: number): Promise<void> {
    const mark = Buffer.alloc(4);
    await this.#copy(mark, end);
    if (![0x06054b50, 0x06064b50].includes(mark.readUInt32LE())) {
      throw new Error('a directory that goes on after its last entry');
    }
  }
}
