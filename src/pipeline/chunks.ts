/**
 * The plan's lists of samples, a file a chunk. The versions of the raw objects stand beside the list, which alone is the
 * plan's identity: the same list of changed objects is another thing to say.
 */
import type { SampleRef } from '../raw/sample-ref.ts';
import { listVersions, restoreVersions } from '../raw/versions.ts';
import type { ObjectStore } from '../storage/store.ts';
import { readJson } from './work.ts';

/** A sample of a shard. */
export interface LabelledRef {
  ref: SampleRef;
  label: 0 | 1;
}

interface ChunkFile<Sample> {
  samples: Sample[];
  /** See listVersions. */
  versions: string[];
}

/** The file of a chunk of samples, whose list is there as JSON already. */
export function encodeChunk(
  samples: string,
  refs: Iterable<SampleRef>,
  etags: ReadonlyMap<string, string>,
): Uint8Array {
  const versions = JSON.stringify(listVersions(refs, etags));
  return new TextEncoder().encode(`{"samples":${samples},"versions":${versions}}\n`);
}

/** A shard's samples, their refs with the versions that the plan was made from. */
export async function readShardChunk(records: ObjectStore, key: string): Promise<LabelledRef[]> {
  const { samples, versions } = await readJson<ChunkFile<LabelledRef>>(records, key);
  restoreVersions(
    samples.map(({ ref }) => ref),
    versions,
  );
  return samples;
}

/** The samples of one part of the PSD, likewise. */
export async function readPsdChunk(records: ObjectStore, key: string): Promise<SampleRef[]> {
  const { samples, versions } = await readJson<ChunkFile<SampleRef>>(records, key);
  restoreVersions(samples, versions);
  return samples;
}
