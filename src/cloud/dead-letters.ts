/** Messages that could not be processed. */
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';

/** The approximate number of messages in a queue. */
export async function countMessages(client: SQSClient, url: string): Promise<number> {
  const { Attributes } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['ApproximateNumberOfMessages'] }),
  );
  return Number(Attributes?.ApproximateNumberOfMessages ?? 0);
}

/**
 * How long a request may wait for messages (long polling) [s]. Without it SQS asks only some of its hosts, and may miss messages:
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
 */
const WAIT = 1;
/** The queue counts as empty after this number of empty responses in a row. */
const EMPTY_RESPONSES = 2;

/**
 * Moves dead letters back to their queue; resolves to how many. If the process is killed in between, one message is in both
 * queues. This does no harm: SQS may deliver a message twice anyway.
 */
export async function redriveMessages(client: SQSClient, from: string, to: string): Promise<number> {
  let sent = 0;
  for (let empty = 0; empty < EMPTY_RESPONSES; ) {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl: from,
        MaxNumberOfMessages: 10,
        VisibilityTimeout: 30,
        WaitTimeSeconds: WAIT,
      }),
    );
    empty = Messages.length === 0 ? empty + 1 : 0;
    for (const { Body, ReceiptHandle } of Messages) {
      await client.send(new SendMessageCommand({ QueueUrl: to, MessageBody: Body }));
      await client.send(new DeleteMessageCommand({ QueueUrl: from, ReceiptHandle }));
      sent += 1;
    }
  }
  return sent;
}
