import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BatchClient,
  CreateJobQueueCommand,
  DescribeJobsCommand,
  type JobDetail,
  ListJobsCommand,
  RegisterJobDefinitionCommand,
  SubmitJobCommand,
  type SubmitJobCommandInput,
  TerminateJobCommand,
} from '@aws-sdk/client-batch';
import { type Agent, startAgent } from '../../infra/local/agent.ts';
import { setEnvironment } from '../support/emulator.ts';

/** Receives the reports of the agent: details of events, and log lines. */
let receiver: Server;
let states: { jobId: string; status: string }[] = [];
let lines: string[] = [];
let restore: () => void;
let folder: string;
let agent: Agent;
let batch: BatchClient;
const SECRET = 'a-secret_of-the-stage';

before(async () => {
  receiver = createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += part;
    const body = JSON.parse(text);
    for (const { Detail } of body.Entries ?? []) states.push(JSON.parse(Detail));
    for (const { message } of body.logEvents ?? []) lines.push(message);
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end('{"FailedEntryCount":0}');
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const address = receiver.address();
  assert.ok(typeof address === 'object' && address !== null);
  restore = setEnvironment({
    AWS_ENDPOINT_URL: `http://127.0.0.1:${address.port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  });
});
after(() => {
  restore();
  receiver.closeAllConnections();
  receiver.close();
});

beforeEach(async () => {
  states = [];
  lines = [];
  folder = mkdtempSync(join(tmpdir(), 'chirpline-agent-'));
  await start();
  await batch.send(new CreateJobQueueCommand({ jobQueueName: 'queue', priority: 1 }));
  await batch.send(
    new RegisterJobDefinitionCommand({
      jobDefinitionName: 'shell',
      type: 'container',
      parameters: { word: 'default' },
      retryStrategy: {
        attempts: 3,
        evaluateOnExit: [
          // The rules of infra/training.yml.
          { onStatusReason: 'Host EC2*', action: 'RETRY' },
          { onExitCode: '75', action: 'RETRY' },
          { onReason: 'AGENT', action: 'RETRY' },
          { onStatusReason: 'Task failed to start*', action: 'RETRY' },
          { onReason: '*', action: 'EXIT' },
        ],
      },
      containerProperties: {
        image: 'none',
        command: ['echo', 'Ref::word'],
        environment: [
          { name: 'COLOUR', value: 'red' },
          { name: 'SHAPE', value: 'round' },
        ],
        logConfiguration: { logDriver: 'awslogs', options: { 'awslogs-group': 'group' } },
      },
    }),
  );
});
afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

async function start(host = '127.0.0.1'): Promise<void> {
  agent = await startAgent({
    host,
    port: 0,
    secret: SECRET,
    folder,
    runner: 'process',
    slots: 1,
    grace: 500,
    jobEnv: { FROM_AGENT: 'yes' },
  });
  batch = new BatchClient({ endpoint: `http://127.0.0.1:${agent.port}/${SECRET}` });
}

async function stop(): Promise<void> {
  batch.destroy();
  await agent.stop();
}

async function submit(
  script: string | undefined,
  more: Partial<SubmitJobCommandInput> = {},
): Promise<string> {
  const { jobId } = await batch.send(
    new SubmitJobCommand({
      jobName: 'job',
      jobQueue: 'queue',
      jobDefinition: 'shell',
      ...(script !== undefined && { containerOverrides: { command: ['sh', '-c', script] } }),
      ...more,
    }),
  );
  return jobId!;
}

async function describe(id: string): Promise<JobDetail> {
  const { jobs } = await batch.send(new DescribeJobsCommand({ jobs: [id] }));
  return jobs![0]!;
}

async function waitFor(id: string, ...wanted: string[]): Promise<JobDetail> {
  for (let tries = 0; tries < 150; tries += 1) {
    const job = await describe(id);
    if (wanted.includes(job.status!)) return job;
    await sleep(50);
  }
  throw new Error(`job ${id} is ${(await describe(id)).status}, not ${wanted}`);
}

interface Answer {
  status: number;
  message: string;
}

/** Doesn't use fetch, which forbids the headers Host and Origin. An undefined header isn't sent. */
async function send(
  path: string,
  body: string,
  { method = 'POST', ...more }: Record<string, string | undefined> = {},
): Promise<Answer> {
  const given = { host: `127.0.0.1:${agent.port}`, 'content-type': 'application/json', ...more };
  const headers = Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  const sent = request({ host: '127.0.0.1', port: agent.port, path, method, headers });
  sent.end(method === 'POST' ? body : undefined);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const { message = '' } = JSON.parse(await text(answer));
  return { status: answer.statusCode!, message };
}

async function reclaim(jobId: string): Promise<void> {
  await send(`/${SECRET}/v1/reclaimhost`, JSON.stringify({ jobId }));
}

const ended = (id: string) => waitFor(id, 'SUCCEEDED', 'FAILED');

test('a job runs the command of its definition with its parameters, and reports every state in order', async () => {
  const id = await submit(undefined, { parameters: { word: 'chirp' } });
  const job = await ended(id);
  assert.equal(job.status, 'SUCCEEDED');
  assert.equal(job.container?.exitCode, 0);
  await stop();
  assert.deepEqual(
    states.map(({ status }) => status),
    ['SUBMITTED', 'PENDING', 'RUNNABLE', 'STARTING', 'RUNNING', 'SUCCEEDED'],
  );
  assert.deepEqual(lines, ['chirp']);
});

test("a submission's environment overrides the definition's, and that overrides the agent's", async () => {
  const id = await submit(undefined, {
    containerOverrides: {
      command: ['sh', '-c', 'echo $COLOUR $SHAPE $FROM_AGENT $AWS_BATCH_JOB_ID $AWS_BATCH_JOB_ATTEMPT'],
      environment: [{ name: 'COLOUR', value: 'blue' }],
    },
  });
  await ended(id);
  assert.deepEqual(lines, [`blue round yes ${id} 1`]);
});

test('a job that fails by itself is not retried', async () => {
  const job = await ended(await submit('echo bad >&2; exit 3'));
  assert.deepEqual([job.status, job.container?.exitCode, job.attempts?.length], ['FAILED', 3, 1]);
  assert.deepEqual(lines, ['bad']);
});

test('a job whose host is reclaimed gets SIGTERM and is retried', async () => {
  const mark = join(folder, 'mark');
  const id = await submit(
    `if [ -e ${mark} ]; then exit 0; fi; trap 'echo saving; touch ${mark}; exit 1' TERM; while :; do sleep 0.05; done`,
  );
  await waitFor(id, 'RUNNING');
  await sleep(200);
  await reclaim(id);
  const job = await ended(id);
  assert.equal(job.status, 'SUCCEEDED');
  assert.equal(job.attempts?.length, 2);
  assert.match(job.attempts![0]!.statusReason!, /^Host EC2/);
  assert.ok(lines.includes('saving'));
});

test('a job whose hosts are reclaimed fails after its last attempt', async () => {
  const id = await submit('exec sleep 30');
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    // The state is RUNNING until the end of the attempt before is noted, too.
    let job = await waitFor(id, 'RUNNING');
    while (job.attempts?.length !== attempt - 1) {
      await sleep(50);
      job = await waitFor(id, 'RUNNING', 'FAILED');
      assert.equal(job.status, 'RUNNING');
    }
    await reclaim(id);
  }
  const job = await ended(id);
  assert.deepEqual([job.status, job.attempts?.length, job.container?.exitCode], ['FAILED', 3, 143]);
});

test('a job that times out is not retried, whatever its exit code, and shows the reason', async () => {
  const script = "trap 'exit 75' TERM; while :; do sleep 0.05; done";
  const job = await ended(await submit(script, { timeout: { attemptDurationSeconds: 1 } }));
  assert.deepEqual([job.status, job.statusReason], ['FAILED', 'Job attempt duration exceeded timeout']);
  assert.deepEqual([job.container?.exitCode, job.attempts?.length], [75, 1]);
});

test('a job that exits with 75 after its checkpoint is retried', async () => {
  const mark = join(folder, 'mark');
  const job = await ended(await submit(`if [ -e ${mark} ]; then exit 0; fi; touch ${mark}; exit 75`));
  assert.deepEqual(
    [job.status, job.attempts?.map(({ container }) => container?.exitCode)],
    ['SUCCEEDED', [75, 0]],
  );
});

test('terminating stops a job and its child processes, even if they ignore SIGTERM', async () => {
  const mark = `chirpline-test-${process.pid}`;
  const id = await submit(
    `trap '' TERM; sh -c 'trap "" TERM; while :; do sleep 0.05; done' ${mark} & wait; while :; do sleep 0.05; done`,
  );
  await waitFor(id, 'RUNNING');
  await sleep(200);
  const count = () =>
    spawnSync('sh', ['-c', `ps -eo args | grep -c "[c]hirpline-test-${process.pid}"`], {
      encoding: 'utf8',
    }).stdout.trim();
  assert.notEqual(count(), '0');
  await batch.send(new TerminateJobCommand({ jobId: id, reason: 'enough' }));
  const job = await ended(id);
  assert.deepEqual([job.status, job.statusReason, job.container?.exitCode], ['FAILED', 'enough', 137]);
  assert.equal(count(), '0');
});

test('one job runs at a time, and a waiting job can be terminated', async () => {
  const first = await submit('sleep 30');
  await waitFor(first, 'RUNNING');
  const second = await submit('true');
  assert.equal((await waitFor(second, 'RUNNABLE')).status, 'RUNNABLE');
  await batch.send(new TerminateJobCommand({ jobId: second, reason: 'enough' }));
  assert.equal((await ended(second)).statusReason, 'enough');
  await batch.send(new TerminateJobCommand({ jobId: first, reason: 'enough' }));
  await ended(first);
});

test('an array job fails if any of its child jobs fails', async () => {
  const good = await submit('echo $AWS_BATCH_JOB_ARRAY_INDEX', { arrayProperties: { size: 3 } });
  assert.equal((await ended(good)).status, 'SUCCEEDED');
  assert.deepEqual(lines.sort(), ['0', '1', '2']);
  const mixed = await submit('test $AWS_BATCH_JOB_ARRAY_INDEX != 1', { arrayProperties: { size: 3 } });
  const job = await ended(mixed);
  assert.equal(job.status, 'FAILED');
  assert.deepEqual(job.arrayProperties?.statusSummary, { SUCCEEDED: 2, FAILED: 1 });
  const { jobSummaryList } = await batch.send(
    new ListJobsCommand({ arrayJobId: mixed, jobStatus: 'FAILED' }),
  );
  assert.deepEqual(
    jobSummaryList?.map(({ jobId }) => jobId),
    [`${mixed}:1`],
  );
});

test('an array job counts the states of its child jobs, and terminating it terminates them', async () => {
  const id = await submit('sleep 30', { arrayProperties: { size: 3 } });
  await waitFor(`${id}:0`, 'RUNNING');
  for (let tries = 0; tries < 100; tries += 1) {
    const { RUNNING } = (await describe(id)).arrayProperties?.statusSummary ?? {};
    if (RUNNING === 1) break;
    await sleep(50);
  }
  const parent = await describe(id);
  assert.deepEqual(
    [parent.status, parent.arrayProperties?.statusSummary],
    ['PENDING', { RUNNING: 1, RUNNABLE: 2 }],
  );
  await batch.send(new TerminateJobCommand({ jobId: id, reason: 'enough' }));
  const job = await ended(id);
  assert.deepEqual([job.status, job.statusReason], ['FAILED', 'enough']);
  assert.deepEqual(job.arrayProperties?.statusSummary, { FAILED: 3 });
});

test('a job survives its agent, and the next agent gets the exit code', async () => {
  const slow = await submit('sleep 0.8; echo late; exit 5');
  await waitFor(slow, 'RUNNING');
  const waiting = await submit('true');
  await stop();
  await start();
  const job = await ended(slow);
  assert.deepEqual([job.status, job.container?.exitCode], ['FAILED', 5]);
  assert.equal((await ended(waiting)).status, 'SUCCEEDED');
  assert.ok(lines.includes('late'));
});

test('a job that was killed while no agent ran has failed with 137', async () => {
  const id = await submit('sleep 30');
  await waitFor(id, 'RUNNING');
  await stop();
  const { running } = JSON.parse(readFileSync(join(folder, 'jobs', `${id}.json`), 'utf8'));
  process.kill(-running.pid, 'SIGKILL');
  await start();
  const job = await ended(id);
  assert.deepEqual([job.status, job.container?.exitCode], ['FAILED', 137]);
});

test('a queue, definition or job that does not exist is a client error', async () => {
  const submission = { jobName: 'job', jobQueue: 'queue', jobDefinition: 'shell' };
  for (const wrong of [
    { jobQueue: 'other' },
    { jobDefinition: 'other' },
    { jobDefinition: 'shell:9' },
    { arrayProperties: { size: 1 } },
  ]) {
    await assert.rejects(batch.send(new SubmitJobCommand({ ...submission, ...wrong })), {
      name: 'ClientException',
    });
  }
  await assert.rejects(batch.send(new TerminateJobCommand({ jobId: 'none', reason: 'x' })), {
    name: 'ClientException',
  });
});

test('requests without the secret and requests of browsers are refused', async () => {
  const known = `/${SECRET}/v1/describejobqueues`;
  const [port, host] = [agent.port, 'evil.example'];
  const cases: [path: string, headers: Record<string, string | undefined>, status: number, why: RegExp][] = [
    [known, {}, 200, /^$/],
    [known, { host: `localhost:${port}` }, 200, /^$/],
    [known, { host }, 403, /^Host is "evil\.example": needed 127\.0\.0\.1:\d+$/],
    [known, { host: `${host}:${port}` }, 403, /^Host is/],
    [known, { host: '127.0.0.1' }, 403, /^Host is/],
    [known, { host: `127.0.0.1:${port + 1}` }, 403, /^Host is/],
    [known, { origin: 'https://evil.example' }, 403, /^the header origin comes from a browser/],
    [known, { origin: 'null' }, 403, /^the header origin/],
    [known, { origin: `http://127.0.0.1:${port}` }, 403, /^the header origin/],
    [known, { 'sec-fetch-site': 'cross-site' }, 403, /^the header sec-fetch-site comes from a browser/],
    [known, { 'sec-fetch-site': 'same-origin' }, 403, /^the header sec-fetch-site/],
    [
      known,
      { 'content-type': 'text/plain' },
      415,
      /^content-type is "text\/plain": needed application\/json$/,
    ],
    [known, { 'content-type': 'application/x-www-form-urlencoded' }, 415, /^content-type/],
    [known, { 'content-type': undefined }, 415, /^content-type is ""/],
    [known, { method: 'GET' }, 405, /^GET: needed POST$/],
    ['/v1/describejobqueues', {}, 403, /the secret of the running stage\. Deploy it again/],
    ['//v1/describejobqueues', {}, 403, /secret/],
    [`/${SECRET.slice(1)}/v1/describejobqueues`, {}, 403, /secret/],
    [`/${SECRET}x/v1/describejobqueues`, {}, 403, /secret/],
    ['/v1/health', { method: 'GET' }, 403, /secret/],
    [`/${SECRET}/v1/health`, { method: 'GET' }, 200, /^$/],
  ];
  for (const [path, headers, status, why] of cases) {
    const answer = await send(path, '{}', headers);
    const what = `${path} ${JSON.stringify(headers)}: ${answer.message}`;
    assert.equal(answer.status, status, what);
    assert.match(answer.message, why, what);
  }
});

test('requests that a web page can send without a preflight start no job', async () => {
  const mark = join(folder, 'mark');
  const page = {
    host: 'evil.example',
    origin: 'https://evil.example',
    'content-type': 'text/plain',
    'sec-fetch-site': 'cross-site',
  };
  const definition = {
    jobDefinitionName: 'evil',
    type: 'container',
    containerProperties: { image: 'x', command: ['touch', mark] },
  };
  for (const start of ['', `/${SECRET}`]) {
    const post = (name: string, body: unknown) => send(`${start}/v1/${name}`, JSON.stringify(body), page);
    assert.equal((await post('createjobqueue', { jobQueueName: 'evil' })).status, 403);
    assert.equal((await post('registerjobdefinition', definition)).status, 403);
    const submission = { jobName: 'job', jobQueue: 'queue', jobDefinition: 'shell' };
    assert.equal((await post('submitjob', submission)).status, 403);
  }
  await ended(await submit('true'));
  assert.deepEqual(readdirSync(join(folder, 'jobs')).length, 1);
  assert.ok(!existsSync(mark));
});

test('an invalid body is a client error that names the fault', async () => {
  const submission = { jobName: 'job', jobQueue: 'queue', jobDefinition: 'shell' };
  const cases: [operation: string, body: unknown, why: RegExp][] = [
    ['constructor', {}, /no operation constructor$/],
    ['__proto__', {}, /no operation/],
    ['nothing', {}, /no operation nothing$/],
    ['submitjob', null, /^the body: found null, needed Object$/],
    ['submitjob', [], /^the body: found Array|^jobName: found undefined/],
    ['submitjob', 'text', /^the body: found "text", needed Object$/],
    ['submitjob', {}, /^jobName: found undefined, needed/],
    ['submitjob', { ...submission, jobName: '../../x' }, /^jobName: found "\.\.\/\.\.\/x", needed/],
    ['submitjob', { ...submission, jobQueue: {} }, /^jobQueue: found Object, needed string$/],
    ['submitjob', { ...submission, jobDefinition: 4 }, /^jobDefinition: found 4, needed string$/],
    ['submitjob', { ...submission, parameters: { a: 1 } }, /^parameters\.a: found 1, needed string$/],
    ['submitjob', { ...submission, arrayProperties: { size: '3' } }, /^arrayProperties\.size: found "3"/],
    ['submitjob', { ...submission, arrayProperties: { size: 2.5 } }, /^arrayProperties\.size: found 2\.5/],
    [
      'submitjob',
      { ...submission, arrayProperties: { size: 10_001 } },
      /^arrayProperties\.size: found 10001/,
    ],
    ['submitjob', { ...submission, containerOverrides: { command: 'sh' } }, /^containerOverrides\.command/],
    [
      'submitjob',
      { ...submission, containerOverrides: { command: [{}] } },
      /^containerOverrides\.command\.0/,
    ],
    [
      'submitjob',
      { ...submission, containerOverrides: { environment: [null] } },
      /environment\.0: found null/,
    ],
    ['submitjob', { ...submission, retryStrategy: { attempts: 'many' } }, /^retryStrategy\.attempts/],
    ['submitjob', { ...submission, timeout: 3 }, /^timeout: found 3, needed Object$/],
    ['registerjobdefinition', { jobDefinitionName: '__proto__' }, /^jobDefinitionName: found "__proto__"/],
    [
      'registerjobdefinition',
      { jobDefinitionName: 'd', type: 'container', containerProperties: 1 },
      /^containerP/,
    ],
    ['createjobqueue', { jobQueueName: '' }, /^jobQueueName: found ""/],
    ['createjobqueue', { jobQueueName: ['a'] }, /^jobQueueName: found Array/],
    ['describejobs', { jobs: 'x' }, /^jobs: found "x", needed Array$/],
    ['describejobs', {}, /^jobs: found undefined/],
    ['listjobs', { filters: 3 }, /^filters: found 3, needed Array$/],
    [
      'listjobs',
      { jobQueue: 'queue', filters: [{ name: 'AFTER_CREATED_AT', values: 1 }] },
      /^filters\.0\.values/,
    ],
    ['terminatejob', { jobId: 1, reason: 'x' }, /^jobId: found 1, needed string$/],
    ['reclaimhost', null, /^the body: found null/],
  ];
  for (const [operation, body, why] of cases) {
    const answer = await send(`/${SECRET}/v1/${operation}`, JSON.stringify(body));
    assert.equal(answer.status, 400, `${operation} ${JSON.stringify(body)}: ${answer.message}`);
    assert.match(answer.message, why, `${operation} ${JSON.stringify(body)}`);
  }
  const broken = await send(`/${SECRET}/v1/submitjob`, '{');
  assert.equal(broken.status, 400);
  assert.match(broken.message, /^the body is not JSON: /);
  const large = await send(`/${SECRET}/v1/submitjob`, JSON.stringify({ jobName: 'x'.repeat(1 << 20) }));
  assert.deepEqual([large.status, large.message], [413, 'the body is longer than 1048576 bytes']);
});

test('a reference to an inherited property such as constructor is not resolved', async () => {
  await ended(
    await submit(undefined, { containerOverrides: { command: ['echo', 'Ref::constructor', 'Ref::word'] } }),
  );
  assert.deepEqual(lines, ['Ref::constructor default']);
});

test('a job that the machine cannot start is tried again, then fails with the reason, and the next job runs', async () => {
  // Longer than Linux allows for one argument.
  const long = await ended(await submit(`true ${'x'.repeat(200_000)}`));
  assert.deepEqual([long.status, long.statusReason], ['FAILED', 'Task failed to start']);
  assert.match(long.container?.reason ?? '', /E2BIG/);
  assert.deepEqual(
    long.attempts?.map(({ statusReason, container }) => [statusReason, container?.exitCode]),
    Array.from({ length: 3 }, () => ['Task failed to start', undefined]),
  );
  assert.equal((await ended(await submit('true'))).status, 'SUCCEEDED');
});

test('a job whose command does not exist fails with exit code 127', async () => {
  const job = await ended(await submit(undefined, { containerOverrides: { command: ['no-such-command'] } }));
  assert.deepEqual([job.status, job.container?.exitCode], ['FAILED', 127]);
});
