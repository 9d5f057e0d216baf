/** Lists of ids that don't fit the samples: of another dataset, or written in another way. */
import { InputError } from '../core/errors.ts';
import { quote } from '../core/quote.ts';

/** Below this share of the shorter list, the ids that both lists have are taken for chance. */
const LEAST_SHARED = 0.1;

export interface IdMatch {
  /** Ids of the list that no sample has. */
  onlyListed: readonly string[];
  /** Ids of samples that aren't in the list. */
  onlySamples: readonly string[];
  /** Number of ids that both have. */
  shared: number;
}

/** Throws InputError when next to nothing matches, although there are ids and samples. `object` is the list. */
export function refuseMismatch(object: string, match: IdMatch): void {
  const { onlyListed, onlySamples, shared } = match;
  const left = Math.min(onlyListed.length, onlySamples.length);
  if (left === 0 || shared >= LEAST_SHARED * (shared + left)) return;
  const found =
    `only ${shared} of its ${shared + onlyListed.length} ids among the ${shared + onlySamples.length} raw samples ` +
    `(it has ${quote(onlyListed[0]!)}, the samples have ${quote(onlySamples[0]!)})`;
  const alike = describeAlike(match);
  const advice =
    alike === undefined
      ? 'Use the list of these samples'
      : `Write the ids as the samples' files have them: ${alike}`;
  throw new InputError({ object, found, needed: 'the ids of these samples', advice });
}

/** How many listed ids would be those of samples if they were written in the same way; undefined if none. */
export function describeAlike({ onlyListed, onlySamples }: IdMatch): string | undefined {
  const samples = new Map(onlySamples.map((id) => [plain(id), id]));
  const alike = onlyListed.filter((id) => samples.has(plain(id)));
  const [first] = alike;
  if (first === undefined) return undefined;
  return `${alike.length} differ only in upper and lower case or in .npy (${quote(first)}, ${quote(samples.get(plain(first))!)})`;
}

function plain(id: string): string {
  return id.toLowerCase().replace(/\.npy$/, '');
}
