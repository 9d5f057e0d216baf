/** The end of a plan: checks that the results match its samples, appends them to the manifest, and publishes. */
import { TooManyRejectedError } from '../core/errors.ts';
import { isAddedShardName } from '../records/shard-names.ts';
import { AT_ONCE, mapAhead } from '../storage/ahead.ts';
import { readJson } from '../storage/json.ts';
import type { ObjectStore } from '../storage/store.ts';
import { readPsd } from './average-psd.ts';
import { readPlan, type Stores } from './plan/plan.ts';
import { requireResults, type ShardResult } from './shard-maker.ts';
import {
  type Content,
  changeManifest,
  countRecords,
  giveUpPlan,
  hasPlan,
  type ManifestShard,
  readManifest,
  removeSpent,
  requirePlan,
} from './state/manifest.ts';
import { checkRejected, publish } from './state/publish.ts';
import { rejectedListKey } from './state/record-keys.ts';
import { type Rejection, rejectionListSchema } from './state/rejected.ts';

/**
 * Appends the shards and rejected rows of plan `id` to the manifest, unless they were appended before. Then writes the public
 * files; or, if objects were overwritten or missing when they were read, returns that another plan should follow (`again`).
 * `content` is what the records hold now.
 *
 * Throws TooManyRejectedError when more than the share `maxRejected` of all inputs was rejected, and ConflictError when results
 * are missing or belong to another plan; nothing is removed then.
 */
export async function finalizePlan(
  stores: Stores,
  id: string,
  maxRejected: number,
): Promise<{ again: boolean; content: Content }> {
  const { records } = stores;
  const before = (await readManifest(records)).content;
  const content = hasPlan(before, id) ? before : await appendResults(stores, id, before, maxRejected);
  await removeSpent(records);
  const again = content.rejected.some(({ pending }) => pending);
  if (!again) await publish(records);
  return { again, content };
}

async function appendResults(
  stores: Stores,
  id: string,
  content: Content | undefined,
  maxRejected: number,
): Promise<Content> {
  const { records } = stores;
  try {
    const plan = await readPlan(records, id);
    const psdSha256 = content?.psdSha256 ?? (await readPsd(records, plan.psd)).sha256;
    const results = await requireResults(records, plan, psdSha256);
    const planned = await readJson(records, rejectedListKey(id), rejectionListSchema);
    const unmade = results.flatMap(({ rejected }) => rejected);
    const rejected = await markOverwritten(stores.raw, [...planned, ...unmade]);
    const total = countRecords(content) + plan.inputs;
    await checkRejected(records, rejected, total, maxRejected, content).catch(async (error: unknown) => {
      const found = rejected.filter(({ pending }) => !pending).length - planned.length;
      // Inputs that the plan lacked may have arrived since. Only another plan can find out.
      if (error instanceof TooManyRejectedError && found <= maxRejected * total)
        await giveUpPlan(records, id);
      throw error;
    });
    // Nothing else changes the content while the plan is under way.
    const appended: Content = {
      settings: plan.settings,
      recipeHash: plan.recipeHash,
      psdSha256,
      planHash: plan.hash,
      ...content,
      plans: [...(content?.plans ?? []), { id, without: unmade.map((row) => row.id) }],
      labelsSha256: plan.labelsSha256,
      shards: [...(content?.shards ?? []), ...results.flatMap(listShard)],
      rejected: settle(rejected, content?.rejected ?? []),
    };
    await changeManifest(records, async (found) => {
      const { plan: _, ...rest } = await requirePlan(records, id, found);
      return { ...rest, content: appended };
    });
    return appended;
  } catch (error) {
    // A concurrent call may have finished the plan and removed the files that this one reads.
    const now = (await readManifest(records)).content;
    if (hasPlan(now, id)) return now;
    throw error;
  }
}

/** Leaves out an empty shard of a later plan. One of the first plan stays, since its name counts the shards. */
function listShard({ name, records, bytes, sha256 }: ShardResult): ManifestShard[] {
  return records === 0 && isAddedShardName(name) ? [] : [{ name, records, bytes, sha256 }];
}

/** A row that is pending for the second time requests no third plan: its object's event or the next run resolves it. */
function settle(rows: Rejection[], before: Rejection[]): Rejection[] {
  const names = new Set(before.filter(({ pending }) => pending).map(({ key, id }) => `${key} ${id}`));
  return rows.map((row) => (names.has(`${row.key} ${row.id}`) ? { ...row, pending: undefined } : row));
}

/** The rows; those whose object was overwritten since are pending. */
async function markOverwritten(raw: ObjectStore, rows: Rejection[]): Promise<Rejection[]> {
  const marked: Rejection[] = [];
  const checks = mapAhead(rows, AT_ONCE, async (row) => {
    const isSame = row.etag === undefined || (await raw.head(row.key ?? ''))?.etag === row.etag;
    return isSame ? row : { ...row, etag: undefined, pending: true };
  });
  for await (const row of checks) marked.push(row);
  return marked;
}
