/**
 * Names beside the records. What is public lies at the top; `_work/manifest.json` is the only object that is ever changed
 * (manifest.ts); everything else of a plan lies in a folder of the plan's own, create-only, so that nothing made for one
 * plan can be taken for another's.
 */
export const MANIFEST_KEY = '_work/manifest.json';
export const PSD_KEY = 'avg_psd.npz';
export const REJECTED_KEY = 'rejected.csv';

const number = (index: number): string => String(index).padStart(5, '0');

export const planFolder = (plan: string): string => `_work/${plan}/`;
export const planKey = (plan: string): string => `_work/${plan}/plan.json`;
/** Which samples the plan holds, see sample-index.ts. Stays when the plan is done. */
export const indexKey = (plan: string): string => `_work/${plan}/samples.bin`;
/** The PSD that the plan's shards are whitened with. Stays when the plan is done. */
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
