import { InputError, NotFoundError } from '../core/errors.ts';
import { SAMPLE_SIZE, type Strain } from '../core/strain.ts';
import { rawKind } from '../raw/arrays.ts';
import { catalogDataset, catalogFile } from '../raw/catalog.ts';
import { LABELS_KEY, type Label, parseLabels } from '../raw/labels.ts';
import { describePlace, type RawFault, rawFault, type SampleRef } from '../raw/sample-ref.ts';
import { readSamples as readRefs } from '../raw/samples.ts';
import { splitLocation } from '../storage/location.ts';
import { openStore } from '../storage/open.ts';
import type { ObjectStore } from '../storage/store.ts';

/** A raw sample, or the reason why it can't be read. */
export type RawSample = {
  /** The name of its file or row; '' for an object that holds no samples. */
  id: string;
  /** The object that holds it: a key below the location, or `archive.tar!member.npy`. */
  file: string;
  /** 1 if the labels beside it say that it has a signal, 0 if not; missing if they don't name it. */
  target?: 0 | 1;
} & ({ strain: Strain; reason?: undefined } | { strain?: undefined; reason: string });

/**
 * Reads raw samples: all of a folder, or those of one `.npy`, `.npz` or `.tar` file.
 *
 * Files are as docs/formats.md describes them: float64 or float32 of shape (3, 4096) or (N, 3, 4096), any byte order, C or Fortran
 * order. A folder is searched with its subfolders, and its training_labels.csv, if there is one, gives the targets and names the
 * rows of stacks. Reads are started ahead; memory doesn't grow with the number of samples, but for 100 bytes each.
 *
 * @param location a folder or a file: a path or `s3://bucket/key`.
 * @returns for each sample its strain, shape (3, 4096), dimensionless, in an array of its own; or the reason why it can't be read:
 * a broken sample doesn't end the reading. Values aren't checked: createPreprocessor and estimatePsd refuse NaN.
 * @throws InputError when there is no sample at all, or the labels can't be read. NotFoundError when the file is missing.
 *
 * @example
 * import { readSamples } from 'chirpline';
 *
 * for await (const { id, target, strain, reason } of readSamples('raw')) {
 *   if (reason !== undefined) console.log(id, reason);
 *   else console.log(id, target, 'first value of L1:', strain[4096]);
 * }
 */
export async function* readSamples(location: string): AsyncGenerator<RawSample> {
  const { store, refs, faults, labels } = await catalog(location);
  const targets = new Map(labels?.map(({ id, target }) => [id, target]));
  if (refs.length === 0 && faults.length === 0)
    throw new InputError({ object: location, found: 'no raw samples', needed: '.npy, .npz or .tar files' });
  for (const { id, file, reason } of faults) yield { id, file, reason };
  for await (const { ref, ...content } of readRefs(store, refs, () => new Float64Array(SAMPLE_SIZE))) {
    const target = targets.get(ref.id);
    yield { id: ref.id, file: describePlace(ref), ...(target !== undefined && { target }), ...content };
  }
}

interface Catalogued {
  store: ObjectStore;
  refs: SampleRef[];
  faults: RawFault[];
  labels?: Label[] | undefined;
}

async function catalog(location: string): Promise<Catalogued> {
  if (rawKind(location) !== undefined) {
    const { folder, key } = splitLocation(location);
    const store = openStore(folder);
    const { refs, faults } = await catalogFile(store, key);
    return { store, refs, faults: faults.map((fault) => rawFault(fault, key)) };
  }
  const store = openStore(location);
  const labels = await findLabels(store);
  return { store, labels, ...(await catalogDataset(store, labels && { labels })) };
}

/** Undefined if there are none. */
async function findLabels(store: ObjectStore): Promise<Label[] | undefined> {
  try {
    return parseLabels(await store.read(LABELS_KEY), LABELS_KEY).labels;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
