import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startedByNohup } from '../../src/cli/nohup.ts';
import { scratch } from '../support/fixtures.ts';

test('nohup is told by the command that the shell ran, a script that ignores SIGHUP, or its standard input', (t) => {
  const proc = scratch(t);
  const write = (mask: string, input: string, flags: string) => {
    const folder = join(proc, `${mask}-${flags}-${input.slice(1, 5)}`);
    for (const name of [`${process.ppid}`, 'self/fd', 'self/fdinfo'])
      mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, String(process.ppid), 'status'), `Name:\tsh\nSigIgn:\t${mask}\nSigCgt:\t01\n`);
    symlinkSync(input, join(folder, 'self/fd/0'));
    writeFileSync(join(folder, 'self/fdinfo/0'), `pos:\t0\nflags:\t${flags}\nmnt_id:\t1\n`);
    return folder;
  };
  const plain = write('0000000001001000', '/dev/null', '0100000');
  assert.equal(startedByNohup({ _: '/usr/bin/node' }, plain), false);
  assert.equal(startedByNohup({ _: '/usr/bin/nohup' }, plain), true);
  assert.equal(startedByNohup({}, write('0000000000000001', '/dev/pts/0', '0100002')), true);
  assert.equal(startedByNohup({}, write('0000000000001000', '/dev/null', '0100001')), true);
  assert.equal(startedByNohup({}, write('0000000000001000', '/tmp/x', '0100001')), false);
  assert.equal(startedByNohup({}, join(proc, 'missing')), false);
});

test('SIGHUP does nothing to a process that nohup started, and stops another one', async () => {
  const module = join(import.meta.dirname, '../../src/cli/terminal.ts');
  const source = `import { attend } from '${module}';
    await attend((terminal, stop) => new Promise((done) => {
      const keep = setInterval(() => {}, 1000);
      const end = (why) => { console.log(why); clearInterval(keep); done(); };
      stop.addEventListener('abort', () => end('stopped'));
      process.on('SIGHUP', () => setTimeout(end, 200, 'still there'));
      console.log(process.pid);
    }));
    process.exit();`;
  for (const [prefix, expected] of [
    ['nohup', 'still there'],
    ['', 'stopped'],
  ] as const) {
    const script = `${prefix} "$@"; exit $?`;
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '--eval', source];
    const shell = spawn('bash', ['-c', script, 'bash', ...node], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    shell.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (said === '') process.kill(Number(text), 'SIGHUP');
      said += text;
    });
    await once(shell, 'close');
    assert.equal(said.trim().split('\n')[1], expected, said);
  }
});
