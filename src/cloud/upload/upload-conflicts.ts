/** Checks that an upload doesn't conflict with what is already at the destination. */
import pLimit from 'p-limit';
import { ConflictError } from '../../core/errors.ts';
import { isPackKey, readPackIndex } from '../../raw/tar/pack.ts';
import type { ObjectInfo, ObjectStore } from '../../storage/store.ts';
import type { Packing, RawFile } from './packing.ts';

const READS_AT_ONCE = 16;

/**
 * Refuses an upload that would damage the dataset: every run rejects a sample that exists twice, and a pack with other samples
 * must not be overwritten. Throws ConflictError.
 */
export async function refuseMixture(
  to: ObjectStore,
  there: ReadonlyMap<string, ObjectInfo>,
  files: readonly RawFile[],
  { packs }: Packing,
): Promise<void> {
  const single = packs.flatMap(({ files: packed }) => packed).find(({ key }) => there.has(key));
  if (single !== undefined) {
    throw new ConflictError(
      `${to.location} holds ${single.key} as an unpacked file: use --pack 1, or remove the unpacked files first`,
    );
  }
  const keys = new Set(files.map(({ key }) => key));
  const taken = packs.find(({ key }) => keys.has(key));
  if (taken !== undefined) {
    throw new ConflictError(
      `the folder holds ${taken.key}, which is the name of a pack: move the file out, or use --pack 1`,
    );
  }
  const wanted = new Set(packs.map(({ key }) => key));
  const limit = pLimit(READS_AT_ONCE);
  const check = async (pack: ObjectInfo) => {
    if (keys.has(pack.key)) return;
    const members = (await readPackIndex(to, pack)) ?? [];
    const holdsThese = members.some(({ name }) => keys.has(name));
    if (holdsThese === wanted.has(pack.key)) return;
    throw new ConflictError(
      holdsThese
        ? `${to.location}${pack.key} holds samples of this folder: use the same --pack as before, or remove the packs first`
        : `${to.location}${pack.key} holds other samples: upload to another location, or add later samples with --pack 1`,
    );
  };
  const held = [...there.values()].filter(({ key }) => isPackKey(key));
  await Promise.all(held.map((pack) => limit(check, pack)));
}
