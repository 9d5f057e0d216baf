/** Reads S3 events that arrive through SQS: which objects were uploaded to which dataset. */
import type { S3EventRecord } from 'aws-lambda';
import { DATASET_RULE, isDatasetName } from '../src/cloud/dataset.ts';
import { InputError } from '../src/core/errors.ts';

export interface Upload {
  dataset: string;
  /** Key below raw/<dataset>/. */
  key: string;
  etag: string;
  /** Empty if the bucket keeps no versions. */
  version: string;
  /** Differs between two uploads of one key, and is the same in every delivery of one event. */
  sequencer: string;
}

/**
 * The uploads in a message. Skips S3's test event, deletions, objects that stand for folders, and keys outside raw/.
 *
 * Throws InputError when the message isn't an S3 event, or when a key has no dataset or an invalid one.
 */
export function readUploads(body: string): Upload[] {
  const records = parseRecords(body);
  return records.flatMap((record) => readUpload(record) ?? []);
}

const OBJECT = 'the message';

function parseRecords(body: string): S3EventRecord[] {
  let event: { Event?: unknown; Records?: unknown };
  try {
    event = JSON.parse(body) ?? {};
  } catch (error) {
    throw new InputError(
      { object: OBJECT, found: 'text that is not JSON', needed: 'an S3 event' },
      { cause: error },
    );
  }
  if (event.Event === 's3:TestEvent') return [];
  if (!Array.isArray(event.Records)) {
    throw new InputError({ object: OBJECT, found: 'JSON without Records', needed: 'an S3 event' });
  }
  return event.Records as S3EventRecord[];
}

function readUpload(record: S3EventRecord | null): Upload | undefined {
  const { eventName, s3 } = record ?? {};
  if (typeof s3?.object?.key !== 'string' || typeof eventName !== 'string') {
    throw new InputError({ object: OBJECT, found: 'a record without an object', needed: 'an S3 event' });
  }
  if (!eventName.startsWith('ObjectCreated:')) return undefined;
  const path = decodeKey(s3.object.key);
  if (path.endsWith('/') || !path.startsWith('raw/')) return undefined;
  const [, dataset = '', ...rest] = path.split('/');
  if (rest.length === 0) {
    throw new InputError({ object: path, found: 'no dataset', needed: 'raw/<dataset>/...' });
  }
  if (!isDatasetName(dataset)) {
    throw new InputError({
      object: path,
      found: `the dataset ${JSON.stringify(dataset)}`,
      needed: `a name of ${DATASET_RULE}`,
    });
  }
  const { eTag = '', versionId = '', sequencer = '' } = s3.object;
  return { dataset, key: rest.join('/'), etag: eTag, version: versionId, sequencer };
}

/** Keys arrive URL-encoded, with + for a space. */
function decodeKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '));
  } catch (error) {
    throw new InputError(
      { object: encoded, found: 'a broken % sequence', needed: 'a URL-encoded key' },
      { cause: error },
    );
  }
}
