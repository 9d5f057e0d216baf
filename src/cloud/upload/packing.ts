/**
 * Which files of a folder go into which pack, and the bytes of a pack. Both depend only on the files: the same folder gives
 * the same packs on any machine.
 *
 * Packs follow the order of the labels, as the chunks of a plan do, so a chunk is read in a few large pieces. Files without
 * exactly one label come last; the plan reports why it can't use them.
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
  /** Bytes of its first member, which lists the others. */
  index: Uint8Array;
  /** Bytes. */
  size: number;
}

export interface Packing {
  packs: Pack[];
  /** Files uploaded as they are: stacks, archives, files with unusual names. */
  singles: RawFile[];
}

/** Samples in test/ have no labels: `predict` reads them and plans skip them. They get separate packs. */
const TEST_FOLDER = 'test';
const TRAIN_FOLDER = 'train';

/** Puts `files`, which are sorted by key, into packs of `perPack` files. */
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

/** Whether a file has at most the size of one sample, and a name that tar readers accept. The content isn't checked. */
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
 * The bytes of a pack, one file at a time. Throws InputError when a file's size has changed since it was listed, and
 * StoppedError when `stop` is aborted. Calls `onFile` after each file.
 */
export async function* streamPack(
  from: ObjectStore,
  { files, index }: Pack,
  stop?: AbortSignal,
  onFile?: () => void,
): AsyncGenerator<Uint8Array> {
  yield index;
  for (const { key, size } of files) {
    if (stop?.aborted) throw new StoppedError('stopped. Run the same command to resume');
    const bytes = await from.read(key);
    if (bytes.length !== size) {
      throw new InputError({
        object: `${from.location}${key}`,
        found: `${bytes.length} bytes`,
        needed: `${size}, the size when it was listed`,
        advice: 'Upload again when no program writes to the folder',
      });
    }
    yield encodeTarHeader(key, size);
    yield bytes;
    yield new Uint8Array(tarPadding(size));
    onFile?.();
  }
  yield TAR_END;
}
