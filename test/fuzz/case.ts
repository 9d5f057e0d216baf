import { createRandomStream, mix32 } from '../../src/core/random.ts';
import { mutate } from './mutate.ts';
import type { Checked } from './target.ts';

export interface Case {
  bytes: Uint8Array;
  /** The file that was changed. */
  seed: Uint8Array;
}

/** Input number `index` (0, 1, ...) of a parser. It depends only on the parser's name and seeds, and on `seed`. */
export async function makeCase(target: Checked, seed: number, index: number): Promise<Case> {
  const seeds = await target.seeds();
  const purpose = [...target.name].reduce((hash, letter) => mix32(hash ^ letter.charCodeAt(0)), 1);
  const random = createRandomStream(seed, index, purpose);
  const original = seeds[Math.floor(random.uniform(0, seeds.length))]!;
  return { bytes: mutate(original, random, target.text), seed: original };
}
