/** A labels file that comes to a finished run: new rows are for samples that come later; others must be as they were. */
import { ConflictError } from '../errors.ts';
import { parseLabels } from '../raw/labels.ts';
import { readMembers } from './members.ts';
import { LABELS_KEY, type Stores } from './plan.ts';

/** Throws ConflictError when a sample that the run holds has another label now. */
export async function checkExtension({ raw, records }: Stores): Promise<void> {
  const { labels } = parseLabels(await raw.read(LABELS_KEY), `${raw.location}${LABELS_KEY}`);
  const members = await readMembers(records);
  const changed = labels.filter(({ id, target }) => (members.label(id) ?? target) !== target);
  if (changed.length === 0) return;
  throw new ConflictError(
    `${changed.length} samples in ${records.location} have another label in ${LABELS_KEY} now (${changed[0]!.id}). ` +
      'Remove the records to make them anew, or give the dataset another name.',
  );
}
