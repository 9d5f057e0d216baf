/**
 * CRC-32 and CRC-32C, eight bytes at a time. They replace @node-rs/crc32 in the functions' bundles, which can't include that
 * package's binary: this code runs on both CPU architectures. Method: slicing-by-8, from M. E. Kounavis and F. L. Berry,
 * "A systematic approach to building high performance software-based CRC generators", ISCC 2005.
 */

/** Reflected polynomials. */
const IEEE = 0xedb88320;
const CASTAGNOLI = 0x82f63b78;

/** The checksum of zip archives, as an unsigned 32-bit number; `initial` is the checksum of the preceding bytes. */
export const crc32 = createChecksum(IEEE);
/** The checksum of TFRecord, as an unsigned 32-bit number; `initial` is the checksum of the preceding bytes. */
export const crc32c = createChecksum(CASTAGNOLI);

function createChecksum(polynomial: number): (bytes: Uint8Array, initial?: number) => number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = makeTables(polynomial);
  return (bytes, initial = 0) => {
    const whole = bytes.length & ~7;
    let crc = ~initial;
    let i = 0;
    for (; i < whole; i += 8) {
      const low = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
      crc =
        t7[low & 0xff]! ^
        t6[(low >>> 8) & 0xff]! ^
        t5[(low >>> 16) & 0xff]! ^
        t4[low >>> 24]! ^
        t3[bytes[i + 4]!]! ^
        t2[bytes[i + 5]!]! ^
        t1[bytes[i + 6]!]! ^
        t0[bytes[i + 7]!]!;
    }
    for (; i < bytes.length; i += 1) crc = (crc >>> 8) ^ t0[(crc ^ bytes[i]!) & 0xff]!;
    return ~crc >>> 0;
  };
}

type Table = Int32Array;
type Tables = [Table, Table, Table, Table, Table, Table, Table, Table];

/** Table `s` holds the checksum of each byte followed by `s` zero bytes. */
function makeTables(polynomial: number): Tables {
  const first = Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? polynomial : 0);
    return crc;
  });
  const next = (table: Table): Table => table.map((crc) => (crc >>> 8) ^ first[crc & 0xff]!);
  const tables: Tables = [first, first, first, first, first, first, first, first];
  for (let slice = 1; slice < tables.length; slice += 1) tables[slice] = next(tables[slice - 1]!);
  return tables;
}
