/**
 * Which files of a folder go into which pack, and a pack's bytes. Both depend on the files alone: the same folder gives
 * the same packs on any machine.
 *
 * Packs follow the order of the labels, as the chunks of a plan do, so that a chunk lies in one piece. Files that no
 * single label belongs to come last; the plan will say why it can't use them.
 */
import { InputError, StoppedError } from '../../core/errors.ts';
import { rawKind } from '../../raw/arrays.ts';
import type { Label } from '../../raw/labels.ts';
import { baseName, companionKey } from '../../raw/row-ids.ts';
import { SAMPLE_FILE_SIZE } from '../../raw/strain-array.ts';
import { encodePackIndex, packName, packSize } from '../../raw/tar/pack.ts';
import { encodeTarHeader, fitsTarName, TAR_END, tarPadding } from '../../raw/tar/tar-header.ts';
import type { ObjectStore } from '../../storage/store.ts';

export interface RawFile {
  key: string;
  /** Bytes. */
  size: number;
}

export interface Pack {
  key: string;
  files: RawFile[];
  /** Its first member, which lists the others. */
  index: Uint8Array;
  /** Bytes. */
  size: number;
}

export interface Packing {
  packs: Pack[];
  /** What goes up as it is: stacks, archives, files with odd names. */
  singles: RawFile[];
}

/** Samples without labels, which `predict` reads and plans leave out, get packs of their own. */
const TEST_FOLDER = 'test';
const TRAIN_FOLDER = 'train';

/** Puts `files`, in the order of their keys, into packs of `perPack` files. */
export function planPacks(files: readonly RawFile[], labels: readonly Label[], perPack: number): Packing {
  const keys = new Set(files.map(({ key }) => key));
  const train: RawFile[] = [];
  const test: RawFile[] = [];
  const singles: RawFile[] = [];
  for (const file of files) {
    if (!isPackable(file) || keys.has(companionKey(file.key))) singles.push(file);
    else if (file.key.startsWith(`${TEST_FOLDER}/`)) test.push(file);
    else train.push(file);
  }
  const packs = [
    ...cutPacks(TRAIN_FOLDER, orderByLabels(train, labels), perPack),
    ...cutPacks(TEST_FOLDER, test, perPack),
  ];
  return { packs, singles };
}

/** Files of one sample by their size, whatever is in them, under names that the readers of archives accept. */
function isPackable({ key, size }: RawFile): boolean {
  return rawKind(key) === 'npy' && size <= SAMPLE_FILE_SIZE && fitsTarName(key) && !/[\\\p{Cc}]/u.test(key);
}

function orderByLabels(files: RawFile[], labels: readonly Label[]): RawFile[] {
  const byId = new Map<string, RawFile | 'several'>();
  for (const file of files) {
    const id = baseName(file.key);
    byId.set(id, byId.has(id) ? 'several' : file);
  }
  const ordered = new Set<RawFile>();
  for (const { id } of labels) {
    const file = byId.get(id);
    if (file !== undefined && file !== 'several') ordered.add(file);
  }
  for (const file of files) ordered.add(file);
  return [...ordered];
}

function cutPacks(folder: string, files: RawFile[], perPack: number): Pack[] {
  const total = Math.ceil(files.length / perPack);
  return Array.from({ length: total }, (_, number) => {
    const members = files.slice(number * perPack, (number + 1) * perPack);
    const list = members.map(({ key, size }) => ({ name: key, size }));
    const index = encodePackIndex(list);
    return {
      key: `${folder}/${packName(number, total)}`,
      files: members,
      index,
      size: packSize(index.length, list),
    };
  });
}

/**
 * A pack's bytes, a file at a time. Throws InputError when a file has changed since it was listed, StoppedError when
 * `stop` is aborted. `onFile` is called with each file that has been read.
 */
export async function* streamPack(
  from: ObjectStore,
  { files, index }: Pack,
  stop?: AbortSignal,
  onFile?: () => void,
): AsyncGenerator<Uint8Array> {
  yield index;
  for (const { key, size } of files) {
    if (stop?.aborted) throw new StoppedError('stopped; the same command resumes from here');
    const bytes = await from.read(key);
    if (bytes.length !== size) {
      throw new InputError({
        object: `${from.location}${key}`,
        found: `${bytes.length} bytes`,
        needed: `${size}, as when it was listed`,
        advice: 'Upload again when nobody writes to the folder',
      });
    }
    yield encodeTarHeader(key, size);
    yield bytes;
    yield new Uint8Array(tarPadding(size));
    onFile?.();
  }
  yield TAR_END;
}
