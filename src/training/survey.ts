import { InputError } from '../errors.ts';
import type { RecordDType } from '../records/dtype.ts';
import { decodeExample } from '../records/example.ts';
import { checkSignal } from '../records/shard.ts';
import { FRAME_FOOTER, FRAME_HEADER, readFrameLength, streamRecords } from '../records/tfrecord.ts';
import { checkRecord } from './examine.ts';
import type { RecordSet, Run, Shard } from './records.ts';

export interface Survey {
  /** The set without its damaged records. */
  set: RecordSet;
  /** What is wrong with each place that is left out. */
  damages: InputError[];
}

/**
 * Reads all records, one by one, and leaves out those that examineRecords would refuse. Where the length of a record is
 * damaged, nobody knows where the next one begins, so that the rest of its shard is left out.
 *
 * Throws InputError when no record is left.
 */
export async function surveyRecords(set: RecordSet): Promise<Survey> {
  const damages: InputError[] = [];
  const shards: Shard[] = [];
  for (const shard of set.shards) shards.push({ ...shard, runs: await surveyShard(set, shard, damages) });
  const count = shards.reduce((sum, { runs }) => runs.reduce((n, { records }) => n + records, sum), 0);
  if (count === 0)
    throw damages[0] ?? new InputError({ object: set.store.location, found: 'no records', needed: 'some' });
  return { set: { ...set, shards, count }, damages };
}

async function surveyShard(
  { store, dtype }: RecordSet,
  { name }: Shard,
  damages: InputError[],
): Promise<Run[]> {
  const object = store.location + name;
  const runs: Run[] = [];
  for (let start: number | undefined = 0; start !== undefined; ) {
    const first: number = start;
    /** Where the next record begins. */
    let next = first;
    let run: Run | undefined;
    const range = { offset: first, length: Number.MAX_SAFE_INTEGER - first };
    try {
      for await (const { data, offset } of streamRecords(store.stream(name, range), object, first)) {
        next = offset + FRAME_HEADER + data.length + FRAME_FOOTER;
        const damage = findDamage(data, dtype, object, offset);
        if (damage !== undefined) {
          damages.push(damage);
          run = undefined;
        } else if (run === undefined) {
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
  return runs;
}

/** What is wrong with a record whose frame is sound. */
function findDamage(
  data: Uint8Array,
  needed: RecordDType,
  object: string,
  offset: number,
): InputError | undefined {
  try {
    const { signal, label } = decodeExample(data, object, offset);
    const dtype = checkSignal(signal, object, offset);
    checkRecord({ signal, label, id: '', dtype, object, offset }, needed);
    return undefined;
  } catch (error) {
    return expectDamage(error);
  }
}

function expectDamage(error: unknown): InputError {
  if (error instanceof InputError) return error;
  throw error;
}
