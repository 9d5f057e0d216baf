import { InputError } from '../../core/errors.ts';
import { SAMPLE_SIZE } from '../../core/strain.ts';
import { decodeExample } from '../../records/example.ts';
import type { RecordDType } from '../../records/record-dtype.ts';
import { checkSignal } from '../../records/shard.ts';
import { FRAME_FOOTER, FRAME_HEADER, readFrameLength, streamRecords } from '../../records/tfrecord.ts';
import { hashObject } from '../../storage/hash-object.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { decodeRecord } from './record-check.ts';
import { type FoundRecords, type RecordSet, type Run, requirePromised, type Shard } from './records.ts';

export interface Survey {
  /** The set without its damaged records. */
  set: RecordSet;
  /** One error for each place that is skipped. */
  damages: InputError[];
}

/**
 * Reads all records one by one and skips those that can't be trained on. If the length of a record is damaged, the offset of
 * the next one is unknown, so the rest of the shard is skipped. If the type of the signals is unknown, the first record
 * decides it.
 *
 * Throws InputError when no record is left.
 */
export async function surveyRecords(found: FoundRecords): Promise<Survey> {
  const { store } = found;
  const damages: InputError[] = [];
  const shards: Shard[] = [];
  let { dtype } = found;
  for (const shard of found.shards) {
    const before = damages.length;
    const surveyed = await surveyShard(store, shard, dtype, damages);
    dtype = surveyed.dtype;
    // A damaged shard doesn't match its published hash. Later reads are checked against its current bytes.
    const undamaged = damages.length === before;
    const sha256 = (undamaged ? shard.sha256 : undefined) ?? (await hashObject(store, shard.name));
    shards.push({ ...shard, runs: surveyed.runs, sha256 });
  }
  const count = shards.reduce((sum, { runs }) => runs.reduce((n, { records }) => n + records, sum), 0);
  if (count === 0 || dtype === undefined)
    throw (
      damages[0] ??
      new InputError({ object: store.location, found: 'no records', needed: 'at least one record' })
    );
  // Where a record's length is damaged, it is unknown how many follow.
  if (damages.length === 0) requirePromised(found, count);
  return { set: { ...found, shards, count, dtype }, damages };
}

async function surveyShard(
  store: ObjectStore,
  { name }: Shard,
  needed: RecordDType | undefined,
  damages: InputError[],
): Promise<{ runs: Run[]; dtype: RecordDType | undefined }> {
  const object = store.location + name;
  const runs: Run[] = [];
  let dtype = needed;
  for (let start: number | undefined = 0; start !== undefined; ) {
    const first: number = start;
    /** Offset of the next record. */
    let next = first;
    let run: Run | undefined;
    const range = { offset: first, length: Number.MAX_SAFE_INTEGER - first };
    try {
      for await (const { data, offset } of streamRecords(store.stream(name, range), object, first)) {
        next = offset + FRAME_HEADER + data.length + FRAME_FOOTER;
        const examined = examine(data, dtype, object, offset);
        if (examined instanceof InputError) {
          damages.push(examined);
          run = undefined;
          continue;
        }
        dtype = examined;
        if (run === undefined) {
          run = { offset, records: 1 };
          runs.push(run);
        } else run.records++;
      }
      start = undefined;
    } catch (error) {
      damages.push(expectDamage(error));
      const length = readFrameLength(await store.read(name, { offset: next, length: FRAME_HEADER }));
      start = length === undefined ? undefined : next + FRAME_HEADER + length + FRAME_FOOTER;
    }
  }
  return { runs, dtype };
}

const values = new Float32Array(SAMPLE_SIZE);

/** The type of a record with a valid frame, or its fault. */
function examine(
  data: Uint8Array,
  needed: RecordDType | undefined,
  object: string,
  offset: number,
): RecordDType | InputError {
  try {
    const { signal, label } = decodeExample(data, object, offset);
    const dtype = checkSignal(signal, object, offset);
    decodeRecord({ signal, label, id: '', dtype, object, offset }, needed ?? dtype, values);
    return dtype;
  } catch (error) {
    return expectDamage(error);
  }
}

function expectDamage(error: unknown): InputError {
  if (error instanceof InputError) return error;
  throw error;
}
