/** Chooses the raw samples of a plan: those with a label and without a record. Chooses the noise for the PSD among them. */

import { groupBy } from '../../core/group-by.ts';
import { sha256 } from '../../core/sha256.ts';
import type { Label } from '../../raw/labels.ts';
import { baseName } from '../../raw/row-ids.ts';
import { describePlace, type SampleRef } from '../../raw/sample-ref.ts';
import type { Rejection } from '../state/rejected.ts';
import type { LabelledRef } from './chunks.ts';
import type { Known } from './known.ts';

export const NO_LABEL = 'no label';
export const NO_SAMPLE = 'no raw sample has this id';
const NOT_ALONE = 'several raw samples have this id';

export interface Choice {
  samples: LabelledRef[];
  rejected: Rejection[];
}

/**
 * The samples of Kaggle's files and of packs, which are in the order of the labels; undefined for others. It saves 2 s of 33 for
 * 560,000.
 */
export function matchAligned(
  labels: readonly Label[],
  refs: readonly SampleRef[],
): LabelledRef[] | undefined {
  const isAligned = refs.length === labels.length && refs.every(({ id }, index) => id === labels[index]!.id);
  return isAligned ? refs.map((ref, index) => ({ ref, label: labels[index]!.target })) : undefined;
}

/** The labels by id, in the order of their file. */
export type Targets = ReadonlyMap<string, 0 | 1>;

/**
 * The samples to take, in the order of the labels. A label without a sample, or a sample without a label, becomes a rejected row:
 * every labels row and every raw sample is in the choice exactly once, or has a record.
 *
 * @param key of the object that alone has the `refs` and `faults`; default: they are those of all objects. If the object no longer
 * holds a sample that had a row, the sample's label gets a row.
 */
export function matchSamples(
  targets: Targets,
  refs: readonly SampleRef[],
  faults: readonly Rejection[],
  known: Known,
  key?: string,
): Choice {
  const samples: LabelledRef[] = [];
  const rejected: Rejection[] = [];
  const byId = groupBy(refs, ({ id }) => id);

  /** Skips samples whose record was made from the same object. */
  function take(group: SampleRef[], target: 0 | 1 | undefined, isAlone: boolean): void {
    const [ref] = group as [SampleRef];
    const record = known.record(ref.id);
    if (record !== undefined) {
      for (const other of group.filter(({ key }) => !record.isFrom(key))) {
        rejected.push({ ...rowOf(other), reason: 'another object has a record with this id' });
      }
    } else if (target === undefined) {
      for (const each of group) rejected.push({ ...rowOf(each), reason: NO_LABEL });
    } else if (!isAlone) {
      // One row per object, so that it stays when another of the objects arrives again.
      for (const refs of groupBy(group, ({ key }) => key).values()) {
        rejected.push({ ...rowOf(refs[0]!), file: refs.map(describePlace).join(' and '), reason: NOT_ALONE });
      }
    } else {
      // The sample may have been found bad in this same version of its object.
      const isSame = (row: Rejection) =>
        row.key === ref.key && row.etag !== undefined && row.etag === ref.etag;
      const row = known.rowsOf(ref.id).find(isSame);
      if (row !== undefined) rejected.push(row);
      else samples.push({ ref, label: target });
    }
  }

  // An unusable file gets the id in its name, if the id has a label that no other file and no record has.
  const broken = new Set<string>();
  const brokenRows = faults.map((fault) => {
    const name = fault.file.slice(fault.file.lastIndexOf('!') + 1);
    const id = name.endsWith('.npy') ? baseName(name) : '';
    const isFree = targets.has(id) && !byId.has(id) && !broken.has(id) && known.record(id) === undefined;
    if (fault.key === undefined || !isFree) return fault;
    broken.add(id);
    return { ...fault, id };
  });
  const own = key === undefined ? [] : [...refs, ...known.rows(key)].map(({ id }) => id);
  for (const id of key === undefined ? targets.keys() : new Set(own.filter((id) => targets.has(id)))) {
    const others =
      key === undefined ? [] : known.rowsOf(id).filter((row) => row.key !== undefined && row.key !== key);
    const group = byId.get(id);
    if (group !== undefined) {
      take(group, targets.get(id), group.length === 1 && !others.some(({ reason }) => reason === NOT_ALONE));
    } else if (others.length === 0 && !broken.has(id) && known.record(id) === undefined) {
      rejected.push({ id, file: '', reason: NO_SAMPLE });
    }
  }
  for (const [id, group] of byId) if (!targets.has(id)) take(group, undefined, false);
  for (const row of brokenRows) rejected.push(row);
  return { samples, rejected };
}

export function rowOf(ref: SampleRef): Omit<Rejection, 'reason'> {
  return { id: ref.id, file: describePlace(ref), key: ref.key };
}

/**
 * The noise samples that estimate the PSD, in the order of the labels: those with the smallest hash of seed and id. A sample's
 * rank doesn't depend on the order or the number of the others.
 */
export function chooseNoise(
  samples: LabelledRef[],
  { psdSamples, seed }: { psdSamples: number; seed: number },
): SampleRef[] {
  const noise = samples.filter(({ label }) => label === 0).map(({ ref }) => ref);
  if (noise.length <= psdSamples) return noise;
  const rank = ({ id }: SampleRef) => sha256(`${seed}:${id}`);
  // Whole hashes are compared only where their first 48 bits are equal.
  const ranks = Float64Array.from(noise, (ref) => rank(ref).readUIntBE(0, 6));
  const compare = (a: number, b: number) =>
    ranks[a]! - ranks[b]! || Buffer.compare(rank(noise[a]!), rank(noise[b]!));
  const order = Uint32Array.from(noise.keys()).sort(compare).subarray(0, psdSamples).sort();
  return Array.from(order, (index) => noise[index]!);
}
