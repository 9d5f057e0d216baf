import { InputError } from '../../core/errors.ts';
import { quote } from '../../core/quote.ts';
import { SAMPLE_SIZE } from '../../core/strain.ts';
import { decodeSignal, type RecordDType } from '../../records/record-dtype.ts';
import { describeNonFinite } from '../../records/shard.ts';
import { type RecordSet, readRecordRange, type SignalRecord } from './records.ts';

/**
 * Reads all records of the set one by one. Throws InputError, with the shard and the offset, at the first record that is
 * damaged, isn't a sample (3, 4096) of the set's type with label 0 or 1, or has a value that isn't finite. Also throws when
 * a shard has another number of records than expected or another hash than metadata.json says, and, if metadata.json
 * describes the set, when two records have the same id.
 */
export async function examineRecords(set: RecordSet): Promise<void> {
  const values = new Float32Array(SAMPLE_SIZE);
  const checkId = createIdCheck();
  for await (const record of readRecordRange(set, 0, set.count)) {
    decodeRecord(record, set.dtype, values);
    if (set.metadata !== undefined) checkId(record);
  }
}

/** Returns a check that throws InputError at the first record with the id of an earlier one. Records without an id pass. */
export function createIdCheck(): (record: SignalRecord) => void {
  const places = new Map<string, Pick<SignalRecord, 'object' | 'offset'>>();
  return ({ id, object, offset }) => {
    if (id === '') return;
    const earlier = places.get(id);
    if (earlier !== undefined)
      throw new InputError({
        object,
        offset,
        found: `the id ${quote(id)}, which the record at byte ${earlier.offset} of ${earlier.object} also has`,
        needed: 'unique ids',
      });
    places.set(id, { object, offset });
  };
}

/**
 * Decodes a record's signal into `values` [SAMPLE_SIZE]. Throws InputError when the signal has another type than `needed`, or
 * a value that isn't finite.
 */
export function decodeRecord(
  { signal, dtype, object, offset }: SignalRecord,
  needed: RecordDType,
  values: Float32Array,
): void {
  if (dtype !== needed)
    throw new InputError({
      object,
      offset,
      found: `a signal of ${dtype}`,
      needed: `${needed}, like the other records`,
    });
  decodeSignal(signal, dtype, values);
  const found = describeNonFinite(values);
  if (found === undefined) return;
  throw new InputError({ object, offset, found, needed: 'finite numbers' });
}
