/**
 * A raw object that arrives after its dataset's run: what a plan of that object alone would do, done at once. Its samples become
 * a shard of their own, which one compare-and-swap adds to the manifest; repeated and concurrent calls add it once.
 *
 * No object is lost between a run and this. An event comes after its object, and is answered by a manifest that is read after
 * the event:
 * - Neither lease nor plan nor content: the first plan lists the raw objects later. The message is done, as are the 560,000
 *   that come before the labels.
 * - A lease, and no plan: the object may have been listed or not. The message comes again. A lease that expired long ago is
 *   removed first; its holder's plan, if it makes one still, is then refused.
 * - A plan: its index tells whether it holds this version of the object. If not, the message comes again until the plan is in.
 */
import { ConflictError, type InputError, UnnamedError } from '../core/errors.ts';
import { keepLatest } from '../core/keep-latest.ts';
import type { Stop } from '../core/stop.ts';
import { rawKind } from '../raw/arrays.ts';
import { catalogObject, rawFolder } from '../raw/catalog.ts';
import { LABELS_KEY, parseLabels } from '../raw/labels.ts';
import { baseName, COMPANION, companionKey } from '../raw/row-ids.ts';
import { reasonOf, type SampleRef } from '../raw/sample-ref.ts';
import { createPreprocessor, type Preprocessor } from '../signal/preprocessor.ts';
import { recipeHash } from '../signal/recipe.ts';
import { putIfSame } from '../storage/conditional.ts';
import { keyFault } from '../storage/key.ts';
import type { ObjectInfo } from '../storage/store.ts';
import { readPsd } from './average-psd.ts';
import type { LabelledRef } from './plan/chunks.ts';
import { createKnown, type Known } from './plan/known.ts';
import { matchObject, NO_SAMPLE } from './plan/match.ts';
import { nameLaterShard, type Stores, TEST_PREFIX } from './plan/plan.ts';
import { checksum, readIndex, type SampleIndex } from './plan/sample-index.ts';
import { collect, type Made, makeShard } from './shard-maker.ts';
import { freeLease, hasExpired } from './state/lease.ts';
import { type Content, changeManifest, type Manifest, readManifest } from './state/manifest.ts';
import { publish } from './state/publish.ts';
import { indexKey, planPsdKey } from './state/record-keys.ts';
import { type Rejection, sameRows } from './state/rejected.ts';

type LateAnswer =
  /** So many of its samples became records now, in this shard; so many are rejected. */
  | { answer: 'added'; shard: string | undefined; records: number; rejected: number }
  /**
   * All that can be said of it is said; nothing is there any more; it is for `predict` and never in records; it is no raw data.
   */
  | { answer: 'known' | 'gone' | 'test' | 'other' }
  /** `again` says whether to ask once more: a dataset without a plan takes the object up when its labels come. */
  | { answer: 'waiting'; reason: string; again: boolean };

/** How far the dataset was when it was looked at: good for all objects that were there before. */
export interface View {
  manifest: Manifest;
  known: Known | undefined;
  /** Of the plan that is under way. */
  planned: SampleIndex | undefined;
}

export interface LateObjects {
  look(): Promise<View>;
  /** Throws ConflictError when the object is overwritten meanwhile. */
  take(key: string, view: View, stop?: Stop): Promise<LateAnswer>;
}

/** Keeps labels, indexes and the tables made from the PSD between objects, as long as they are the same. */
export function createLateObjects({ raw, records }: Stores): LateObjects {
  const labels = keepLatest(async (etag) => {
    const bytes = await raw.read(LABELS_KEY, undefined, { ifMatch: etag });
    const parsed = parseLabels(bytes, `${raw.location}${LABELS_KEY}`);
    return {
      ids: parsed.labels.map(({ id }) => id),
      targets: new Map(parsed.labels.map(({ id, target }) => [id, target])),
    };
  });
  const readLabels = async () => {
    const info = await raw.head(LABELS_KEY);
    return info === undefined ? { ids: [], targets: new Map<string, 0 | 1>() } : labels(info.etag);
  };
  const preprocessor = keepLatest(async (plan) =>
    createPreprocessor((await readPsd(records, planPsdKey(plan))).psd),
  );
  const indexes = new Map<string, Promise<SampleIndex>>();
  const indexOf = (plan: string) => {
    const index = indexes.get(plan) ?? readIndex(records, indexKey(plan));
    indexes.set(plan, index);
    index.catch(() => indexes.delete(plan));
    return index;
  };
  const knownOf = async (content: Content) =>
    createKnown(content, await Promise.all(content.plans.map(({ id }) => indexOf(id))));

  async function readObject(info: ObjectInfo) {
    const { ids, targets } = await readLabels();
    const faults: Rejection[] = [];
    let unnamed = false;
    const onFault = (fault: InputError) => {
      unnamed ||= fault instanceof UnnamedError;
      faults.push({ id: '', file: fault.fields.object, reason: reasonOf(fault), key: info.key });
    };
    const refs = await catalogObject(raw, info, { labelIds: ids, open: true, onFault });
    for (const ref of refs) ref.etag = info.etag;
    return { refs, faults, unnamed, targets };
  }

  const late: LateObjects = {
    async look() {
      let manifest = await readManifest(records);
      if (manifest.lease !== undefined && hasExpired(manifest.lease)) {
        manifest = await freeLease(records, hasExpired);
      }
      const { content, plan } = manifest;
      return {
        manifest,
        known: content && (await knownOf(content)),
        planned: plan === undefined ? undefined : await indexOf(plan),
      };
    },

    async take(key, view, stop) {
      const { manifest, known, planned } = view;
      const { lease, plan, content } = manifest;
      if (key.startsWith(TEST_PREFIX)) return { answer: 'test' };
      if (keyFault(key) !== undefined || rawFolder(key) !== undefined) {
        return waiting('for the next run, which rejects it: its key is none of a raw object', false);
      }
      if (rawKind(key) === undefined && !key.endsWith(COMPANION)) return { answer: 'other' };
      if (lease === undefined && plan === undefined && content === undefined) {
        return waiting(`until ${LABELS_KEY} is uploaded`, false);
      }
      const named = key.endsWith('.npy') ? baseName(key) : undefined;
      // Most events are of objects of the run: the file's name alone tells. (What came late may not be published yet.)
      const record = named === undefined ? undefined : known?.record(named);
      if (record?.isFrom(key) && !record.late) return { answer: 'known' };
      const info = await raw.head(key);
      if (info === undefined) return { answer: 'gone' };
      const isPlanned = (id: string) => {
        const entry = planned?.find(id);
        return entry?.key === checksum(key) && entry.etag === checksum(info.etag);
      };
      if (named !== undefined && isPlanned(named)) return { answer: 'known' };
      if (lease !== undefined && plan === undefined) {
        return waiting(`until ${lease.holder} has finished`, true);
      }
      if (key.endsWith(COMPANION)) return takeNamed(key, view, stop);
      const { refs, faults, unnamed, targets } = await readObject(info);
      if (unnamed) return waiting(`for ${companionKey(key)}`, true);
      if (plan !== undefined) {
        const all = faults.length === 0 && refs.every(({ id }) => isPlanned(id));
        return all ? { answer: 'known' } : waiting('until the run that is on has ended', true);
      }
      return append(info, refs, faults, targets, stop);
    },
  };

  return late;

  /** The objects that a companion file names. */
  async function takeNamed(key: string, view: View, stop: Stop | undefined): Promise<LateAnswer> {
    let answer: LateAnswer = { answer: 'known' };
    for await (const { key: other } of raw.list(key.slice(0, -COMPANION.length))) {
      if (companionKey(other) !== key || rawKind(other) === undefined) continue;
      answer = await late.take(other, view, stop);
      if (answer.answer === 'waiting') break;
    }
    return answer;
  }

  async function append(
    info: ObjectInfo,
    refs: SampleRef[],
    faults: Rejection[],
    targets: ReadonlyMap<string, 0 | 1>,
    stop: Stop | undefined,
  ): Promise<LateAnswer> {
    const { key, etag } = info;
    const etags = new Map([[key, etag]]);
    let answer = { answer: 'known' } as LateAnswer;
    let made: (Made & { file: Uint8Array }) | undefined;
    await changeManifest(records, async (manifest) => {
      const { lease, plan, content } = manifest;
      if (lease !== undefined || plan !== undefined || content === undefined) {
        answer = waiting('until the run that is on has ended', true);
        return undefined;
      }
      if (content.recipeHash !== recipeHash()) {
        throw new ConflictError(
          `${records.location} holds records of another recipe. Remove them, and the next run makes them again.`,
        );
      }
      const known = await knownOf(content);
      const { samples, rejected } = matchObject(key, refs, faults, (id) => targets.get(id), etags, known);
      if (samples.length === 0 && sameRows(rejected, known.rows(key))) {
        answer = { answer: 'known' };
        return undefined;
      }
      const name = samples.length === 0 ? undefined : nameLaterShard(content, samples, etags);
      if (name !== undefined && made?.name !== name) {
        made = await make(name, content, samples, await preprocessor(content.plans[0]!.id), stop);
      }
      const result = name === undefined ? undefined : made;
      // Not later: who takes a newer version in changes the manifest, and this is then tried again.
      if ((await raw.head(key))?.etag !== etag) {
        throw new ConflictError(
          `${raw.location}${key} was overwritten or removed while it was read. What is there then is taken when its event comes again.`,
        );
      }
      if (result !== undefined && result.records > 0) await putIfSame(records, result.name, result.file);
      const rows = [...rejected, ...(result?.rejected ?? [])];
      answer = {
        answer: 'added',
        shard: result?.records ? result.name : undefined,
        records: result?.records ?? 0,
        rejected: rows.length,
      };
      return { ...manifest, content: withObject(content, key, samples, result, rows) };
    });
    if (answer.answer !== 'waiting') await publish(records);
    return answer;
  }

  async function make(
    name: string,
    { settings }: Content,
    samples: LabelledRef[],
    tables: Preprocessor,
    stop: Stop | undefined,
  ): Promise<Made & { file: Uint8Array }> {
    const shard = makeShard(raw, name, samples, settings.dtype, tables, stop);
    const file = await collect(shard.pieces);
    return { ...shard.result(), file };
  }
}

/** The content with what became of an object's samples, in place of what was said of an earlier version of it. */
function withObject(
  content: Content,
  key: string,
  samples: readonly LabelledRef[],
  made: Made | undefined,
  rows: readonly Rejection[],
): Content {
  const bad = new Set(made?.rejected.map(({ id }) => id));
  const ids = samples
    .map(({ ref, label }): [string, 0 | 1] => [ref.id, label])
    .filter(([id]) => !bad.has(id));
  const told = new Set([...ids.map(([id]) => id), ...rows.map(({ id }) => id)]);
  const { shards, rejected } = content;
  const kept = rejected.filter((row) => row.key !== key && !(row.reason === NO_SAMPLE && told.has(row.id)));
  return {
    ...content,
    rejected: [...kept, ...rows],
    shards:
      made === undefined || ids.length === 0
        ? shards
        : [
            ...shards,
            {
              name: made.name,
              records: made.records,
              bytes: made.bytes,
              sha256: made.sha256,
              key,
              samples: ids,
            },
          ],
  };
}

function waiting(reason: string, again: boolean): LateAnswer {
  return { answer: 'waiting', reason, again };
}
