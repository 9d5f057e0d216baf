/**
 * Takes a raw object that arrives after its dataset's run. A plan of that object alone would do the same, but would cost twenty
 * requests. The object's samples become a shard of their own, which one compare-and-swap adds to the manifest; repeated and
 * concurrent calls add it once.
 *
 * No object is lost between a run and this step. An event comes after its object, and the manifest is read after the event:
 * - No lease, no plan, no content: the first plan will list the object. The message is done, like the 560,000 messages that
 *   come before the labels.
 * - A lease, but no plan: the object may or may not have been listed. The message is delivered again. A lease that expired long
 *   ago is removed first; if its holder is still making a plan, that plan is refused.
 * - A plan: its index tells whether it holds this version of the object. If not, the message is delivered again until the plan
 *   is appended.
 */

import { BusyError, ConflictError, type InputError, UnnamedError } from '../core/errors.ts';
import { memoize, memoizeLatest } from '../core/memoize.ts';
import type { Stop } from '../core/stop.ts';
import { rawKind } from '../raw/arrays.ts';
import { catalogObject, rawFolder } from '../raw/catalog.ts';
import { LABELS_KEY, parseLabels } from '../raw/labels.ts';
import { baseName, COMPANION, companionKey } from '../raw/row-ids.ts';
import { type RawFault, rawFault } from '../raw/sample-ref.ts';
import { createPreprocessor } from '../signal/preprocessor.ts';
import { recipeHash } from '../signal/recipe.ts';
import { putIfSame } from '../storage/conditional.ts';
import { keyFault } from '../storage/key.ts';
import type { ObjectInfo } from '../storage/store.ts';
import { readPsd } from './average-psd.ts';
import type { LabelledRef } from './plan/chunks.ts';
import { readKnown } from './plan/known.ts';
import { matchSamples, NO_SAMPLE, type Targets } from './plan/match.ts';
import { nameLaterShard, type Stores, TEST_PREFIX } from './plan/plan.ts';
import { readIndex } from './plan/sample-index.ts';
import { collect, type Made, makeShard } from './shard-maker.ts';
import { hasExpired, releaseLease } from './state/lease.ts';
import { type Content, changeManifest, readManifest } from './state/manifest.ts';
import { publish } from './state/publish.ts';
import { planPsdKey } from './state/record-keys.ts';
import { type Rejection, sameRows } from './state/rejected.ts';

type LateAnswer =
  /** How many of its samples became records, in which shard, and how many were rejected. */
  | { answer: 'added'; shard: string | undefined; records: number; rejected: number }
  /**
   * `known`: nothing is left to do. `gone`: the object doesn't exist any more. `test`: it is for `predict` and never becomes a
   * record. `other`: it isn't raw data.
   */
  | { answer: 'known' | 'gone' | 'test' | 'other' }
  /** The next run takes care of the object. */
  | { answer: 'waiting'; reason: string };

/** Keeps labels, indexes and the tables made from the PSD between objects, as long as they don't change. */
export function createLateObjects({ raw, records }: Stores) {
  const readTargets = memoizeLatest(async (etag) => {
    const bytes = await raw.read(LABELS_KEY, undefined, { ifMatch: etag });
    const { labels } = parseLabels(bytes, raw.location + LABELS_KEY);
    return new Map(labels.map(({ id, target }) => [id, target]));
  });
  const preprocessor = memoizeLatest(async (plan) =>
    createPreprocessor((await readPsd(records, planPsdKey(plan))).psd),
  );
  const indexOf = memoize((plan) => readIndex(records, plan));

  /** The state of the dataset, valid for all objects that existed before. `planned`: index of the plan under way. */
  async function look() {
    let manifest = await readManifest(records);
    if (manifest.lease !== undefined && hasExpired(manifest.lease)) {
      manifest = await releaseLease(records, manifest.lease.token);
    }
    const { content, plan } = manifest;
    const planned = plan === undefined ? undefined : await indexOf(plan);
    return { manifest, known: await readKnown(content, indexOf), planned };
  }
  type View = Awaited<ReturnType<typeof look>>;

  /**
   * Throws BusyError when the object waits for a run or another object, or is overwritten while it is read: its message must be
   * delivered again.
   */
  async function take(key: string, view: View, stop?: Stop): Promise<LateAnswer> {
    const { manifest, known, planned } = view;
    const { lease, plan, content } = manifest;
    if (key.startsWith(TEST_PREFIX)) return { answer: 'test' };
    if (keyFault(key) !== undefined || rawFolder(key) !== undefined) {
      return { answer: 'waiting', reason: 'for the next run, which will reject its key' };
    }
    if (rawKind(key) === undefined && !key.endsWith(COMPANION)) return { answer: 'other' };
    if (lease === undefined && plan === undefined && content === undefined) {
      return { answer: 'waiting', reason: `until ${LABELS_KEY} is uploaded` };
    }
    const named = key.endsWith('.npy') ? baseName(key) : '';
    // Most events are about objects of the run, which the file name alone shows. (A late record may not be published yet.)
    const record = known.record(named);
    if (record?.isFrom(key) && !record.late) return { answer: 'known' };
    const info = await raw.head(key);
    if (info === undefined) return { answer: 'gone' };
    const isPlanned = (id: string) => planned?.find(id)?.isFrom(key, info.etag) === true;
    if (isPlanned(named)) return { answer: 'known' };
    if (lease !== undefined && plan === undefined) throw waits(key, `until ${lease.holder} has finished`);
    if (key.endsWith(COMPANION)) return takeNamed(key, view, stop);
    const found = await readObject(info);
    if (plan === undefined) return append(info, found, stop);
    if (found.faults.length > 0 || !found.refs.every(({ id }) => isPlanned(id))) throw waitsForRun(key);
    return { answer: 'known' };
  }

  const waits = (key: string, reason: string) => new BusyError(`${raw.location}${key} waits ${reason}`);
  const waitsForRun = (key: string) => waits(key, 'until the current run has ended');

  /** Takes the objects whose samples a companion file names. */
  async function takeNamed(key: string, view: View, stop: Stop | undefined): Promise<LateAnswer> {
    let answer: LateAnswer = { answer: 'known' };
    for await (const { key: other } of raw.list(key.slice(0, -COMPANION.length))) {
      if (companionKey(other) === key && rawKind(other) !== undefined) answer = await take(other, view, stop);
    }
    return answer;
  }

  async function readObject(info: ObjectInfo) {
    const current = await raw.head(LABELS_KEY);
    const targets: Targets = current === undefined ? new Map() : await readTargets(current.etag);
    const faults: RawFault[] = [];
    const onFault = (fault: InputError) => {
      if (fault instanceof UnnamedError) throw waits(info.key, `for ${companionKey(info.key)}`);
      faults.push(rawFault(fault, info.key));
    };
    const refs = await catalogObject(raw, info, { labelIds: [...targets.keys()], open: true, onFault });
    return { refs, faults, targets };
  }

  async function append(
    { key, etag }: ObjectInfo,
    { refs, faults, targets }: Awaited<ReturnType<typeof readObject>>,
    stop: Stop | undefined,
  ): Promise<LateAnswer> {
    let answer: LateAnswer = { answer: 'known' };
    let made: (Made & { file: Uint8Array }) | undefined;
    await changeManifest(records, async (manifest) => {
      const { lease, plan, content } = manifest;
      if (lease !== undefined || plan !== undefined || content === undefined) throw waitsForRun(key);
      if (content.recipeHash !== recipeHash()) {
        throw new ConflictError(
          `${records.location} holds records of another recipe. Remove them; the next run makes them again.`,
        );
      }
      const known = await readKnown(content, indexOf);
      const { samples, rejected } = matchSamples(targets, refs, faults, known, key);
      answer = { answer: 'known' };
      if (samples.length === 0 && sameRows(rejected, known.rows(key))) return undefined;
      const name = nameLaterShard(content, samples);
      if (made?.name !== name) {
        const tables = await preprocessor(content.plans[0]!.id);
        const shard = makeShard(raw, name, samples, content.settings.dtype, tables, stop);
        const file = await collect(shard.pieces);
        made = { ...shard.result(), file };
      }
      // Checked inside the edit: a call that takes a newer version changes the manifest, and this edit is then retried.
      if ((await raw.head(key))?.etag !== etag)
        throw waits(key, 'for another reading: it was overwritten or removed');
      if (made.records > 0) await putIfSame(records, name, made.file);
      const rows = [...rejected, ...made.rejected];
      const shard = made.records > 0 ? name : undefined;
      answer = { answer: 'added', shard, records: made.records, rejected: rows.length };
      return { ...manifest, content: withObject(content, key, samples, made, rows) };
    });
    await publish(records);
    return answer;
  }

  return { look, take };
}

/** The content with an object's new shard and rows, which replace the rows of an earlier version of the object. */
function withObject(
  content: Content,
  key: string,
  samples: readonly LabelledRef[],
  made: Made,
  rows: readonly Rejection[],
): Content {
  const bad = new Set(made.rejected.map(({ id }) => id));
  const ids = samples.map(({ ref, label }): [string, 0 | 1] => [ref.id, label]);
  const resolved = new Set([...ids.map(([id]) => id), ...rows.map(({ id }) => id)]);
  const kept = content.rejected.filter(
    (row) => row.key !== key && !(row.reason === NO_SAMPLE && resolved.has(row.id)),
  );
  const { name, records, bytes, sha256 } = made;
  const shard = { name, records, bytes, sha256, key, samples: ids.filter(([id]) => !bad.has(id)) };
  return {
    ...content,
    rejected: [...kept, ...rows],
    shards: records === 0 ? content.shards : [...content.shards, shard],
  };
}
