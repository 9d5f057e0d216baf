/** Records of signals without noise (SIGNAL_RECIPE): only for injection, and only into noise that was whitened by the same PSD. */
import { InputError } from '../core/errors.ts';
import { recipeHash, SIGNAL_RECIPE } from '../signal/recipe.ts';
import { openStore } from '../storage/open.ts';
import { openRecords, type RecordSet } from '../training/input/records.ts';

const isSignals = ({ metadata }: Pick<RecordSet, 'metadata'>): boolean =>
  metadata?.recipe_hash === recipeHash(SIGNAL_RECIPE);

/** Throws InputError for records of signals. */
export function refuseSignals(set: Pick<RecordSet, 'store' | 'metadata'>): void {
  if (!isSignals(set)) return;
  throw new InputError({
    object: set.store.location,
    found: 'records of signals without noise',
    needed: 'records of samples',
    advice: 'Train on records with noise, and pass these with --inject',
  });
}

/** Opens the signals to inject into the noise of `records`. Throws InputError for other records, and for another PSD. */
export async function openSignals(location: string, records: RecordSet): Promise<RecordSet> {
  const set = await openRecords(openStore(location));
  const object = set.store.location;
  if (!isSignals(set))
    throw new InputError({
      object,
      found: 'records that are not signals without noise',
      needed: 'signals made by simulate --signals-only and preprocess --signals',
    });
  const [own, needed] = [set, records].map(({ metadata }) => metadata?.psd_sha256 ?? 'unknown') as [
    string,
    string,
  ];
  if (own === needed) return set;
  throw new InputError({
    object,
    found: `signals whitened by the PSD ${own.slice(0, 12)}`,
    needed: `${needed.slice(0, 12)}, that of ${records.store.location}`,
    advice: 'Preprocess the signals with --psd and the avg_psd.npz of the records',
  });
}
