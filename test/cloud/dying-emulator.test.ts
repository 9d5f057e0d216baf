/** An emulator that ends while a command works with it: a proxy of it, which ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import { makeBucket } from '../storage/bucket.ts';
import { chirplineBeside } from '../support/command.ts';
import { writeDataset } from '../support/dataset.ts';
import { type Emulator, findPort, setEnvironment, startEmulator } from '../support/emulator.ts';
import { scratch } from '../support/fixtures.ts';
import { createStubStack } from '../support/stub-stack.ts';

const SAMPLES = 60;
const BUCKET = 'dying';
let emulator: Emulator;
let restore: () => void;

before(async () => {
  emulator = await startEmulator('ministack');
  restore = setEnvironment(emulator.env);
  await makeBucket(BUCKET);
  await createStubStack('local', { Bucket: BUCKET });
});
after(async () => {
  restore();
  await emulator.stop();
});

/** Passes requests on, until as many objects were written. */
async function startProxy(port: number, writes: number): Promise<Server> {
  let left = writes;
  const server = createServer((asked, answer) => {
    const { method, url, headers } = asked;
    if (method === 'PUT' && left === 0) {
      server.close();
      server.closeAllConnections();
      return;
    }
    if (method === 'PUT') left -= 1;
    const { port } = new URL(emulator.endpoint);
    const passed = request({ host: '127.0.0.1', port, method, path: url, headers }, (answered) => {
      answer.writeHead(answered.statusCode!, answered.headers);
      answered.pipe(answer);
    });
    // The emulator ends first, after the test: nobody waits for this answer.
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

test('an upload whose emulator ends reports it in one line, and the same upload resumes after a restart', async (t) => {
  const folder = scratch(t);
  const raw = join(folder, 'raw');
  await writeDataset(createFileStore(raw), SAMPLES);
  const port = await findPort();
  const agent = 'http://127.0.0.1:9/secret';
  const note = { emulator: `http://127.0.0.1:${port}`, agent, agentForFunctions: agent };
  writeFileSync(join(folder, 'stage.json'), JSON.stringify(note));
  const upload = () =>
    chirplineBeside(
      { ...process.env, CHIRPLINE_LOCAL: folder },
      ...['upload', raw, '--stage', 'local', '--dataset', 'x', '--pack', '1', '--json'],
    );

  await startProxy(port, 20);
  const { status, stdout, stderr } = await upload();
  assert.deepEqual([status, stdout], [3, '']);
  const errors = stderr.split('\n').filter((line) => line.startsWith('chirpline: '));
  assert.equal(errors.length, 1, stderr);
  assert.equal(
    errors[0],
    'chirpline: stage local: the emulator is not running. Start it: npm run local:up && npm run local:deploy',
  );

  const proxy = await startProxy(port, Number.POSITIVE_INFINITY);
  t.after(() => proxy.close());
  const again = await upload();
  assert.equal(again.status, 0, again.stderr);
  const { uploaded, skipped } = JSON.parse(again.stdout);
  assert.deepEqual([uploaded + skipped, skipped > 0], [SAMPLES, true], again.stdout);
});
