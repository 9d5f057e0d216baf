import { deflateRawSync } from 'node:zlib';
import { crc32 } from '@node-rs/crc32';

/** A zip member, whose headers may be wrong. */
export interface ZipPart {
  name: string;
  content: Uint8Array;
  deflate?: boolean;
  /** Written instead of the true values. */
  packed?: Uint8Array;
  size?: number;
  crc?: number;
  method?: number;
  flags?: number;
  offset?: number;
  /** Extra field of the local header only, as Python writes it. */
  extra?: Uint8Array;
}

/** A zip archive with any headers, including wrong ones that libraries refuse to write. */
export function packZip(parts: readonly ZipPart[]): Uint8Array {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let position = 0;
  for (const { name, content, deflate = false, extra = new Uint8Array(0), ...lies } of parts) {
    const packed = lies.packed ?? (deflate ? deflateRawSync(content) : content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(lies.flags ?? 0, 2);
    common.writeUInt16LE(lies.method ?? (deflate ? 8 : 0), 4);
    common.writeUInt32LE(lies.crc ?? crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(lies.size ?? content.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const entry = Buffer.alloc(14);
    entry.writeUInt32LE(lies.offset ?? position, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, entry, Buffer.from(name));
    const local = Buffer.from(common);
    local.writeUInt16LE(extra.length, 24);
    const file = [Buffer.from('PK\x03\x04', 'latin1'), local, Buffer.from(name), extra, packed];
    files.push(...file.map((bytes) => Buffer.from(bytes)));
    position += file.reduce((sum, bytes) => sum + bytes.length, 0);
  }
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(parts.length, 8);
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(position, 16);
  return new Uint8Array(Buffer.concat([...files, ...directory, end]));
}
