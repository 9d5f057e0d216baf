/** Which raw samples a plan takes: those with a label, and of these the noise that the PSD is averaged over. */
import type { Label } from '../raw/labels.ts';
import type { SampleRef } from '../raw/sample-ref.ts';
import type { LabelledRef } from './chunks.ts';
import { sha256 } from './digest.ts';
import type { Rejection } from './rejected.ts';

/** Samples in the order of the labels; what lacks a partner is rejected. */
export function matchLabels(labels: Label[], refs: SampleRef[], rejected: Rejection[]): LabelledRef[] {
  // As it is with Kaggle's files and with packs. No id is there twice then, since no label is.
  if (refs.length === labels.length && refs.every(({ id }, index) => id === labels[index]!.id)) {
    return refs.map((ref, index) => ({ ref, label: labels[index]!.target }));
  }
  const byId = new Map<string, SampleRef | SampleRef[]>();
  for (const ref of refs) {
    const known = byId.get(ref.id);
    byId.set(ref.id, known === undefined ? ref : [known, ref].flat());
  }
  const samples: LabelledRef[] = [];
  for (const { id, target } of labels) {
    const ref = byId.get(id);
    byId.delete(id);
    if (ref === undefined) rejected.push({ id, file: '', reason: 'no raw sample has this id' });
    else if (Array.isArray(ref)) {
      const files = ref.map(({ key }) => key).join(' and ');
      rejected.push({ id, file: files, reason: `${ref.length} raw samples have this id` });
    } else samples.push({ ref, label: target });
  }
  for (const left of byId.values()) {
    for (const { id, key } of [left].flat()) rejected.push({ id, file: key, reason: 'no label' });
  }
  return samples;
}

/**
 * The noise samples that estimate the PSD, in the order of the labels: those with the smallest hash of seed and id,
 * a choice that doesn't depend on the order or number of the others.
 */
export function chooseNoise(
  samples: LabelledRef[],
  { psdSamples, seed }: { psdSamples: number; seed: number },
): SampleRef[] {
  const noise = samples.filter(({ label }) => label === 0).map(({ ref }) => ref);
  if (noise.length <= psdSamples) return noise;
  const rank = ({ id }: SampleRef) => sha256(`${seed}:${id}`);
  // Whole hashes are compared where their first 48 bits are the same.
  const ranks = Float64Array.from(noise, (ref) => rank(ref).readUIntBE(0, 6));
  const compare = (a: number, b: number) =>
    ranks[a]! - ranks[b]! || Buffer.compare(rank(noise[a]!), rank(noise[b]!));
  const order = Uint32Array.from(noise.keys()).sort(compare).subarray(0, psdSamples).sort();
  return Array.from(order, (index) => noise[index]!);
}
