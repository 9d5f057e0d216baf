/**
 * Keys beside the records. Public files are at the top; `_work/manifest.json` is changed by compare-and-swap alone (manifest.ts).
 * Everything else of a plan is in the plan's own folder, so nothing made for one plan can be taken for another's. Its lists and
 * its PSD are create-only.
 */
export const WORK_PREFIX = '_work/';
export const MANIFEST_KEY = '_work/manifest.json';
export const PSD_KEY = 'avg_psd.npz';
export const REJECTED_KEY = 'rejected.csv';

const number = (index: number): string => String(index).padStart(5, '0');

export const planFolder = (plan: string): string => `_work/${plan}/`;
export const planKey = (plan: string): string => `_work/${plan}/plan.json`;
/** Index of the plan's samples, see sample-index.ts. It stays when the plan is finished. */
export const indexKey = (plan: string): string => `_work/${plan}/samples.bin`;
/** The PSD that whitens the plan's shards. It stays. */
export const planPsdKey = (plan: string): string => `_work/${plan}/avg_psd.npz`;
export const rejectedListKey = (plan: string): string => `_work/${plan}/lists/rejected.json`;
export const shardListKey = (plan: string, index: number): string =>
  `_work/${plan}/lists/shard-${number(index)}.json`;
export const psdListKey = (plan: string, index: number): string =>
  `_work/${plan}/lists/psd-${number(index)}.json`;
export const psdPartialPrefix = (plan: string): string => `_work/${plan}/psd/`;
export const psdPartialKey = (plan: string, index: number): string =>
  `${psdPartialPrefix(plan)}${number(index)}.npy`;
export const shardResultPrefix = (plan: string): string => `_work/${plan}/shards/`;
export const shardResultKey = (plan: string, index: number): string =>
  `${shardResultPrefix(plan)}${number(index)}.json`;
