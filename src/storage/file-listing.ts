import { type Dirent, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InputError, MachineError } from '../errors.ts';
import type { FileCalls } from './file-calls.ts';
import { explainFileError, isAbsence } from './file-errors.ts';
import { compareKeys } from './key.ts';
import type { ObjectInfo } from './store.ts';

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

/**
 * The regular files under a folder whose key starts with the prefix, in order of their keys, some of a folder at a time: one
 * by one, each would pass a generator for every folder above it. One folder's names are in memory at a time (and those of
 * the folders above it), never the whole tree.
 *
 * Symbolic links are followed, to files and to folders; a link to a folder that it lies in is a MachineError. What
 * cannot be read as an object is no object: sockets, pipes, devices, links to nothing.
 */
export function listFiles(root: string, prefix: string, calls: FileCalls): Generator<ObjectInfo[]> {
  return walkFolders(calls, ...splitPrefix(root, prefix), []);
}

/** The same, without going into folders: each is a start of keys, whatever is in it. */
export function* listFileLevel(root: string, prefix: string): Generator<ObjectInfo | string> {
  const [path, keyStart, nameStart] = splitPrefix(root, prefix);
  for (const name of sortedNames(path, nameStart)) {
    const entry = name.endsWith('/') ? keyStart + name : describeEntry(path, name, keyStart);
    if (entry !== undefined) yield entry;
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
  if (plain !== undefined) {
    yield plain;
    return;
  }
  let files: ObjectInfo[] = [];
  for (const name of sortedNames(path, nameStart)) {
    if (name.endsWith('/')) {
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

/** Undefined for what is no regular file. */
function describeEntry(path: string, name: string, keyStart: string): ObjectInfo | undefined {
  const file = describeFile(`${path}/${name}`, keyStart + name);
  // A file that vanished meanwhile is no object; one whose name was not UTF-8 would vanish from every count.
  if (file === undefined && name.includes(UNREADABLE)) {
    throw new InputError({
      object: join(path, name),
      found: 'a file name that is not UTF-8',
      needed: 'UTF-8',
    });
  }
  return file;
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
function folderIdentity(path: string): string | undefined {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stats?.isDirectory() ? `${stats.dev}:${stats.ino}` : undefined;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw explainFileError(error, 'list', path);
  }
}
