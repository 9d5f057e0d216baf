/**
 * A raw object that comes after its dataset's run: its samples become a shard of their own, which is added to
 * metadata.json. Whoever does it, however often and beside whom, it is there once: the shard is written create-only,
 * and the lists are changed by conditional writes.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type InputError, PreconditionError } from '../errors.ts';
import { catalogObject } from '../raw/catalog.ts';
import { type Label, parseLabels } from '../raw/labels.ts';
import { reasonOf } from '../raw/sample-ref.ts';
import { parseMetadata, serializeMetadata } from '../records/metadata.ts';
import { addedShardName } from '../records/shard.ts';
import type { Preprocessor } from '../signal/preprocess.ts';
import type { ObjectInfo, ObjectStore } from '../storage/store.ts';
import { readMembers } from './members.ts';
import { LABELS_KEY, type LabelledRef, type Plan, type Stores } from './plan.ts';
import { formatRejected, parseRejected, type Rejection } from './rejected.ts';
import { makeShard, preparePreprocessor, type ShardResult, writeOnce } from './shard.ts';
import type { Stop } from './stop.ts';
import { ADDED_KEY, METADATA_KEY, PLAN_KEY, PSD_KEY, REJECTED_KEY, readJson } from './work.ts';

export type Addition =
  /** In a shard now, or before. */
  | { answer: 'added'; shard: string; records: number; rejected: number }
  /** Its samples are those of the run, or nothing is there any more. */
  | { answer: 'known' | 'gone' }
  /** `again` says whether to ask once more: a dataset without a PSD takes the object up when its labels come. */
  | { answer: 'waiting'; reason: string; again: boolean };

/** Ids of the samples in each added shard. */
type Claims = Record<string, string[]>;

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
  const preprocessor = keepByEtag<Preprocessor>(() => preparePreprocessor(records));

  return {
    async add(key, stop) {
      const psd = await records.head(PSD_KEY);
      if (psd === undefined)
        return { answer: 'waiting', reason: `until ${LABELS_KEY} is uploaded`, again: false };
      const info = await raw.head(key);
      if (info === undefined) return { answer: 'gone' };
      const labelsInfo = await raw.head(LABELS_KEY);
      if (labelsInfo === undefined) return { answer: 'waiting', reason: `for ${LABELS_KEY}`, again: true };
      const { ids, targets } = await labels(labelsInfo.etag);

      const rejected: Rejection[] = [];
      const onFault = (fault: InputError) =>
        rejected.push({ id: '', file: fault.fields.object, reason: reasonOf(fault) });
      const refs = await catalogObject(raw, info, { labelIds: ids, open: true, onFault });
      const rejectedRows = await readRejected(records);
      const rejectedIds = new Set(rejectedRows.rows.map(({ id }) => id));
      const members = await readMembers(records);
      const fresh = refs.filter(({ id }) => members.label(id) === undefined || rejectedIds.has(id));
      if (fresh.length === 0 && rejected.length === 0) return { answer: 'known' };
      if ((await records.head(METADATA_KEY)) === undefined) {
        return { answer: 'waiting', reason: 'until the run that is on has ended', again: true };
      }
      const unlabelled = fresh.filter(({ id }) => !targets.has(id));
      if (unlabelled.length > 0) {
        const reason = `for labels of ${unlabelled.length} samples (${unlabelled[0]!.id})`;
        return { answer: 'waiting', reason, again: true };
      }

      const name = addedShardName(createHash('sha256').update(key).digest('hex'));
      const claimed = await claim(
        records,
        name,
        fresh.map(({ id }) => id),
      );
      const samples: LabelledRef[] = [];
      for (const ref of fresh) {
        const owner = claimed.get(ref.id);
        if (owner === name) samples.push({ ref, label: targets.get(ref.id)! });
        else rejected.push({ id: ref.id, file: ref.key, reason: `its id is in ${owner} already` });
      }
      const { settings } = await readJson<Plan>(records, PLAN_KEY);
      const { result: shard, bytes } = await makeShard(
        raw,
        name,
        samples,
        settings.dtype,
        await preprocessor(psd.etag),
        stop,
      );
      if (shard.records > 0) await writeOnce(records, shard, bytes);
      rejected.push(...shard.rejected);
      await noteRejected(records, samples, rejected);
      await noteShard(records, shard);
      return { answer: 'added', shard: name, records: shard.records, rejected: rejected.length };
    },
  };
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

/** Takes the ids that no other added shard has; returns which shard each of them is in. */
async function claim(records: ObjectStore, name: string, ids: string[]): Promise<Map<string, string>> {
  const owners = new Map<string, string>();
  await change(records, ADDED_KEY, (text) => {
    const claims = JSON.parse(text ?? '{}') as Claims;
    owners.clear();
    for (const [shard, members] of Object.entries(claims)) for (const id of members) owners.set(id, shard);
    const free = ids.filter((id) => !owners.has(id));
    for (const id of free) owners.set(id, name);
    if (free.length === 0) return undefined;
    return JSON.stringify({ ...claims, [name]: [...(claims[name] ?? []), ...free] });
  });
  return owners;
}

async function readRejected(records: ObjectStore): Promise<{ rows: Rejection[] }> {
  if ((await records.head(REJECTED_KEY)) === undefined) return { rows: [] };
  return { rows: parseRejected(decode(await records.read(REJECTED_KEY))) };
}

/** Rows of samples that have a record now go; new ones come. */
function noteRejected(records: ObjectStore, samples: LabelledRef[], rejected: Rejection[]): Promise<void> {
  const ids = new Set(samples.map(({ ref }) => ref.id));
  const keyOf = ({ id, file, reason }: Rejection) => JSON.stringify([id, file, reason]);
  return change(records, REJECTED_KEY, (text) => {
    const rows = text === undefined ? [] : parseRejected(text);
    const kept = rows.filter(({ id }) => !ids.has(id));
    const known = new Set(kept.map(keyOf));
    const added = rejected.filter((row) => !known.has(keyOf(row)));
    if (added.length === 0 && kept.length === rows.length) return undefined;
    return formatRejected([...kept, ...added]);
  });
}

async function noteShard(
  records: ObjectStore,
  { name, records: n_records, bytes, sha256 }: ShardResult,
): Promise<void> {
  const object = `${records.location}${METADATA_KEY}`;
  await change(records, METADATA_KEY, async (text) => {
    const metadata = parseMetadata(text ?? '', object);
    const listed = metadata.shards.some((shard) => shard.name === name);
    const n_failed = (await readRejected(records)).rows.length;
    if ((listed || n_records === 0) && metadata.n_failed === n_failed) return undefined;
    const shards =
      listed || n_records === 0 ? metadata.shards : [...metadata.shards, { name, n_records, bytes, sha256 }];
    const n_samples = shards.reduce((sum, shard) => sum + shard.n_records, 0);
    return serializeMetadata({ ...metadata, n_samples, n_failed, shards });
  });
}

const ATTEMPTS = 50;
/** Longest wait before the next attempt [ms]; others are at it, so it is drawn at random. */
const PAUSE = 400;

/** Changes a text by conditional writes until nobody else came between; undefined leaves it as it is. */
async function change(
  store: ObjectStore,
  key: string,
  edit: (text: string | undefined) => string | undefined | Promise<string | undefined>,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const found: ObjectInfo | undefined = await store.head(key);
    const text = found && decode(await store.read(key));
    const changed = await edit(text);
    if (changed === undefined) return;
    const condition = found === undefined ? { ifAbsent: true } : { ifMatch: found.etag };
    try {
      await store.write(key, new TextEncoder().encode(changed), condition);
      return;
    } catch (error) {
      if (!(error instanceof PreconditionError) || attempt === ATTEMPTS) throw error;
      await sleep(Math.random() * PAUSE);
    }
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
