import assert from 'node:assert/strict';
import { test } from 'node:test';
import { queueArns, replaceEvents, stageEvents } from '../../infra/deploy/bucket-events.ts';

const QUEUES = queueArns('arn:aws-cn:states:cn-north-1:123456789012:stateMachine:chirpline-dev');
const LABELS = 'arn:aws-cn:sqs:cn-north-1:123456789012:chirpline-dev-labels';
const OBJECTS = 'arn:aws-cn:sqs:cn-north-1:123456789012:chirpline-dev-objects';

test('the events of a stage are those that infra/bucket.yml gives to its own bucket', () => {
  const events = stageEvents('.', QUEUES);
  assert.deepEqual(
    events.map(({ Events, QueueArn, Filter }) => [
      ...[Events, QueueArn],
      Filter?.Key?.FilterRules?.map(({ Name, Value }) => `${Name} ${Value}`),
    ]),
    [
      [['s3:ObjectCreated:*'], LABELS, ['prefix raw/', 'suffix /training_labels.csv']],
      [['s3:ObjectCreated:*'], OBJECTS, ['prefix raw/', 'suffix .npy']],
      [['s3:ObjectCreated:*'], OBJECTS, ['prefix raw/', 'suffix .npz']],
      [['s3:ObjectCreated:*'], OBJECTS, ['prefix raw/', 'suffix .tar']],
    ],
  );
});

test('a stage replaces only its own events of a bucket, and takes only these away', () => {
  const other = { Id: 'other', Events: ['s3:ObjectRemoved:*' as const], QueueArn: `${LABELS}-2` };
  const topics = [{ Events: ['s3:ObjectRemoved:*' as const], TopicArn: 'topic' }];
  const before = { QueueConfigurations: [other], TopicConfigurations: topics };
  const events = stageEvents('.', QUEUES);
  const once = replaceEvents(before, QUEUES, events);
  assert.deepEqual(once, { ...before, QueueConfigurations: [other, ...events] });
  assert.deepEqual(replaceEvents(once, QUEUES, events), once);
  assert.deepEqual(replaceEvents(once, QUEUES, []), before);
  assert.deepEqual(replaceEvents({}, QUEUES, events), { QueueConfigurations: events });
});
