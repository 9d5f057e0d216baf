import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SQSClient } from '@aws-sdk/client-sqs';
import { redriveMessages } from '../../src/cloud/dead-letters.ts';
import { answerBy } from '../support/answers.ts';

test('one empty response does not mean that the queue is empty; two do', async () => {
  const answers = [[], ['a', 'b'], [], ['c'], [], []];
  const waits: (number | undefined)[] = [];
  const { client, sent } = answerBy(new SQSClient({ region: 'eu-central-1' }), {
    ReceiveMessage({ WaitTimeSeconds }: { WaitTimeSeconds?: number }) {
      waits.push(WaitTimeSeconds);
      return { Messages: answers.shift()!.map((body) => ({ Body: body, ReceiptHandle: body })) };
    },
    SendMessage: () => ({}),
    DeleteMessage: () => ({}),
  });
  assert.equal(await redriveMessages(client, 'from', 'to'), 3);
  assert.deepEqual(
    sent.flatMap(({ input }) => ('MessageBody' in input ? input.MessageBody : [])),
    ['a', 'b', 'c'],
  );
  assert.equal(answers.length, 0);
  // Without a wait, SQS asks only some of its hosts.
  assert.ok(waits.every((wait) => wait !== undefined && wait > 0));
});
