/**
 * A raw object that comes after its dataset's run: its samples become a shard of their own, which is added to
 * metadata.json. Whoever does it, however often and beside whom, it is there once: the shard is written create-only,
 * and the lists are changed by conditional writes.
 */
import { createHash } from 'node:crypto';
import type { InputError } from '../errors.ts';
import { catalogObject } from '../raw/catalog.ts';
import { type Label, parseLabels } from '../raw/labels.ts';
import { baseName } from '../raw/row-ids.ts';
import { reasonOf } from '../raw/sample-ref.ts';
import { addedShardName } from '../records/shard.ts';
import { createPreprocessor, type Preprocessor } from '../signal/preprocess.ts';
import { claimIds, noteRejected, noteShard, readRejected } from './added-lists.ts';
import type { LabelledRef } from './chunks.ts';
import { readMembers } from './members.ts';
import { LABELS_KEY, type Plan, type Stores } from './plan.ts';
import { readPsd } from './psd.ts';
import type { Rejection } from './rejected.ts';
import { collect, makeShard, writeOnce } from './shard.ts';
import type { Stop } from './stop.ts';
import { MEMBERS_KEY, METADATA_KEY, PLAN_KEY, PSD_KEY, REJECTED_KEY, readJson } from './work.ts';

export type Addition =
  /** In a shard now, or before. */
  | { answer: 'added'; shard: string; records: number; rejected: number }
  /** Its samples are those of the run, or nothing is there any more. */
  | { answer: 'known' | 'gone' }
  /** `again` says whether to ask once more: a dataset without a PSD takes the object up when its labels come. */
  | { answer: 'waiting'; reason: string; again: boolean };

export interface Adder {
  /** Throws ConflictError when the object was added before with other bytes. */
  add(key: string, stop?: Stop): Promise<Addition>;
}

/** Keeps the labels and the tables made from the PSD between objects, as long as they are the same. */
export function createAdder(stores: Stores): Adder {
  const { raw, records } = stores;
  const labels = keepByEtag(async () => {
    const parsed = parseLabels(await raw.read(LABELS_KEY), `${raw.location}${LABELS_KEY}`);
    return { ids: parsed.labels.map(({ id }) => id), targets: targetsById(parsed.labels) };
  });
  const preprocessor = keepByEtag(async () => createPreprocessor((await readPsd(records, PSD_KEY)).psd));

  const members = keepByEtag(() => readMembers(records));
  const rejectedIds = keepByEtag(async () => new Set((await readRejected(records)).map(({ id }) => id)));

  /** Whether the run took a sample; one that it rejected may come again. */
  async function createFilter(): Promise<(id: string) => boolean> {
    const [planned, rows] = await Promise.all([records.head(MEMBERS_KEY), records.head(REJECTED_KEY)]);
    const { label } = await members(planned?.etag ?? '');
    const rejected = rows === undefined ? new Set() : await rejectedIds(rows.etag);
    return (id) => label(id) !== undefined && !rejected.has(id);
  }

  return {
    async add(key, stop) {
      const psd = await records.head(PSD_KEY);
      if (psd === undefined) return waiting(`until ${LABELS_KEY} is uploaded`, false);
      const isTaken = await createFilter();
      // Most events are of objects that the run has: their file's name alone tells.
      if (key.endsWith('.npy') && isTaken(baseName(key))) return { answer: 'known' };
      const [info, labelsInfo] = await Promise.all([raw.head(key), raw.head(LABELS_KEY)]);
      if (info === undefined) return { answer: 'gone' };
      if (labelsInfo === undefined) return waiting(`for ${LABELS_KEY}`, true);
      const { ids, targets } = await labels(labelsInfo.etag);

      const faults: Rejection[] = [];
      const onFault = (fault: InputError) =>
        faults.push({ id: '', file: fault.fields.object, reason: reasonOf(fault) });
      const refs = await catalogObject(raw, info, { labelIds: ids, open: true, onFault });
      const fresh = refs.filter(({ id }) => !isTaken(id));
      if (fresh.length === 0 && faults.length === 0) return { answer: 'known' };
      if ((await records.head(METADATA_KEY)) === undefined) {
        return waiting('until the run that is on has ended', true);
      }
      const unlabelled = fresh.filter(({ id }) => !targets.has(id));
      if (unlabelled.length > 0) {
        return waiting(`for labels of ${unlabelled.length} samples (${unlabelled[0]!.id})`, true);
      }
      const samples = fresh.map((ref) => ({ ref: { ...ref, etag: info.etag }, label: targets.get(ref.id)! }));
      return addShard(stores, key, samples, faults, await preprocessor(psd.etag), stop);
    },
  };
}

function waiting(reason: string, again: boolean): Addition {
  return { answer: 'waiting', reason, again };
}

async function addShard(
  { raw, records }: Stores,
  key: string,
  samples: LabelledRef[],
  faults: Rejection[],
  preprocessor: Preprocessor,
  stop: Stop | undefined,
): Promise<Addition> {
  const name = addedShardName(createHash('sha256').update(key).digest('hex'));
  const owners = await claimIds(
    records,
    name,
    samples.map(({ ref }) => ref.id),
  );
  const own = samples.filter(({ ref }) => owners.get(ref.id) === name);
  const twins = samples
    .filter(({ ref }) => owners.get(ref.id) !== name)
    .map(({ ref }) => ({ id: ref.id, file: ref.key, reason: `its id is in ${owners.get(ref.id)} already` }));
  const { settings } = await readJson<Plan>(records, PLAN_KEY);
  const made = makeShard(raw, name, own, settings.dtype, preprocessor, stop);
  const bytes = await collect(made.pieces);
  const result = made.result();
  if (result.records > 0) await writeOnce(records, made, bytes);
  const rejected = [...faults, ...twins, ...result.rejected];
  await noteRejected(records, own, rejected);
  await noteShard(records, result);
  return { answer: 'added', shard: name, records: result.records, rejected: rejected.length };
}

function targetsById(labels: Label[]): Map<string, 0 | 1> {
  return new Map(labels.map(({ id, target }) => [id, target]));
}

/** Makes a value once for each version of what it is made from. */
function keepByEtag<T>(make: () => Promise<T>): (etag: string) => Promise<T> {
  let kept: { etag: string; value: Promise<T> } | undefined;
  return (etag) => {
    if (kept?.etag !== etag) kept = { etag, value: make() };
    return kept.value;
  };
}
