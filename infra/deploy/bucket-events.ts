/**
 * The events of a bucket that the stack doesn't make. CloudFormation can't set them, so deploy and remove do, and leave the
 * bucket's other notifications as they are.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NotificationConfiguration, QueueConfiguration, Event as S3Event } from '@aws-sdk/client-s3';
import { parse } from 'yaml';
import { openStore } from '../../src/storage/open.ts';
import { openConnection } from '../../src/storage/s3/s3-connection.ts';
import { explainS3Error } from '../../src/storage/s3/s3-errors.ts';

/** As infra/bucket.yml has them. */
interface StackEvents {
  Event: string;
  /** Resource of the queue, such as LabelsQueue.Arn. */
  Queue: string;
  Filter: { S3Key: { Rules: { Name: 'prefix' | 'suffix'; Value: string }[] } };
}

/** ARNs of a stage's queues by their resources in infra/queues.yml. @param stateMachine ARN of the stage's state machine */
export function queueArns(stateMachine: string): Record<string, string> {
  const [, partition, , region, account, , name] = stateMachine.split(':');
  const arn = (queue: string) => `arn:${partition}:sqs:${region}:${account}:${name}-${queue}`;
  return { 'LabelsQueue.Arn': arn('labels'), 'ObjectsQueue.Arn': arn('objects') };
}

/** The events that infra/bucket.yml gives to the stack's bucket, for the queues of a stage. */
export function stageEvents(root: string, queues: Record<string, string>): QueueConfiguration[] {
  // The parser reads a value with a tag of CloudFormation, as `!GetAtt LabelsQueue.Arn`, without the tag.
  const file = parse(readFileSync(join(root, 'infra/bucket.yml'), 'utf8'), { logLevel: 'error' });
  const events: StackEvents[] =
    file.Resources.Bucket.Properties.NotificationConfiguration.QueueConfigurations;
  return events.map(({ Event, Queue, Filter }) => ({
    Events: [Event as S3Event],
    QueueArn: queues[Queue],
    Filter: { Key: { FilterRules: Filter.S3Key.Rules } },
  }));
}

/** The notifications with these events in place of all that go to the stage's queues. */
export function replaceEvents(
  notifications: NotificationConfiguration,
  queues: Record<string, string>,
  events: readonly QueueConfiguration[],
): NotificationConfiguration {
  const own = new Set(Object.values(queues));
  const others = (notifications.QueueConfigurations ?? []).filter(({ QueueArn = '' }) => !own.has(QueueArn));
  return { ...notifications, QueueConfigurations: [...others, ...events] };
}

/** Sets the bucket's events of a stage; [] takes them away. Throws what explainS3Error makes of a refusal. */
export async function setEvents(
  bucket: string,
  queues: Record<string, string>,
  events: readonly QueueConfiguration[],
): Promise<void> {
  const { sdk, client } = await openConnection(undefined, undefined);
  try {
    const { $metadata: _, ...notifications } = await client.send(
      new sdk.GetBucketNotificationConfigurationCommand({ Bucket: bucket }),
    );
    await client.send(
      new sdk.PutBucketNotificationConfigurationCommand({
        Bucket: bucket,
        NotificationConfiguration: replaceEvents(notifications, queues, events),
      }),
    );
  } catch (error) {
    throw explainS3Error(error, 'write', `the notifications of s3://${bucket}`);
  } finally {
    client.destroy();
  }
}

/** Throws MachineError if the bucket doesn't exist, is in another region, or can't be used with these credentials. */
export async function checkBucket(bucket: string): Promise<void> {
  for await (const _ of openStore(`s3://${bucket}`).list('raw/', { delimiter: '/' })) return;
}
