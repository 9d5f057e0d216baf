/** S3 events that arrive through SQS: which objects were uploaded to which dataset. */
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import * as v from 'valibot';
import { DATASET_RULE, isDatasetName } from '../src/cloud/dataset.ts';
import { InputError } from '../src/core/errors.ts';
import { quote } from '../src/core/quote.ts';
import { log, logError } from './log.ts';

interface Upload {
  dataset: string;
  /** Key below raw/<dataset>/. */
  key: string;
  /** Differs between two uploads of one key, and is the same in every delivery of one event. */
  event: string;
}

/**
 * Calls `handle` for each upload and logs its answer. If it throws, the message is reported as failed: SQS delivers it again, and
 * after the last delivery it is a dead letter.
 */
export async function forEachUpload(
  { Records }: SQSEvent,
  handle: (upload: Upload) => Promise<Record<string, unknown>>,
): Promise<SQSBatchResponse> {
  const batchItemFailures: SQSBatchResponse['batchItemFailures'] = [];
  for (const { messageId, body } of Records) {
    try {
      for (const upload of readUploads(body)) {
        log({ dataset: upload.dataset, key: upload.key, ...(await handle(upload)) });
      }
    } catch (error) {
      logError(error, { messageId });
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
}

const text = v.optional(v.string(), '');
const recordSchema = v.object({
  eventName: v.string(),
  s3: v.object({
    object: v.object({ key: v.string(), eTag: text, versionId: text, sequencer: text }),
  }),
});
const messageSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.union([v.object({ Records: v.array(recordSchema) }), v.object({ Event: v.literal('s3:TestEvent') })]),
);

/**
 * The uploads in a message. Skips S3's test event, deletions, objects that stand for folders, and keys outside raw/.
 *
 * Throws InputError when the message isn't an S3 event, or when a key has no valid dataset.
 */
export function readUploads(body: string): Upload[] {
  const { success, output } = v.safeParse(messageSchema, body);
  if (success) return 'Records' in output ? output.Records.flatMap((record) => readUpload(record) ?? []) : [];
  throw new InputError({ object: 'the message', found: quote(body), needed: 'an S3 event' });
}

function readUpload({ eventName, s3: { object } }: v.InferOutput<typeof recordSchema>): Upload | undefined {
  if (!eventName.startsWith('ObjectCreated:')) return undefined;
  const path = decodeKey(object.key);
  if (path.endsWith('/') || !path.startsWith('raw/')) return undefined;
  const [, dataset = '', ...rest] = path.split('/');
  if (rest.length === 0 || !isDatasetName(dataset)) {
    const needed = `raw/<dataset>/..., where the dataset's name is ${DATASET_RULE}`;
    throw new InputError({ object: path, found: 'another key', needed });
  }
  const { eTag, versionId, sequencer } = object;
  return { dataset, key: rest.join('/'), event: `${eTag} ${versionId} ${sequencer}` };
}

/** Keys arrive URL-encoded, with + for a space. */
function decodeKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '));
  } catch (cause) {
    const needed = 'a URL-encoded key';
    throw new InputError({ object: encoded, found: 'a broken % sequence', needed }, { cause });
  }
}
