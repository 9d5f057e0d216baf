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
 * All samples of a dataset, in the order of the labels. A label without a sample, or a sample without a label, becomes a
 * rejected row: every labels row and every raw sample is in the choice exactly once, or has a record.
 */
export function matchLabels(
  labels: readonly Label[],
  refs: readonly SampleRef[],
  faults: readonly Rejection[],
  known: Known,
): Choice {
  // The fast path for Kaggle's files and for packs. No id is repeated, since no label is.
  const aligned = refs.length === labels.length && refs.every(({ id }, index) => id === labels[index]!.id);
  if (aligned && known.isEmpty && faults.length === 0) {
    return { samples: refs.map((ref, index) => ({ ref, label: labels[index]!.target })), rejected: [] };
  }
  const targets = new Map(labels.map(({ id, target }) => [id, target]));
  return match(targets.keys(), targets, refs, faults, known);
}

/** The samples of one object alone. If the object no longer holds a sample that had a row, the sample's label gets a row. */
export function matchObject(
  key: string,
  targets: ReadonlyMap<string, 0 | 1>,
  refs: readonly SampleRef[],
  faults: readonly Rejection[],
  known: Known,
): Choice {
  const ids = new Set([...refs, ...known.rows(key)].map(({ id }) => id).filter((id) => targets.has(id)));
  return match(ids, targets, refs, faults, known, key);
}

/** @param ids of the labels that need a sample. @param key of the object, unless `refs` are those of all objects. */
function match(
  ids: Iterable<string>,
  targets: ReadonlyMap<string, 0 | 1>,
  refs: readonly SampleRef[],
  faults: readonly Rejection[],
  known: Known,
  key?: string,
): Choice {
  const byId = groupBy(refs, ({ id }) => id);
  const isTaken = (id: string) => !targets.has(id) || byId.has(id) || known.record(id) !== undefined;
  const broken = nameFaults(faults, isTaken);
  const choice: Choice = { samples: [], rejected: [] };
  for (const id of ids) {
    const group = byId.get(id);
    byId.delete(id);
    const others = key === undefined ? [] : known.rowsOf(id).filter((row) => row.key !== key);
    const isAlone = group?.length === 1 && !others.some(({ reason }) => reason === NOT_ALONE);
    if (group !== undefined) take(group, isAlone, targets.get(id), known, choice);
    else if (known.record(id) === undefined && !broken.has(id) && others.length === 0) {
      choice.rejected.push({ id, file: '', reason: NO_SAMPLE });
    }
  }
  for (const group of byId.values()) take(group, false, undefined, known, choice);
  for (const fault of broken.rows) choice.rejected.push(fault);
  return choice;
}

/** Adds the samples of one id to `samples` or to `rejected`. Skips those whose record was made from the same object. */
function take(
  group: readonly SampleRef[],
  isAlone: boolean,
  target: 0 | 1 | undefined,
  known: Known,
  { samples, rejected }: Choice,
): void {
  const record = known.record(group[0]!.id);
  if (record !== undefined) {
    for (const ref of group) {
      if (record.isFrom(ref.key)) continue;
      rejected.push({ ...rowOf(ref), reason: 'another object has a record with this id' });
    }
  } else if (target === undefined) {
    for (const ref of group) rejected.push({ ...rowOf(ref), reason: NO_LABEL });
  } else if (!isAlone) {
    // One row per object, so that it stays when another of the objects arrives again.
    for (const refs of groupBy(group, ({ key }) => key).values()) {
      rejected.push({ ...rowOf(refs[0]!), file: refs.map(describePlace).join(' and '), reason: NOT_ALONE });
    }
  } else {
    const [ref] = group as [SampleRef];
    // The sample was found bad in this same version of its object.
    const row = known
      .rowsOf(ref.id)
      .find((own) => own.key === ref.key && own.etag !== undefined && own.etag === ref.etag);
    if (row !== undefined) rejected.push(row);
    else samples.push({ ref, label: target });
  }
}

export function rowOf(ref: SampleRef): Omit<Rejection, 'reason'> {
  return { id: ref.id, file: describePlace(ref), key: ref.key };
}

/** Gives each unusable file the id in its name, if the id has a label and isn't taken. */
function nameFaults(
  faults: readonly Rejection[],
  isTaken: (id: string) => boolean,
): { rows: Rejection[]; has: (id: string) => boolean } {
  const ids = new Set<string>();
  const rows = faults.map((fault) => {
    const name = fault.file.slice(fault.file.lastIndexOf('!') + 1);
    const id = fault.id === '' && name.endsWith('.npy') ? baseName(name) : fault.id;
    if (fault.key === undefined || isTaken(id) || ids.has(id)) return fault;
    ids.add(id);
    return { ...fault, id };
  });
  return { rows, has: (id) => ids.has(id) };
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
