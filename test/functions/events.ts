/** Events as AWS sends them, with the fields that the functions read. */
import type { SQSEvent, SQSRecord } from 'aws-lambda';

export interface UploadFields {
  key: string;
  event?: string;
  etag?: string;
  version?: string;
  sequencer?: string;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
export function s3Event(...uploads: UploadFields[]): string {
  return JSON.stringify({
    Records: uploads.map(
      ({ key, event = 'ObjectCreated:Put', etag = 'e1', version, sequencer = '0055' }) => ({
        eventVersion: '2.1',
        eventSource: 'aws:s3',
        eventName: event,
        s3: {
          bucket: { name: 'bucket', arn: 'arn:aws:s3:::bucket' },
          object: {
            // S3 encodes keys as forms do.
            key: encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%20', '+'),
            size: 1,
            eTag: etag,
            sequencer,
            ...(version !== undefined && { versionId: version }),
          },
        },
      }),
    ),
  });
}

/** Messages with the ids m0, m1, ... */
export function sqsEvent(...bodies: string[]): SQSEvent {
  return { Records: bodies.map((body, index) => ({ messageId: `m${index}`, body }) as SQSRecord) };
}

export const TEST_EVENT = JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'bucket' });

/** The context of a function with this time left [ms]. */
export function withTime(milliseconds: number) {
  return { getRemainingTimeInMillis: () => milliseconds };
}
