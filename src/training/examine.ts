import { InputError } from '../errors.ts';
import { decodeSignal, type RecordDType } from '../records/dtype.ts';
import { SAMPLE_SIZE } from '../strain.ts';
import { type RecordSet, readRecordRange, type SignalRecord } from './records.ts';

/**
 * Reads all records of the set, one by one. Throws InputError, which names the shard and the offset, at the first one
 * that is damaged, isn't a sample (3, 4096) of the set's type with a label 0 or 1, or holds a number that isn't finite,
 * and when a shard holds another number of records than it should.
 */
export async function examineRecords(set: RecordSet): Promise<void> {
  for await (const record of readRecordRange(set, 0, set.count)) checkRecord(record, set.dtype);
}

const values = new Float32Array(SAMPLE_SIZE);

/** Throws InputError when the signal isn't of the type, or holds a number that isn't finite. */
export function checkRecord({ signal, dtype, object, offset }: SignalRecord, needed: RecordDType): void {
  if (dtype !== needed)
    throw new InputError({
      object,
      offset,
      found: `a signal of ${dtype}`,
      needed: `${needed}, as the others`,
    });
  decodeSignal(signal, dtype, values);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad === -1) return;
  const found = `${values[bad]} at index ${bad} of the signal`;
  throw new InputError({ object, offset, found, needed: 'finite numbers' });
}
