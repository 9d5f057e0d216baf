import { dirname } from 'node:path';
import { MachineError } from '../core/errors.ts';
import { formatBytes } from '../core/format-bytes.ts';
import { freeSpace } from '../core/free-space.ts';
import { SAMPLE_SIZE } from '../core/strain.ts';
import { METADATA_KEY } from '../records/metadata.ts';
import type { ObjectStore } from '../storage/store.ts';
import type { Plan } from './plan/plan.ts';

/** Bytes of a record besides its signal, about. */
const FRAME = 80;

/**
 * Throws MachineError if the folder of the records has no room for the shards that it lacks: hours of work would end in a full
 * disk. A bucket has room.
 */
export async function requireSpace(records: ObjectStore, { settings, shards }: Plan): Promise<void> {
  if (records.folder === undefined) return;
  const width = { float16: 2, float32: 4 }[settings.dtype];
  let samples = 0;
  for (const shard of shards) if ((await records.head(shard.name)) === undefined) samples += shard.samples;
  const needed = samples * (SAMPLE_SIZE * width + FRAME);
  const free = await freeSpace(dirname(records.folder.path(METADATA_KEY)));
  if (free >= needed) return;
  const smaller = settings.dtype === 'float32' ? ', or --dtype float16, which takes half' : '';
  throw new MachineError(
    `${records.location}: ${samples} records of ${settings.dtype} need ${formatBytes(needed)}, but ${formatBytes(free)} are free. Use a folder on another disk${smaller}`,
  );
}
