/** NumPy's .npz files: zip archives of .npy files. */
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import { InputError } from '../errors.ts';
import { encodeNpy, type NpyArray, parseNpy } from './npy.ts';
import { printable } from './quote.ts';
import { unpackZipMember } from './unzip.ts';
import { listZip } from './zip.ts';

const MEMBER_LIMIT = 10_000;

/**
 * Every array of an .npz file by its name (without `.npy`), CRC-32 checked.
 *
 * Throws InputError when it isn't one, and, before anything is unpacked, when the arrays would take more than
 * `limit` bytes (default 256 MiB).
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
 * An .npz file of the arrays in the order given, for numpy.load. `compress` deflates the members (default: stored).
 *
 * The same arrays give the same bytes: the time stamps are fixed. (Deflated bytes may differ between zlib versions.)
 */
export async function writeNpz(
  arrays: ReadonlyMap<string, NpyArray> | Readonly<Record<string, NpyArray>>,
  { compress = false }: { compress?: boolean } = {},
): Promise<Uint8Array> {
  const zip = new ZipFile();
  // A local time, since yazl writes local times: the same bytes in every time zone.
  const options = { compress, mtime: new Date(2000, 0, 1), mode: 0o100644, forceDosTimestamp: true };
  for (const [name, array] of arrays instanceof Map ? arrays : Object.entries(arrays)) {
    const file = encodeNpy(array);
    zip.addBuffer(Buffer.from(file.buffer, file.byteOffset, file.byteLength), `${name}.npy`, options);
  }
  zip.end();
  return buffer(zip.outputStream);
}
