/** A tar member, whose header may be wrong. */
export interface TarPart {
  name: string;
  content?: Uint8Array;
  type?: string;
  link?: string;
  /** Written instead of the true size. */
  size?: number | string;
}

const pad = (length: number) => Buffer.alloc(-length & 511);

/** The blocks of one member, header and content. */
export function packTarMember({
  name,
  content = new Uint8Array(0),
  type = '0',
  link = '',
  size,
}: TarPart): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write('0000644\0', 100);
  const digits = typeof size === 'string' ? size : (size ?? content.length).toString(8).padStart(11, '0');
  header.write(digits, 124, 12, 'latin1');
  header.write(type, 156);
  header.write(link, 157);
  header.write('ustar\x0000', 257);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content, pad(content.length)]);
}

/** A tar archive with its end mark. */
export function packTar(parts: readonly TarPart[]): Uint8Array {
  return new Uint8Array(Buffer.concat([...parts.map(packTarMember), Buffer.alloc(1024)]));
}

/** Content of a pax header: `length key=value` lines. */
export function paxRecords(records: Record<string, string>): Buffer {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    let length = Buffer.byteLength(rest) + 1;
    while (String(length).length + Buffer.byteLength(rest) !== length) length += 1;
    return `${length}${rest}`;
  });
  return Buffer.from(lines.join(''));
}
