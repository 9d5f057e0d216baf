/**
 * A raw object that comes after its dataset's run: its samples become a shard of their own, which is added to
 * metadata.json. Whoever does it, however often and beside whom, it is there once: the shard is written create-only,
 * and taken in by one conditional write.
 *
 * No object is lost between a run and this. An event comes after its object, and a run has these moments, in this order:
 * its call notes that it plans, lists the raw objects, writes plan.json, its note may go; avg_psd.npz; metadata.json. After
 * a batch of events has come it is asked first whether a call plans, then whether plan.json is there.
 * - Neither: whatever call will make the plan begins after the question, and lists what was there before. (The other
 *   way round, a whole planning could pass between the two.) The messages are done, as are the 560,000 that come before
 *   the labels. A call that fails takes its note back, and the next one lists anew.
 * - A call plans, and no plan yet: the objects may be in its list or not. The messages come again.
 * - plan.json: the members, written before it, tell whether the run has a sample. If not, its object came after the
 *   listing, and its message comes again until metadata.json is there; then it is added.
 * The run's own records never change after that, so that it doesn't matter when an event of theirs comes.
 */
import { ConflictError, type InputError, UnnamedError } from '../errors.ts';
import { catalogObject } from '../raw/catalog.ts';
import { parseLabels } from '../raw/labels.ts';
import { baseName, companionKey } from '../raw/row-ids.ts';
import { reasonOf } from '../raw/sample-ref.ts';
import { createPreprocessor, type Preprocessor } from '../signal/preprocess.ts';
import type { ObjectInfo } from '../storage/store.ts';
import { hasRowOf, listAdditions, readRejected } from './added-lists.ts';
import {
  changeAdditions,
  chooseSamples,
  nameAddedShard,
  readAdditions,
  takeIn,
  withoutLostShards,
} from './additions.ts';
import type { LabelledRef } from './chunks.ts';
import { keepByEtag } from './keep.ts';
import { readMembers } from './members.ts';
import { LABELS_KEY, type Plan, type Stores, TEST_PREFIX } from './plan.ts';
import { readPsd } from './psd.ts';
import type { Rejection } from './rejected.ts';
import { collect, makeShard, type Shard, writeOnce } from './shard.ts';
import type { Stop } from './stop.ts';
import { ADDED_KEY, MEMBERS_KEY, METADATA_KEY, PLAN_KEY, PSD_KEY, REJECTED_KEY, readJson } from './work.ts';

export type Addition =
  /** Of its samples so many have records in these shards, from now on or since an earlier time; the others are rejected. */
  | { answer: 'added'; shards: string[]; records: number; rejected: number }
  /** Its samples are those of the run; nothing is there any more; it is for `predict` and never in records. */
  | { answer: 'known' | 'gone' | 'test' }
  /** `again` says whether to ask once more: a dataset without a plan takes the object up when its labels come. */
  | { answer: 'waiting'; reason: string; again: boolean };

/** How far the dataset's run was when it was looked at. */
export type View =
  | { plan: 'none' | 'coming' }
  | {
      plan: 'made';
      /** Whether the run holds a sample. One that it rejected may come again, and be in an added shard then. */
      has(id: string): boolean;
      rejected: Rejection[];
    };

export interface Adder {
  /** A view is good for all objects that were there before it. */
  look(): Promise<View>;
  /** Throws ConflictError when the object is overwritten meanwhile, or its shard's name is taken by other bytes. */
  add(key: string, view: View, stop?: Stop): Promise<Addition>;
}

/**
 * Keeps the labels and the tables made from the PSD between objects, as long as they are the same.
 *
 * @param isPlanning whether a run may be listing the raw objects now.
 */
export function createAdder(stores: Stores, isPlanning: () => Promise<boolean>): Adder {
  const { raw, records } = stores;
  const labels = keepByEtag(async () => {
    const parsed = parseLabels(await raw.read(LABELS_KEY), `${raw.location}${LABELS_KEY}`);
    return {
      ids: parsed.labels.map(({ id }) => id),
      targets: new Map(parsed.labels.map(({ id, target }) => [id, target])),
    };
  });
  const preprocessor = keepByEtag(async () => createPreprocessor((await readPsd(records, PSD_KEY)).psd));
  const members = keepByEtag(() => readMembers(records));
  const rejected = keepByEtag(async () => {
    const rows = await readRejected(records);
    return { rows, ids: new Set(rows.map(({ id }) => id)) };
  });
  const addedIds = keepByEtag(
    async () => new Set((await readAdditions(records)).shards.flatMap(({ ids }) => ids)),
  );

  return {
    async look() {
      const planning = await isPlanning();
      if ((await records.head(PLAN_KEY)) === undefined) return { plan: planning ? 'coming' : 'none' };
      const [planned, listed] = await Promise.all([records.head(MEMBERS_KEY), records.head(REJECTED_KEY)]);
      const { label } = await members(planned?.etag ?? '');
      const { rows, ids } = listed === undefined ? NONE : await rejected(listed.etag);
      // After the rows: a row goes when its sample has been added.
      const additions = await records.head(ADDED_KEY);
      const later = additions === undefined ? NONE.ids : await addedIds(additions.etag);
      const has = (id: string) => label(id) !== undefined && !ids.has(id) && !later.has(id);
      return { plan: 'made', has, rejected: rows };
    },

    async add(key, view, stop) {
      if (key.startsWith(TEST_PREFIX)) return { answer: 'test' };
      if (view.plan !== 'made') {
        const coming = view.plan === 'coming';
        return waiting(`until ${coming ? 'the plan is made' : `${LABELS_KEY} is uploaded`}`, coming);
      }
      // Most events are of objects that the run has: their file's name alone tells.
      if (key.endsWith('.npy') && view.has(baseName(key))) return { answer: 'known' };
      const [info, labelsInfo] = await Promise.all([raw.head(key), raw.head(LABELS_KEY)]);
      if (info === undefined) return { answer: 'gone' };
      if (labelsInfo === undefined) return waiting(`for ${LABELS_KEY}`, true);
      const { ids, targets } = await labels(labelsInfo.etag);

      const faults: Rejection[] = [];
      let unnamed = false;
      const onFault = (fault: InputError) => {
        unnamed ||= fault instanceof UnnamedError;
        faults.push({ id: '', file: fault.fields.object, reason: reasonOf(fault) });
      };
      const refs = await catalogObject(raw, info, { labelIds: ids, open: true, onFault });
      if (unnamed) return waiting(`for ${companionKey(key)}`, true);
      const fresh = refs.filter(({ id }) => !view.has(id));
      if (fresh.length === 0 && faults.length === 0 && !hasRowOf(view.rejected, key))
        return { answer: 'known' };
      if ((await records.head(METADATA_KEY)) === undefined) {
        return waiting('until the run that is on has ended', true);
      }
      const unlabelled = fresh.filter(({ id }) => !targets.has(id));
      if (unlabelled.length > 0) {
        return waiting(`for labels of ${unlabelled.length} samples (${unlabelled[0]!.id})`, true);
      }
      const samples = fresh.map((ref) => ({ ref: { ...ref, etag: info.etag }, label: targets.get(ref.id)! }));
      const psd = await records.head(PSD_KEY);
      return addObject(stores, info, samples, faults, await preprocessor(psd?.etag ?? ''), stop);
    },
  };
}

const NONE = { rows: [], ids: new Set<string>() };

function waiting(reason: string, again: boolean): Addition {
  return { answer: 'waiting', reason, again };
}

async function addObject(
  { raw, records }: Stores,
  info: ObjectInfo,
  samples: LabelledRef[],
  faults: Rejection[],
  preprocessor: Preprocessor,
  stop: Stop | undefined,
): Promise<Addition> {
  const { key, etag } = info;
  const { settings } = await readJson<Plan>(records, PLAN_KEY);
  let made: { shard: Shard; bytes: Uint8Array } | undefined;

  const { shards, objects } = await changeAdditions(records, async (found) => {
    const additions = await withoutLostShards(found, key, records);
    const { own, rejected } = chooseSamples(additions, key, samples);
    const name = nameAddedShard(info, own);
    if (made?.shard.name !== name) {
      const shard = makeShard(raw, name, own, settings.dtype, preprocessor, stop);
      made = { shard, bytes: await collect(shard.pieces) };
    }
    // Not later: who takes a newer version in changes the additions, and these are then written over by nobody.
    if ((await raw.head(key))?.etag !== etag) {
      throw new ConflictError(
        `${raw.location}${key} was overwritten or removed while it was read. What is there then is taken when its event comes again.`,
      );
    }
    const result = made.shard.result();
    if (result.records > 0) await writeOnce(records, made.shard, made.bytes);
    return takeIn(additions, info, own, {
      ...result,
      rejected: [...faults, ...rejected, ...result.rejected],
    });
  });
  await listAdditions(records);
  const own = shards.filter((shard) => shard.key === key);
  return {
    answer: 'added',
    shards: own.map(({ name }) => name),
    records: own.reduce((sum, shard) => sum + shard.records, 0),
    rejected: objects.find((object) => object.key === key)?.rejected.length ?? 0,
  };
}
