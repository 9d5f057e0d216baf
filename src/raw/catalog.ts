/**
 * Catalogs raw samples: the id of each one, and its object, offset and length. No sample is read. Since a plan holds places,
 * a chunk may take its samples from single files, rows of stacks and members of archives alike.
 */
import { InputError, NotFoundError } from '../core/errors.ts';
import { mapAhead } from '../storage/ahead.ts';
import { listInParts } from '../storage/parallel-listing.ts';
import type { ObjectInfo, ObjectStore } from '../storage/store.ts';

import { type FoundArray, findArrays, rawKind } from './arrays.ts';
import type { Label } from './labels.ts';
import { baseName, COMPANION, companionKey, nameRows, numberRows } from './row-ids.ts';
import {
  describePlace,
  isSampleId,
  type RawFault,
  rawFault,
  SAMPLE_ID_RULE,
  type SampleRef,
} from './sample-ref.ts';
import { SAMPLE_FILE_SIZE } from './strain-array.ts';

/** Objects opened at the same time: each pack and archive costs the object store's latency. */
const OBJECTS_AHEAD = 32;
/** Files named per group: 560,000 of them one by one take seconds. */
const PLAIN_AT_ONCE = 256;

export interface CatalogOptions {
  /** Ids of the labels, in order. They name a stack that has as many rows and no companion file. */
  labelIds?: readonly string[];
  /** Name a stack's samples `<file>_<row>` if nothing else names them; for inspecting a file. Default false. */
  numbered?: boolean;
  /** Also open files of the size of one sample: two float32 samples have the same size. Default false. */
  open?: boolean;
  /** Called for each input that can't be used; the rest is returned. Default: the first fault is thrown. */
  onFault?: (fault: InputError) => void;
}

/**
 * The samples in an object: `.npy` of shape (3, 4096) or (N, 3, 4096), `.npz` of such arrays, `.tar` of such files.
 * Objects with other extensions have none. A sample's id is its file's name without folders and extension, as in Kaggle's
 * train/0/2/0/0203d6b63a.npy. A stack's ids come from its companion `<name>.ids.txt`, or from the labels.
 *
 * Ids may repeat: the caller, who knows all objects, checks that. A truncated tar gives the members before its end.
 */
export async function catalogObject(
  store: ObjectStore,
  info: ObjectInfo,
  { labelIds, numbered = false, open = false, onFault = raise }: CatalogOptions = {},
): Promise<SampleRef[]> {
  const arrays = await findArrays(store, info, { open, onFault });
  const ids = await nameStacks(store, info.key, arrays, { labelIds, numbered, onFault });
  const refs: SampleRef[] = [];
  let position = 0;
  for (const { name, rows, refer: locate } of arrays) {
    const refer = (id: string, row: number): SampleRef => ({ ...locate(id, row), etag: info.etag });
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

/** Ids of the rows of all stacks in an object, concatenated; undefined when the rows have no ids. */
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

/** Samples that are single files, named by their keys. */
function nameFiles(files: readonly ObjectInfo[], onFault: (fault: InputError) => void): SampleRef[] {
  const refs: SampleRef[] = [];
  for (const { key, etag } of files) {
    const ref: SampleRef = { id: baseName(key), key, etag, kind: 'npy' };
    if (isSampleId(ref.id)) refs.push(ref);
    else onFault(unnamed(ref));
  }
  return refs;
}

function unnamed(ref: SampleRef): InputError {
  return new InputError({
    object: describePlace(ref),
    found: 'a name that is not a valid sample id',
    needed: SAMPLE_ID_RULE,
  });
}

function raise(fault: InputError): never {
  throw fault;
}

/** From a listing: files that needn't be opened, one object that must be opened, or an entry that is no object. */
type Found = ObjectInfo[] | { info: ObjectInfo; open: boolean } | RawFault;

/** The outermost folder of a key that is named like a raw file: `train/X.npy` for train/X.npy/part.npy. */
export function rawFolder(key: string): string | undefined {
  // Of 560,000 keys, hardly one passes this.
  if (!/\.(npy|npz|tar|tgz|gz)\//.test(key)) return undefined;
  const names = key.split('/').slice(0, -1);
  return names.map((_, i) => names.slice(0, i + 1).join('/')).find((path) => rawKind(path) !== undefined);
}

export interface Catalog {
  refs: SampleRef[];
  /** Inputs that can't be used, with the columns of rejected.csv. */
  faults: RawFault[];
}

export interface DatasetOptions {
  labels?: readonly Label[];
  /** Decides which keys are catalogued. Refusing a folder's key (`a/b/`) skips the whole folder. Default: all are. */
  accept?: (key: string) => boolean;
  /** Called from time to time with the number of samples found so far. */
  onProgress?: (samples: number) => void;
}

/**
 * Every sample in a store, in listing order. Without labels, the samples of stacks without a companion file are numbered.
 *
 * Everything that is named like raw data ends up among the refs or the faults.
 */
export async function catalogDataset(
  store: ObjectStore,
  { labels, accept = () => true, onProgress }: DatasetOptions = {},
): Promise<Catalog> {
  const labelIds = labels?.map(({ id }) => id) ?? [];

  async function* listRaw(): AsyncGenerator<Found> {
    const folders = new Set<string>();
    const companions = new Set<string>();
    let plain: ObjectInfo[] = [];
    for await (const part of listInParts(store, accept)) {
      for (const info of part) {
        if (!accept(info.key)) continue;
        const folder = rawFolder(info.key);
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
          // `stack.ids.txt` precedes `stack.npy`, `.npz` and `.tar` in the listing.
          companions.add(info.key);
        }
        const kind = rawKind(info.key);
        if (kind === undefined) continue;
        // Only in these cases can a file of the size of one sample be a stack that has ids.
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
    const onFault = (fault: InputError) => own.push(rawFault(fault, key ?? fault.fields.object));
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
  return { refs, faults };
}

/** The samples of one raw file, for inspecting it: rows of stacks without ids are numbered. Throws NotFoundError. */
export async function catalogFile(
  store: ObjectStore,
  key: string,
): Promise<{ refs: SampleRef[]; faults: InputError[] }> {
  const info = await store.head(key);
  if (info === undefined) {
    // A missing bucket is reported by reads only, not by head.
    await store.read(key, { offset: 0, length: 1 });
    throw new NotFoundError(`${store.location}${key}`);
  }
  if (rawKind(key) === undefined) {
    throw new InputError({ object: key, found: 'an unsupported file type', needed: '.npy, .npz or .tar' });
  }
  const faults: InputError[] = [];
  const onFault = (fault: InputError) => faults.push(fault);
  return { refs: await catalogObject(store, info, { numbered: true, open: true, onFault }), faults };
}
