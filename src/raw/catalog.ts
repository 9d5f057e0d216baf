/** The samples of raw objects: what each is called and where it lies. No sample is read for that. */
import { InputError, NotFoundError } from '../core/errors.ts';
import { mapAhead } from '../storage/ahead.ts';
import { createListers, type ListPart, listInParts } from '../storage/parallel-listing.ts';
import type { ObjectInfo, ObjectStore } from '../storage/store.ts';

import { type FoundArray, findArrays, rawKind } from './arrays.ts';
import type { Label } from './labels.ts';
import { baseName, COMPANION, companionKey, nameRows, numberRows } from './row-ids.ts';
import {
  describePlace,
  isSampleId,
  type RawFault,
  reasonOf,
  SAMPLE_ID_RULE,
  type SampleRef,
} from './sample-ref.ts';
import { SAMPLE_FILE_SIZE } from './strain-array.ts';

/** Opened at once: packs and archives each cost an object store's latency. */
const OBJECTS_AHEAD = 32;
const PLAIN_AT_ONCE = 256;

export interface CatalogOptions {
  /** Ids of the labels, which name a stack's samples in their order when there are as many and no companion file. */
  labelIds?: readonly string[];
  /** Name the samples of a stack `<file>_<row>` when nothing else does: to look at a file. Default false. */
  numbered?: boolean;
  /** Look also into files that have the size of one sample: two float32 ones have it too. Default false. */
  open?: boolean;
  /** Called with what can't be used; the rest is returned. Without it, the first fault is thrown. */
  onFault?: (fault: InputError) => void;
}

/**
 * The samples in an object: `.npy` of shape (3, 4096) or (N, 3, 4096), `.npz` of such arrays, `.tar` of such files;
 * none in an object of another extension. A file's name without folders and extension is the sample's id, as in
 * Kaggle's train/0/2/0/0203d6b63a.npy; a stack's ids are in a companion `<name>.ids.txt`, or those of the labels.
 *
 * Ids may repeat: only who sees all objects can tell. A truncated tar gives the members before the cut.
 */
export async function catalogObject(
  store: ObjectStore,
  info: ObjectInfo,
  { labelIds, numbered = false, open = false, onFault = raise }: CatalogOptions = {},
): Promise<SampleRef[]> {
  const arrays: FoundArray[] = [];
  for await (const found of findArrays(store, info, { open, onFault })) {
    for (const array of found) arrays.push(array);
  }
  const ids = await nameStacks(store, info.key, arrays, { labelIds, numbered, onFault });
  const refs: SampleRef[] = [];
  let position = 0;
  for (const { name, rows, refer } of arrays) {
    if (rows === undefined) {
      const ref = refer(baseName(name), 0);
      if (isSampleId(ref.id)) refs.push(ref);
      else onFault(unnamed(ref));
    } else if (ids !== undefined) {
      for (let row = 0; row < rows; row += 1) refs.push(refer(ids[position + row]!, row));
      position += rows;
    }
  }
  return refs;
}

type NamingOptions = Pick<Required<CatalogOptions>, 'numbered' | 'onFault'> & {
  labelIds: readonly string[] | undefined;
};

/** Ids of the rows of all stacks in an object, one stack behind the other; undefined when they have none. */
async function nameStacks(
  store: ObjectStore,
  key: string,
  arrays: readonly FoundArray[],
  { labelIds, numbered, onFault }: NamingOptions,
): Promise<readonly string[] | undefined> {
  const stacks = arrays.filter(({ rows }) => rows !== undefined);
  if (stacks.length === 0) return undefined;
  const count = stacks.reduce((sum, { rows }) => sum + rows!, 0);
  try {
    return await nameRows(store, key, count, labelIds);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    if (numbered) return stacks.flatMap(({ name, rows }) => numberRows(name, rows!));
    onFault(error);
    return undefined;
  }
}

/** Samples that are files of their own, by their names. */
function nameFiles(files: readonly ObjectInfo[], onFault: (fault: InputError) => void): SampleRef[] {
  const refs: SampleRef[] = [];
  for (const { key } of files) {
    const ref: SampleRef = { id: baseName(key), key, kind: 'npy' };
    if (isSampleId(ref.id)) refs.push(ref);
    else onFault(unnamed(ref));
  }
  return refs;
}

function unnamed(ref: SampleRef): InputError {
  return new InputError({
    object: describePlace(ref),
    found: 'its name',
    needed: `an id of ${SAMPLE_ID_RULE}`,
  });
}

function raise(fault: InputError): never {
  throw fault;
}

/** Of a listing: files that needn't be looked into, one that must be, or what is no object. */
type Found = ObjectInfo[] | { info: ObjectInfo; open: boolean } | RawFault;

/** The outermost folder around a key that goes by the name of raw data, as of train/X.npy/part.npy. */
export function rawFolder(key: string): string | undefined {
  const names = key.split('/').slice(0, -1);
  return names.map((_, i) => names.slice(0, i + 1).join('/')).find((path) => rawKind(path) !== undefined);
}

/** rawFolder for keys in the order of a listing. */
function createFolderFinder(): (key: string) => string | undefined {
  let last = '';
  let found: string | undefined;
  return (key) => {
    // Hundreds of thousands of keys come folder by folder.
    const end = key.lastIndexOf('/') + 1;
    if (end !== last.length || !key.startsWith(last)) {
      last = key.slice(0, end);
      found = rawFolder(last);
    }
    return found;
  };
}

export interface Catalog {
  refs: SampleRef[];
  /** What can't be used, with the columns of rejected.csv. */
  faults: RawFault[];
  /** The raw objects themselves, companion files among them. */
  objects: ObjectInfo[];
}

export interface DatasetOptions {
  labels?: readonly Label[];
  /** Objects whose key it refuses are not looked at, nor a folder's whose own (`a/b/`) it refuses. Default: none refused. */
  accept?: (key: string) => boolean;
  /** Who lists the store's parts. Default: this thread. */
  listers?: readonly ListPart[];
  /** Gets the number of samples found so far, every now and then. */
  onProgress?: (samples: number) => void;
}

/**
 * Every sample in a store, in the order of the listing. Without labels, the samples of stacks that have no
 * companion file are numbered.
 *
 * Nothing that goes by the name of raw data is left out in silence: it is among the refs or the faults.
 */
export async function catalogDataset(
  store: ObjectStore,
  { labels, accept = () => true, listers = createListers(store), onProgress }: DatasetOptions = {},
): Promise<Catalog> {
  const labelIds = labels?.map(({ id }) => id) ?? [];
  const objects: ObjectInfo[] = [];

  /** Files that needn't be looked into come by the hundred: 560,000 of them one by one take seconds. */
  async function* listRaw(): AsyncGenerator<Found> {
    const findRawFolder = createFolderFinder();
    const folders = new Set<string>();
    const companions = new Set<string>();
    let plain: ObjectInfo[] = [];
    for await (const part of listInParts(store, listers, accept)) {
      for (const info of part) {
        if (!accept(info.key)) continue;
        const folder = findRawFolder(info.key);
        if (folder !== undefined) {
          if (!folders.has(folder)) {
            yield { id: '', file: folder, reason: 'found a folder, needed a file', key: folder };
          }
          folders.add(folder);
          continue;
        }
        if (info.fault !== undefined) {
          if (rawKind(info.key) !== undefined) {
            yield { id: '', file: info.key, reason: info.fault, key: info.key };
          }
          continue;
        }
        if (info.key.endsWith(COMPANION)) {
          // In the listing's order, `stack.ids.txt` comes before `stack.npy` and its like.
          companions.add(info.key);
          objects.push(info);
        }
        const kind = rawKind(info.key);
        if (kind === undefined) continue;
        objects.push(info);
        // Only then could a file of the size of one sample be a stack that has ids.
        const open = companions.has(companionKey(info.key)) || labelIds.length === 1 || labelIds.length === 2;
        const small = kind === 'npy' && info.size <= SAMPLE_FILE_SIZE && !open;
        if (small) plain.push(info);
        if (plain.length > 0 && (!small || plain.length === PLAIN_AT_ONCE)) {
          yield plain;
          plain = [];
        }
        if (!small) yield { info, open };
      }
    }
    if (plain.length > 0) yield plain;
  }

  async function catalog(found: Found) {
    if ('reason' in found) return { refs: [], faults: [found] };
    const own: RawFault[] = [];
    const key = Array.isArray(found) ? undefined : found.info.key;
    const onFault = (fault: InputError) =>
      own.push({
        id: '',
        file: fault.fields.object,
        reason: reasonOf(fault),
        key: key ?? fault.fields.object,
      });
    if (Array.isArray(found)) return { refs: nameFiles(found, onFault), faults: own };
    const { info, open } = found;
    const options = { labelIds, numbered: labels === undefined, open, onFault };
    return { refs: await catalogObject(store, info, options), faults: own };
  }

  const refs: SampleRef[] = [];
  const faults: RawFault[] = [];
  for await (const found of mapAhead(listRaw(), OBJECTS_AHEAD, catalog)) {
    for (const ref of found.refs) refs.push(ref);
    for (const fault of found.faults) faults.push(fault);
    onProgress?.(refs.length);
  }
  return { refs, faults, objects };
}

/** The samples of one raw file, for a look at it: stacks without ids are numbered. Throws NotFoundError. */
export async function catalogFile(
  store: ObjectStore,
  key: string,
): Promise<{ refs: SampleRef[]; faults: InputError[] }> {
  const info = await store.head(key);
  if (info === undefined) {
    // Of a bucket that isn't there, only a read is told.
    await store.read(key, { offset: 0, length: 1 });
    throw new NotFoundError(`${store.location}${key}`);
  }
  if (rawKind(key) === undefined) {
    throw new InputError({ object: key, found: 'another kind of file', needed: '.npy, .npz or .tar' });
  }
  const faults: InputError[] = [];
  const onFault = (fault: InputError) => faults.push(fault);
  return { refs: await catalogObject(store, info, { numbered: true, open: true, onFault }), faults };
}
