import { type Dirent, lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { MachineError } from '../../core/errors.ts';
import { compareKeys, describeKeyFault, KEY_LIMIT, keyFault, prefixFault } from '../key.ts';
import type { ObjectInfo } from '../store.ts';
import type { FileCalls } from './file-calls.ts';
import { explainFileError, isAbsence } from './file-errors.ts';

/** Starts the names that this store keeps for itself; no key's last part may start with it, and none is listed. */
export const OWN_PREFIX = '.chirpline-';

/** What of a file's status makes its etag: a rewritten file is another inode, a file changed in place another time. */
export function fileEtag(stats: { size: bigint; mtimeNs: bigint; ino: bigint }): string {
  return `${stats.size.toString(16)}-${stats.mtimeNs.toString(16)}-${stats.ino.toString(16)}`;
}

/** Size and etag of the regular file at the path, links followed; undefined when there is none. */
export function describeFile(path: string, key: string): ObjectInfo | undefined {
  let stats: import('node:fs').BigIntStats | undefined;
  try {
    stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw explainFileError(error, 'read', path);
  }
  if (stats === undefined || !stats.isFile()) return undefined;
  return { key, size: Number(stats.size), etag: fileEtag(stats) };
}

/** NAME_MAX of the file systems there are [bytes]. */
const NAME_LIMIT = 255;

/**
 * The regular files under a folder whose key starts with the prefix, in order of their keys, some of a folder at a time: one
 * by one, each would pass a generator for every folder above it. One folder's names are in memory at a time (and those of
 * the folders above it), never the whole tree.
 *
 * Symbolic links are followed, to files and to folders; a link to a folder that it lies in is a MachineError. What
 * can't be read as an object is listed with its fault.
 */
export function listFiles(root: string, prefix: string, calls: FileCalls): Generator<ObjectInfo[]> {
  return walkFolders(calls, ...splitPrefix(root, prefix), []);
}

/** The same, without going into folders: each is a start of keys, whatever is in it. */
export function* listFileLevel(root: string, prefix: string): Generator<ObjectInfo> {
  const [path, keyStart, nameStart] = splitPrefix(root, prefix);
  const names = sortedNames(path, nameStart);
  if (names.length === 0 && nameStart === '' && keyStart !== '' && folderIdentity(path) !== undefined)
    yield emptyFolder(keyStart);
  for (const name of names) {
    const isFolder = name.endsWith('/');
    const entry = isFolder ? findFolderFault(path, name, keyStart) : describeEntry(path, name, keyStart);
    if (entry !== undefined) yield entry;
    else if (isFolder) yield { key: keyStart + name, size: 0, etag: '' };
  }
}

/** The folder that the prefix leads to, the start of its files' keys, and the start of their names. */
function splitPrefix(root: string, prefix: string): [path: string, keyStart: string, nameStart: string] {
  const cut = prefix.lastIndexOf('/') + 1;
  return [join(root, prefix.slice(0, Math.max(0, cut - 1))), prefix.slice(0, cut), prefix.slice(cut)];
}

function* walkFolders(
  calls: FileCalls,
  path: string,
  keyStart: string,
  nameStart: string,
  above: string[],
): Generator<ObjectInfo[]> {
  const identity = folderIdentity(path);
  if (identity === undefined) return;
  if (above.includes(identity)) {
    throw new MachineError(`cannot list ${path}: this link leads to a folder that it lies in. Remove it`);
  }
  const plain = nameStart === '' ? listPlainFolder(calls, path, keyStart) : undefined;
  if (plain !== undefined && plain.length > 0) {
    yield plain;
    return;
  }
  let files: ObjectInfo[] = [];
  const names = sortedNames(path, nameStart);
  if (names.length === 0 && nameStart === '' && keyStart !== '') files.push(emptyFolder(keyStart));
  for (const name of names) {
    const fault = name.endsWith('/') ? findFolderFault(path, name, keyStart) : undefined;
    if (fault !== undefined) files.push(fault);
    else if (name.endsWith('/')) {
      yield files;
      files = [];
      yield* walkFolders(calls, `${path}/${name.slice(0, -1)}`, keyStart + name, '', [...above, identity]);
    } else {
      const file = describeEntry(path, name, keyStart);
      if (file !== undefined) files.push(file);
    }
  }
  yield files;
}

/** The files of a folder that holds nothing else, with one call; undefined where that isn't the way. */
function listPlainFolder(calls: FileCalls, path: string, keyStart: string): ObjectInfo[] | undefined {
  // Keys that may be too long are looked at one by one.
  if (Buffer.byteLength(keyStart) + NAME_LIMIT > KEY_LIMIT) return undefined;
  const listing = calls.listFolder(path);
  if (listing === undefined || listing.names.includes(UNREADABLE)) return undefined;
  const [names, etags] = [listing.names.split('\0'), listing.etags.split('\0')];
  const files = Array.from(listing.sizes, (size, index) => ({
    key: keyStart + names[index]!,
    size,
    etag: etags[index]!,
  }));
  return files.filter((_, index) => !names[index]!.startsWith(OWN_PREFIX));
}

/** What stands in names for bytes that aren't UTF-8. */
const UNREADABLE = '\ufffd';

/** A file, or what is wrong with it; undefined for what has vanished meanwhile. */
function describeEntry(path: string, name: string, keyStart: string): ObjectInfo | undefined {
  const key = keyStart + name;
  const badKey = keyFault(key);
  if (badKey !== undefined) return faulty(key, describeKeyFault(badKey));
  const file = describeFile(`${path}/${name}`, key);
  if (file !== undefined) return file;
  if (name.includes(UNREADABLE)) return faulty(key, BAD_NAME);
  const found = nameEntry(`${path}/${name}`);
  return found === undefined ? undefined : faulty(key, `found ${found}, needed a file`);
}

/** Undefined for a folder that can be gone into. */
function findFolderFault(path: string, name: string, keyStart: string): ObjectInfo | undefined {
  const key = keyStart + name;
  const badKey = prefixFault(key);
  if (badKey !== undefined) return faulty(key, describeKeyFault(badKey));
  const unreadable = name.includes(UNREADABLE) && folderIdentity(`${path}/${name}`) === undefined;
  return unreadable ? faulty(key, BAD_NAME) : undefined;
}

function emptyFolder(keyStart: string): ObjectInfo {
  return faulty(keyStart, 'found an empty folder, needed a file');
}

const BAD_NAME = 'found a name that is not UTF-8, needed UTF-8';

function faulty(key: string, fault: string): ObjectInfo {
  return { key, size: 0, etag: '', fault };
}

/** What lies at the path in place of a file; undefined when nothing does any more. */
function nameEntry(path: string): string | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  return stats.isSymbolicLink() ? 'a link to nothing that can be read' : 'a pipe, socket or device';
}

/** Names in the folder that start as asked, folders with `/` behind, so that "a.b" comes before "a/b" as in keys. */
function sortedNames(path: string, nameStart: string): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if (isAbsence(error)) return [];
    throw explainFileError(error, 'list', path);
  }
  return entries
    .filter(({ name }) => name.startsWith(nameStart) && !name.startsWith(OWN_PREFIX))
    .map((entry) => (isFolder(path, entry) ? `${entry.name}/` : entry.name))
    .sort(compareKeys);
}

function isFolder(path: string, entry: Dirent): boolean {
  // Some file systems don't tell the type with the name: then, as for links, only the status says.
  if (entry.isFile()) return false;
  return entry.isDirectory() || folderIdentity(join(path, entry.name)) !== undefined;
}

/** Device and inode of the folder at the path; undefined when there is no folder. */
export function folderIdentity(path: string): string | undefined {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stats?.isDirectory() ? `${stats.dev}:${stats.ino}` : undefined;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw explainFileError(error, 'list', path);
  }
}
