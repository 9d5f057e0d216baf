/** What an upload must not be mixed with. */
import pLimit from 'p-limit';
import { ConflictError } from '../../core/errors.ts';
import { isPackKey, readPackIndex } from '../../raw/tar/pack.ts';
import type { ObjectInfo, ObjectStore } from '../../storage/store.ts';
import type { Packing, RawFile } from './packing.ts';

const READS_AT_ONCE = 16;

/**
 * Refuses what would spoil what is there: a sample that is there twice is rejected by every run, and a pack of other
 * samples must not be written over. Throws ConflictError, which says what to do.
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
      `${to.location} holds ${single.key} as a file of its own: go on with --pack 1, or remove the files first`,
    );
  }
  const keys = new Set(files.map(({ key }) => key));
  const taken = packs.find(({ key }) => keys.has(key));
  if (taken !== undefined) {
    throw new ConflictError(
      `the folder holds ${taken.key}, the name of a pack: move it out, or use --pack 1`,
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
        ? `${to.location}${pack.key} holds samples of this folder: upload in the same packs, or remove them first`
        : `${to.location}${pack.key} holds other samples: use another place, or --pack 1 for samples that come later`,
    );
  };
  const held = [...there.values()].filter(({ key }) => isPackKey(key));
  await Promise.all(held.map((pack) => limit(check, pack)));
}
