import { type Dirent, lstatSync, readdirSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { MachineError } from '../../core/errors.ts';
import { compareKeys, describeKeyFault, KEY_LIMIT, keyFault, prefixFault } from '../key.ts';
import type { ObjectInfo } from '../store.ts';
import type { FileCalls } from './file-calls.ts';
import { explainFileError, isAbsence } from './file-errors.ts';

/** Prefix of the store's own files and folders. No part of a key may start with it, and such names are not listed. */
export const OWN_PREFIX = '.chirpline-';

/** A replaced file has another inode; a file changed in place has another modification time. */
export function fileEtag(stats: { size: bigint; mtimeNs: bigint; ino: bigint }): string {
  return `${stats.size.toString(16)}-${stats.mtimeNs.toString(16)}-${stats.ino.toString(16)}`;
}

/** Size and etag of the regular file at the path, following links; undefined when it is missing. */
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

/** NAME_MAX of common file systems [bytes]. */
const NAME_LIMIT = 255;

/**
 * The regular files under a folder whose key starts with the prefix, in key order, in batches of one folder: single files
 * would each pass through one generator per parent folder. Memory holds the names of one folder and of its parents, never
 * the whole tree.
 *
 * Symbolic links to files and folders are followed. A link to one of its parent folders is a MachineError. Entries that
 * can't be read as objects are listed with their faults.
 */
export function listFiles(root: string, prefix: string, calls: FileCalls): Generator<ObjectInfo[]> {
  return walkFolders(calls, ...splitPrefix(root, prefix), []);
}

/** Like listFiles, for one level: each subfolder is one entry, whatever it holds. */
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

/** Splits a prefix into the folder to list, the start of the keys in it, and the start of the file names. */
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
    throw new MachineError(
      `cannot list ${path}: this link points to one of its parent folders. Remove the link`,
    );
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

/** The files of a folder that holds only files, by one native call; undefined where the general way is needed. */
function listPlainFolder(calls: FileCalls, path: string, keyStart: string): ObjectInfo[] | undefined {
  // Keys that may be too long are checked one by one.
  if (Buffer.byteLength(keyStart) + NAME_LIMIT > KEY_LIMIT) return undefined;
  const listing = calls.listFolder(path);
  if (listing === undefined || listing.names.includes(REPLACEMENT)) return undefined;
  // Parts of one string: put together one by one, the keys would take twice the memory.
  const keys = (keyStart + listing.names.replaceAll('\0', `\0${keyStart}`)).split('\0');
  const etags = listing.etags.split('\0');
  return Array.from(listing.sizes, (size, index) => ({
    key: keys[index]!,
    size,
    etag: etags[index]!,
  })).filter(({ key }) => !key.startsWith(OWN_PREFIX, keyStart.length));
}

/** U+FFFD, which Node puts in names for bytes that aren't UTF-8. */
const REPLACEMENT = '\ufffd';

/** A file, or an entry with a fault; undefined if it was removed since the folder was read. */
function describeEntry(path: string, name: string, keyStart: string): ObjectInfo | undefined {
  const key = keyStart + name;
  const badKey = keyFault(key);
  if (badKey !== undefined) return withFault(key, describeKeyFault(badKey));
  const file = describeFile(`${path}/${name}`, key);
  if (file !== undefined) return file;
  if (name.includes(REPLACEMENT)) return withFault(key, BAD_NAME);
  const found = describeNonFile(`${path}/${name}`);
  return found === undefined ? undefined : withFault(key, `found ${found}, needed a file`);
}

/** Undefined for a folder that can be listed. */
function findFolderFault(path: string, name: string, keyStart: string): ObjectInfo | undefined {
  const key = keyStart + name;
  const badKey = prefixFault(key);
  if (badKey !== undefined) return withFault(key, describeKeyFault(badKey));
  const unreadable = name.includes(REPLACEMENT) && folderIdentity(`${path}/${name}`) === undefined;
  return unreadable ? withFault(key, BAD_NAME) : undefined;
}

function emptyFolder(keyStart: string): ObjectInfo {
  return withFault(keyStart, 'found an empty folder, needed a file');
}

const BAD_NAME = 'found a name that is not UTF-8, needed UTF-8';

function withFault(key: string, fault: string): ObjectInfo {
  return { key, size: 0, etag: '', fault };
}

/** The kind of an entry that is no file; undefined if there is none, or a file by now. */
export function describeNonFile(path: string): string | undefined {
  let stats: Stats | undefined;
  try {
    stats = lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (!isAbsence(error)) throw error;
  }
  if (stats === undefined || stats.isFile()) return undefined;
  if (stats.isDirectory()) return 'a folder';
  return stats.isSymbolicLink() ? 'a link that points to no file' : 'a pipe, socket or device';
}

/** Names in the folder that start with `nameStart`. Folders get a `/` at the end, so that "a.b" sorts before "a/b" as in keys. */
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
  // Some file systems don't report the type in a listing. For these, and for links, stat does.
  if (entry.isFile()) return false;
  return entry.isDirectory() || folderIdentity(join(path, entry.name)) !== undefined;
}

/** Device and inode of the folder at the path; undefined when no folder exists there. */
export function folderIdentity(path: string): string | undefined {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stats?.isDirectory() ? `${stats.dev}:${stats.ino}` : undefined;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw explainFileError(error, 'list', path);
  }
}
