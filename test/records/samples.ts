import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import type { RecordDType } from '../../src/records/record-dtype.ts';
import { createShardBuilder } from '../../src/records/shard.ts';
import { assertSameBytes } from '../support/bytes.ts';

export interface Sample {
  id: string;
  label: 0 | 1;
  signal: Float32Array;
}

/** Samples whose values are exact in float16, different in each sample. */
export function makeSamples(count: number): Sample[] {
  return Array.from({ length: count }, (_, i) => ({
    id: (0xabc0 + i * 7919).toString(16).padStart(10, '0'),
    label: i % 3 === 0 ? 1 : 0,
    signal: Float32Array.from({ length: SAMPLE_SIZE }, (_, j) => (((i * 131 + j * 17) % 4001) - 2000) / 512),
  }));
}

export function buildShard(samples: Sample[], dtype: RecordDType): Uint8Array {
  const builder = createShardBuilder(dtype, samples.length);
  for (const { id, label, signal } of samples) builder.add(id, label, signal);
  return builder.finish();
}

export function assertSameSignal(actual: Float32Array, expected: Float32Array): void {
  const bytes = (array: Float32Array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  assertSameBytes(bytes(actual), bytes(expected), 'signal');
}
