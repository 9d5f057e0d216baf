/** Tests the process that runs a function for LocalStack, with a server instead of LocalStack. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findPort } from '../support/emulator.ts';

const PROGRAM = fileURLToPath(new URL('../../infra/local/localstack/environment.mjs', import.meta.url));
const CODE = `
export const handler = async ({ wanted }, context) => {
  console.log('asked for', wanted);
  if (wanted === 'error') throw new RangeError('out of range');
  if (wanted === 'exit') process.exit(3);
  if (wanted === 'time') await new Promise((resolve) => setTimeout(resolve, 60_000));
  return { pid: process.pid, left: context.getRemainingTimeInMillis(), colour: process.env.COLOUR, id: context.awsRequestId };
};`;

interface Received {
  path: string;
  body: string;
}

let folder: string;
let server: Server;
let received: Received[] = [];
let waiting: (() => void) | undefined;
const started: ChildProcess[] = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chirpline-environment-'));
  writeFileSync(join(folder, 'main.mjs'), CODE);
  server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    received.push({ path: request.url!, body });
    response.writeHead(202).end();
    waiting?.();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => {
  for (const child of started) child.kill('SIGKILL');
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function waitFor(path: string): Promise<Received> {
  for (;;) {
    const found = received.find((entry) => entry.path === path);
    if (found !== undefined) return found;
    await new Promise<void>((resolve) => {
      waiting = resolve;
    });
  }
}

async function start(handler: string) {
  received = [];
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const port = await findPort();
  const variables = {
    LOCALSTACK_RUNTIME_ENDPOINT: `http://127.0.0.1:${address.port}/e`,
    LOCALSTACK_RUNTIME_ID: 'me',
    AWS_LAMBDA_FUNCTION_TIMEOUT: '1',
    LAMBDA_TASK_ROOT: folder,
    _HANDLER: handler,
    COLOUR: 'red',
  };
  const child = spawn(process.execPath, [PROGRAM, String(port)], {
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { PATH: process.env.PATH, FUNCTION: JSON.stringify(variables) },
  });
  started.push(child);
  const invoke = async (id: string, wanted: string) => {
    const message = { 'invoke-id': id, 'invoked-function-arn': 'arn', payload: JSON.stringify({ wanted }) };
    await fetch(`http://127.0.0.1:${port}/invoke`, { method: 'POST', body: JSON.stringify(message) });
  };
  return { child, invoke };
}

test('one process handles all events, and a new one replaces it after it ended', async () => {
  const { child, invoke } = await start('main.handler');
  await waitFor('/e/status/me/ready');
  const ask = async (id: string) => {
    await invoke(id, 'answer');
    return JSON.parse((await waitFor(`/e/invocations/${id}/response`)).body);
  };
  const first = await ask('r1');
  assert.deepEqual([first.colour, first.id], ['red', 'r1']);
  assert.ok(first.left > 500 && first.left <= 1000);
  assert.equal((await ask('r2')).pid, first.pid);
  const logs = JSON.parse((await waitFor('/e/invocations/r2/logs')).body).logs;
  assert.match(logs, /^START RequestId: r2\n.*END RequestId: r2\n$/s);

  const fail = async (id: string, wanted: string) => {
    await invoke(id, wanted);
    const { errorType, errorMessage } = JSON.parse((await waitFor(`/e/invocations/${id}/error`)).body);
    return [errorType, errorMessage];
  };
  assert.deepEqual(await fail('r3', 'error'), ['RangeError', 'out of range']);
  assert.equal((await ask('r4')).pid, first.pid);
  assert.deepEqual(await fail('r5', 'exit'), [
    'Runtime.ExitError',
    'Runtime exited with error: exit status 3',
  ]);
  const second = await ask('r6');
  assert.notEqual(second.pid, first.pid);
  assert.deepEqual(await fail('r7', 'time'), ['Sandbox.Timedout', 'Task timed out after 1.00 seconds']);
  const third = await ask('r8');
  assert.notEqual(third.pid, second.pid);

  const ended = once(child, 'exit');
  child.stdin?.end();
  assert.deepEqual(await ended, [0, null]);
  // The process is gone, or a zombie that wasn't reaped yet.
  assert.match(
    spawnSync('ps', ['-o', 'stat=', '-p', String(third.pid)], { encoding: 'utf8' }).stdout,
    /^(Z|$)/,
  );
});

test('a function that cannot be loaded reports an error at start', async () => {
  await start('nothing.handler');
  const { body } = await waitFor('/e/status/me/error');
  assert.match(JSON.parse(body).errorMessage, /nothing\.mjs is not in the package/);
});
