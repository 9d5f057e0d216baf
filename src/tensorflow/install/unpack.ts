import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import yauzl, { type Entry } from 'yauzl';
import { MachineError } from '../../core/errors.ts';

const openZip = promisify<string, yauzl.Options, yauzl.ZipFile>(yauzl.open);

/** Throws MachineError when the file's SHA-256 isn't the expected one (both hexadecimal). */
export async function checkHash(path: string, expected: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  const found = hash.digest('hex');
  if (found !== expected) {
    throw new MachineError(
      `${basename(path)}: found SHA-256 ${found}, needed ${expected}. The download is damaged or was replaced. Try again; if the error persists, check the package index that pip uses (pip config list).`,
    );
  }
}

/**
 * Extracts the files of a zip archive whose names `wanted` accepts into `folder`, with their names and executable bits.
 * yauzl rejects names that lead out of the folder and entries that are longer than declared.
 */
export async function unpack(path: string, folder: string, wanted: (name: string) => boolean): Promise<void> {
  const zip = await openZip(path, { lazyEntries: true });
  const openEntry = promisify<Entry, NodeJS.ReadableStream>(zip.openReadStream.bind(zip));
  const writeEntry = async (entry: Entry): Promise<void> => {
    if (entry.fileName.endsWith('/') || !wanted(entry.fileName)) return;
    const target = join(folder, entry.fileName);
    await mkdir(dirname(target), { recursive: true });
    const executable = (entry.externalFileAttributes >>> 16) & 0o111;
    await pipeline(await openEntry(entry), createWriteStream(target, { mode: 0o644 | executable }));
  };
  await new Promise<void>((done, fail) => {
    zip.on('entry', (entry: Entry) => {
      writeEntry(entry).then(() => zip.readEntry(), fail);
    });
    zip.on('end', done);
    zip.on('error', fail);
    zip.readEntry();
  }).finally(() => zip.close());
}
