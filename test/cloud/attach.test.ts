/** Tests the emulated cloud with a LocalStack that somebody else started; here a server that describes itself as one. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterEach, type TestContext, test } from 'node:test';
import { createCloud, ROOT, stopCloud } from '../../infra/local/cloud.ts';
import { readLocalStage } from '../../src/cloud/local-stage.ts';
import { MachineError } from '../../src/core/errors.ts';
import { findPort, startEmulator } from '../support/emulator.ts';
import { folderForTests } from '../support/fixtures.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A folder that is removed after the test, when what runs in it has been stopped. */
function stateFolder(t: TestContext): string {
  const { folder, remove } = folderForTests();
  t.after(async () => {
    await stopCloud(folder);
    remove();
  });
  return folder;
}

/** Starts a server that answers every request with this body; returns its port. */
async function serve(body: string): Promise<number> {
  const server = createServer((_, response) => response.end(body));
  servers.push(server);
  const port = await findPort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return port;
}

const localstack = (isDocker: boolean) => JSON.stringify({ version: '4.14.0', is_docker: isDocker });
const at = (port: number) => `http://127.0.0.1:${port}`;

async function settingsFor(folder: string, attach: string) {
  const agentPort = await findPort();
  return { folder, port: 1, agentPort, runner: 'process', persist: false, attach } as const;
}

/** The status of the agent's answer to a request for this Host through this address. */
function askAgent(agent: string, address: string, host: string): Promise<number> {
  const { port, pathname } = new URL(agent);
  return new Promise((resolve, reject) => {
    const options = { host: address, port, path: `${pathname}/v1/health`, headers: { host } };
    request(options, (response) => {
      response.resume();
      resolve(response.statusCode!);
    })
      .once('error', reject)
      .end();
  });
}

test('attaching starts only the agent, which listens on this machine only, and down leaves LocalStack alone', async (t) => {
  const folder = stateFolder(t);
  const port = await serve(localstack(false));
  const settings = await settingsFor(folder, at(port));
  const cloud = createCloud(settings);
  const attached = { version: '4.14.0', isDocker: false };
  assert.deepEqual(await cloud.up(), { fresh: true, agentHost: '127.0.0.1', attached });
  assert.deepEqual(await cloud.up(), { fresh: false, agentHost: '127.0.0.1', attached });
  assert.equal(existsSync(join(folder, 'emulator.pid')), false);
  const { emulator, agent, agentForFunctions } = readLocalStage(folder)!;
  assert.deepEqual([emulator, agentForFunctions], [at(port), agent]);
  const [other] = otherAddresses();
  if (other !== undefined) await assert.rejects(askAgent(agent, other, new URL(agent).host));

  // The agent reports to the emulator, so a new one is started for another emulator.
  const second = await serve(localstack(false));
  const moved = createCloud({ ...settings, attach: at(second) });
  assert.equal((await moved.up()).fresh, true);
  assert.equal(readLocalStage(folder)?.emulator, at(second));
  assert.equal(await moved.down(), true);
  assert.equal((await fetch(at(second))).status, 200);
  assert.equal(readLocalStage(folder), undefined);
});

test('for functions in containers the agent answers by its other name, on all interfaces, and only with its secret', async (t) => {
  const folder = stateFolder(t);
  const cloud = createCloud(await settingsFor(folder, at(await serve(localstack(true)))));
  assert.equal((await cloud.up()).agentHost, 'host.docker.internal');
  const { agent, agentForFunctions } = readLocalStage(folder)!;
  assert.equal(agentForFunctions, agent.replace('127.0.0.1', 'host.docker.internal'));
  const { port, host } = new URL(agentForFunctions);
  for (const address of ['127.0.0.1', ...otherAddresses()]) {
    assert.equal(await askAgent(agent, address, host), 200);
    assert.equal(await askAgent(agent, address, `evil.example:${port}`), 403);
    assert.equal(await askAgent(`http://127.0.0.1:${port}/none`, address, host), 403);
  }
});

test('an agent that runs already with the same secret is used', async (t) => {
  const secret = 'a-secret-of-32-characters-at-least';
  const attach = at(await serve(localstack(false)));
  const settings = { ...(await settingsFor(stateFolder(t), attach)), secret };
  const first = createCloud(settings);
  await first.up();
  const folder = stateFolder(t);
  const second = createCloud({ ...settings, folder });
  assert.equal((await second.up()).fresh, false);
  assert.equal(readLocalStage(folder)?.agent, `http://127.0.0.1:${settings.agentPort}/${secret}`);
  assert.equal(await second.down(), false);
  assert.equal((await first.up()).fresh, false);
});

test('what is not LocalStack is refused with one line', async (t) => {
  const refuse = async (attach: string, message: RegExp) => {
    const folder = stateFolder(t);
    await assert.rejects(createCloud(await settingsFor(folder, attach)).up(), (error: unknown) => {
      assert.ok(error instanceof MachineError);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
    assert.equal(readLocalStage(folder), undefined);
    assert.equal(existsSync(join(folder, 'agent.pid')), false);
  };
  await refuse(
    at(await findPort()),
    /^nothing answers at http:\/\/127\.0\.0\.1:\d+\. Start LocalStack there/,
  );
  for (const body of ['', '<html>', 'null', '{}', '{"version": 4, "is_docker": true}'])
    await refuse(at(await serve(body)), /^the program at http:\/\/127\.0\.0\.1:\d+ is not LocalStack/);
  const ministack = await startEmulator('ministack');
  t.after(() => ministack.stop());
  await refuse(ministack.endpoint, /is not LocalStack/);
});

test('another emulator on the port than the one asked for is named before anything is installed', async (t) => {
  const ministack = await startEmulator('ministack');
  t.after(() => ministack.stop());
  const { port } = new URL(ministack.endpoint);
  const words = ['scripts/local.mjs', 'up', '--emulator', 'localstack', '--port', port];
  const { status, stderr } = spawnSync(process.execPath, words, { cwd: ROOT, encoding: 'utf8' });
  assert.equal(status, 3);
  assert.match(
    stderr,
    /^chirpline: ministack is running on port \d+\. Stop it, or choose another port: --port PORT$/m,
  );
});

/** IPv4 addresses of this machine by which others reach it. */
function otherAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);
}
