/** Messages that could not be dealt with. */
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';

/** About how many there are. */
export async function countMessages(client: SQSClient, url: string): Promise<number> {
  const { Attributes } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['ApproximateNumberOfMessages'] }),
  );
  return Number(Attributes?.ApproximateNumberOfMessages ?? 0);
}

/**
 * How long an answer may wait for messages [s]. Without it AWS asks a few of the hosts that hold the queue, and may find
 * none though others have some; https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
 */
const WAIT = 1;
/** So many answers without a message, one after the other, say that the queue is empty. */
const EMPTY_ANSWERS = 2;

/**
 * Sends dead letters to their queue again; resolves to how many. One that is killed in between leaves a message in
 * both queues, which does no harm: messages may come twice anyway.
 */
export async function redriveMessages(client: SQSClient, from: string, to: string): Promise<number> {
  let sent = 0;
  for (let empty = 0; empty < EMPTY_ANSWERS; ) {
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
