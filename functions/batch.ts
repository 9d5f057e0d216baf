/** Handles SQS messages one by one: only a message that fails is delivered again. */
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { log, logError } from './log.ts';
import { readUploads, type Upload } from './uploads.ts';

/** Calls `handle` for each upload and logs its answer. If it throws, the message is reported as failed: SQS delivers it again. */
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
