/** NumPy's .npz files: zip archives of .npy files. */
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import { InputError } from '../core/errors.ts';
import { printable } from '../core/quote.ts';
import { encodeNpy, type NpyArray, type NpyHeader, parseNpy, parseNpyHeader } from './npy.ts';
import { MEMBER_START, unpackStart, unpackZipMember } from './unzip.ts';
import { type ByteSource, listZip } from './zip.ts';

const MEMBER_LIMIT = 10_000;

/**
 * Every array of an .npz file by its name (without `.npy`). CRC-32s are checked.
 *
 * Throws InputError when the file is no .npz file, or when the arrays would take more than `limit` bytes (default
 * 256 MiB), which is checked before anything is unpacked.
 *
 * @param object the file's name, for messages.
 *
 * @example
 * import { readFile } from 'node:fs/promises';
 * import { readNpz } from 'chirpline';
 *
 * const arrays = await readNpz(await readFile('records/avg_psd.npz'), 'avg_psd.npz');
 * for (const [name, { dtype, shape }] of arrays) console.log(name, dtype, shape);
 */
export async function readNpz(
  bytes: Uint8Array,
  object: string,
  { limit = 1 << 28 }: { limit?: number } = {},
): Promise<Map<string, NpyArray>> {
  const source = {
    size: bytes.length,
    read: async (offset: number, length: number) => bytes.subarray(offset, offset + length),
  };
  const members = await listZip(source, object, MEMBER_LIMIT);
  const total = members.reduce((sum, { size }) => sum + size, 0);
  if (total > limit)
    throw new InputError({ object, found: `${total} bytes unpacked`, needed: `at most ${limit}` });
  const arrays = new Map<string, NpyArray>();
  for (const member of members) {
    const name = `${object}!${printable(member.name)}`;
    if (!member.name.endsWith('.npy')) {
      throw new InputError({ object: name, found: 'another kind of file', needed: '.npy files only' });
    }
    const content = unpackZipMember(
      bytes.subarray(member.offset, member.offset + member.length),
      member,
      name,
    );
    arrays.set(member.name.slice(0, -'.npy'.length), parseNpy(content, name));
  }
  return arrays;
}

/**
 * The headers of an .npz file's arrays, in directory order. Reads only the first kilobytes of each member. Yields undefined
 * for a header that can't be read this way; readNpz reports its fault.
 */
export async function* readNpzHeaders(
  source: ByteSource,
  object: string,
): AsyncGenerator<NpyHeader | undefined> {
  for (const { offset, length, deflated } of await listZip(source, object, MEMBER_LIMIT)) {
    const bytes = await source.read(offset, Math.min(length, MEMBER_START));
    yield tryHeader(bytes, deflated, object);
  }
}

function tryHeader(bytes: Uint8Array, deflated: boolean, object: string): NpyHeader | undefined {
  try {
    return parseNpyHeader(unpackStart(bytes, deflated, object), object);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/**
 * An .npz file with the arrays in the given order, readable by numpy.load. `compress` deflates the members; by default they
 * are stored.
 *
 * The same arrays give the same bytes, since the time stamps are fixed. Deflated bytes may differ between zlib versions. Throws
 * RangeError if data doesn't fit its shape.
 *
 * @example
 * import { writeFile } from 'node:fs/promises';
 * import { writeNpz } from 'chirpline';
 *
 * const times = Float64Array.from({ length: 4096 }, (_, i) => i / 2048);
 * await writeFile('times.npz', await writeNpz({ times: { dtype: '<f8', shape: [4096], data: times } }));
 * console.log('written');
 */
export async function writeNpz(
  arrays: ReadonlyMap<string, NpyArray> | Readonly<Record<string, NpyArray>>,
  { compress = false }: { compress?: boolean } = {},
): Promise<Uint8Array> {
  const zip = new ZipFile();
  // A local time: yazl writes local times, so the bytes are the same in every time zone.
  const options = { compress, mtime: new Date(2000, 0, 1), mode: 0o100644, forceDosTimestamp: true };
  for (const [name, array] of arrays instanceof Map ? arrays : Object.entries(arrays)) {
    const file = encodeNpy(array);
    zip.addBuffer(Buffer.from(file.buffer, file.byteOffset, file.byteLength), `${name}.npy`, options);
  }
  zip.end();
  return buffer(zip.outputStream);
}
