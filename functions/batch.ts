/** Messages of SQS are dealt with one by one: one that fails comes back alone. */
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { log, logError } from './log.ts';
import { readUploads, type Upload } from './uploads.ts';

/** Calls `deal` for each upload and logs its answer. What throws is reported as failed, so that SQS delivers it again. */
export async function forEachUpload(
  { Records }: SQSEvent,
  deal: (upload: Upload) => Promise<Record<string, unknown>>,
): Promise<SQSBatchResponse> {
  const batchItemFailures: SQSBatchResponse['batchItemFailures'] = [];
  for (const { messageId, body } of Records) {
    try {
      for (const upload of readUploads(body)) {
        log({ dataset: upload.dataset, key: upload.key, ...(await deal(upload)) });
      }
    } catch (error) {
      logError(error, { messageId });
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
}
