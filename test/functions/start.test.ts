import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStart } from '../../functions/start.ts';
import { s3Event, sqsEvent, TEST_EVENT } from './events.ts';

function recordStarts() {
  const names: string[] = [];
  const inputs: unknown[] = [];
  const start = createStart(async (name, input) => {
    if (names.includes(name)) return false;
    names.push(name);
    inputs.push(input);
    return true;
  });
  return { start, names, inputs };
}

const KEY = 'raw/g2net/training_labels.csv';

test('uploaded labels start the run of their dataset', async () => {
  const { start, names, inputs } = recordStarts();
  assert.deepEqual(await start(sqsEvent(s3Event({ key: KEY }))), { batchItemFailures: [] });
  assert.deepEqual(inputs, [{ dataset: 'g2net' }]);
  // https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
  assert.match(names[0]!, /^[A-Za-z0-9_.-]{1,80}$/);
});

test('an event delivered several times starts one run, and each other upload starts another', async () => {
  const { start, names } = recordStarts();
  const body = s3Event({ key: KEY, etag: 'a', sequencer: '1' });
  await start(sqsEvent(body, body));
  await start(sqsEvent(body));
  assert.equal(names.length, 1);
  await start(sqsEvent(s3Event({ key: KEY, etag: 'b', sequencer: '2' })));
  await start(sqsEvent(s3Event({ key: KEY, etag: 'b', sequencer: '3' })));
  await start(sqsEvent(s3Event({ key: 'raw/other/training_labels.csv', etag: 'b', sequencer: '3' })));
  assert.equal(new Set(names).size, 4);
});

test('a copy of the labels in a subfolder starts nothing, and the log says so', async (t) => {
  const { start, names } = recordStarts();
  const printed = t.mock.method(console, 'log', () => {});
  const key = 'raw/g2net/backup/training_labels.csv';
  assert.deepEqual(await start(sqsEvent(s3Event({ key }, { key: KEY }))), { batchItemFailures: [] });
  assert.equal(names.length, 1);
  assert.deepEqual(JSON.parse(printed.mock.calls[0]!.arguments[0]), {
    dataset: 'g2net',
    key: 'backup/training_labels.csv',
    answer: 'skipped',
    reason: 'not raw/g2net/training_labels.csv',
  });
});

test('a poison message fails alone', async () => {
  const { start, inputs } = recordStarts();
  const answer = await start(
    sqsEvent(
      'not JSON',
      s3Event({ key: KEY }),
      TEST_EVENT,
      s3Event({ key: 'raw/bad name/training_labels.csv' }),
    ),
  );
  assert.deepEqual(answer.batchItemFailures, [{ itemIdentifier: 'm0' }, { itemIdentifier: 'm3' }]);
  assert.equal(inputs.length, 1);
});

test('a message is delivered again when its run cannot be started', async () => {
  const start = createStart(async () => {
    throw new Error('ThrottlingException');
  });
  assert.deepEqual((await start(sqsEvent(s3Event({ key: KEY })))).batchItemFailures, [
    { itemIdentifier: 'm0' },
  ]);
});

test('run names of datasets with long names are cut to the limit of AWS and still differ', async () => {
  const { start, names } = recordStarts();
  const long = 'a'.repeat(64);
  await start(sqsEvent(s3Event({ key: `raw/${long}/training_labels.csv` })));
  await start(sqsEvent(s3Event({ key: `raw/${long.slice(1)}b/training_labels.csv` })));
  assert.ok(names.every((name) => name.length <= 80));
  assert.equal(new Set(names).size, 2);
});
