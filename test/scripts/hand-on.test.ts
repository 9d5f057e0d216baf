import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { scratch } from '../support/fixtures.ts';

const HAND_ON = pathToFileURL(join(import.meta.dirname, '../../scripts/hand-on.mjs')).href;

/** Starts a process that runs the source in another one, which writes its own id into the file `pid`. */
async function start(t: TestContext, source: string, options: object) {
  const folder = scratch(t);
  const [child, pid] = [join(folder, 'child.mjs'), join(folder, 'pid')];
  const write = `import { renameSync, writeFileSync } from 'node:fs';
    writeFileSync('${pid}.new', String(process.pid)); renameSync('${pid}.new', '${pid}');`;
  writeFileSync(child, `${source.replace('READY', write)}\n`);
  const main = `const { runStoppable } = await import('${HAND_ON}');
    await runStoppable(['${child}'], ${JSON.stringify(options)}); console.log('the next command');`;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', main], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  parent.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  while (!existsSync(pid)) await setTimeout(5);
  return { parent, child: Number(readFileSync(pid, 'utf8')), said: () => said };
}

const isAlive = (pid: number) =>
  existsSync(`/proc/${pid}/stat`) && !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

test('SIGTERM is handed on, and its exit code comes back before the next command', async (t) => {
  const source = `process.on('SIGTERM', () => setTimeout(() => process.exit(75), 100)); READY setInterval(() => {}, 1000);`;
  const { parent, child, said } = await start(t, `READY\n${source.replace('READY', '')}`, {});
  await setTimeout(200);
  parent.kill('SIGTERM');
  assert.deepEqual(await once(parent, 'exit'), [75, null]);
  assert.equal(isAlive(child), false);
  assert.equal(said(), '');
});

test('a program that another one waits for ends with it', async (t) => {
  const source = `import { spawnSync } from 'node:child_process';
    spawnSync('sh', ['-c', 'echo $$ > "$0.new"; mv "$0.new" "$0"; exec sleep 60', 'PID']);`;
  const folder = scratch(t);
  const { parent, child } = await start(t, `READY\n${source.replace('PID', join(folder, 'inner'))}`, {
    detached: true,
  });
  while (!existsSync(join(folder, 'inner'))) await setTimeout(5);
  const inner = Number(readFileSync(join(folder, 'inner'), 'utf8'));
  parent.kill('SIGTERM');
  assert.deepEqual(await once(parent, 'exit'), [143, null]);
  await setTimeout(100);
  assert.deepEqual([isAlive(child), isAlive(inner)], [false, false]);
});

test('a program that ends well is followed by the next command', async (t) => {
  const { parent, said } = await start(t, 'READY', {});
  assert.deepEqual(await once(parent, 'close'), [0, null]);
  assert.equal(said(), 'the next command\n');
});

test('npm sends signals to the script of npm start, not to a shell around it', () => {
  const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
  assert.match(scripts.start, /^exec node /);
});
