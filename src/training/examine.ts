import { InputError } from '../errors.ts';
import { decodeSignal } from '../records/dtype.ts';
import { SAMPLE_SIZE } from '../strain.ts';
import { type RecordSet, readRecordRange } from './records.ts';

/**
 * Reads all records of the set, one by one. Throws InputError, which names the shard and the offset, at the first one
 * that is damaged, isn't a sample (3, 4096) of the set's type with a label 0 or 1, or holds a number that isn't finite,
 * and when a shard holds another number of records than it should.
 */
export async function examineRecords(set: RecordSet): Promise<void> {
  const values = new Float32Array(SAMPLE_SIZE);
  for await (const { signal, dtype, object, offset } of readRecordRange(set, 0, set.count)) {
    if (dtype !== set.dtype) {
      throw new InputError({
        object,
        offset,
        found: `a signal of ${dtype}`,
        needed: `${set.dtype}, as the others`,
      });
    }
    decodeSignal(signal, dtype, values);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad === -1) continue;
    throw new InputError({
      object,
      offset,
      found: `${values[bad]} at index ${bad} of the signal`,
      needed: 'finite numbers',
    });
  }
}
