import { InputError } from '../core/errors.ts';
import { openStore } from '../storage/open.ts';
import { openRecords, type RecordSet } from '../training/input/records.ts';

/**
 * Opens the signals to inject into the noise of `records`. Throws InputError when they were whitened by another PSD than the
 * records, or a PSD isn't known, and the errors of openRecords.
 */
export async function openSignals(location: string, records: RecordSet): Promise<RecordSet> {
  const set = await openRecords(openStore(location), 'signals');
  const [own, needed] = [set, records].map(({ metadata }) => metadata?.psd_sha256);
  if (own !== undefined && own === needed) return set;
  const short = (hash = 'unknown') => hash.slice(0, 12);
  throw new InputError({
    object: set.store.location,
    found: `signals whitened by the PSD ${short(own)}`,
    needed: `${short(needed)}, that of ${records.store.location}`,
    advice: 'Preprocess the signals with --psd and the avg_psd.npz of the records',
  });
}
