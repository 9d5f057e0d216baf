import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { MachineError } from '../../src/core/errors.ts';
import { cacheFolder, publish } from '../../src/tensorflow/install/cache.ts';
import { isNoexec } from '../../src/tensorflow/install/noexec.ts';
import { scratch } from '../support/fixtures.ts';
import { CAN_MOUNT, plainEnvironment, runMounted, startNode } from './process.ts';

test('the cache folder is the setting, else in the XDG folder, else in the home folder', () => {
  assert.equal(cacheFolder({ CHIRPLINE_CACHE: '/a', XDG_CACHE_HOME: '/b' }), '/a');
  assert.equal(cacheFolder({ XDG_CACHE_HOME: '/b' }), '/b/chirpline');
  assert.match(cacheFolder({}), /\/\.cache\/chirpline$/);
});

test('without a home folder the error names the setting', () => {
  const unknown = () => {
    throw Object.assign(new Error('A system error occurred: uv_os_get_passwd'), { code: 'ERR_SYSTEM_ERROR' });
  };
  assert.equal(cacheFolder({ HOME: '/h' }, unknown), '/h/.cache/chirpline');
  assert.equal(cacheFolder({ HOME: '', CHIRPLINE_CACHE: '/a' }, unknown), '/a');
  for (const env of [{}, { HOME: '' }]) {
    assert.throws(
      () => cacheFolder(env, unknown),
      (error) => error instanceof MachineError && /no home folder.*Set CHIRPLINE_CACHE/.test(error.message),
    );
  }
});

test('a mount with noexec is found by the longest mount point, and the last one at it', () => {
  const mounts = [
    '20 1 0:20 / / rw,relatime shared:1 - overlay overlay rw',
    '21 20 0:21 / /proc rw,nosuid,noexec - proc proc rw',
    '22 20 0:22 / /a rw,nosuid,noexec,nodev shared:2 - tmpfs tmpfs rw',
    '23 22 0:23 / /a/b rw - ext4 /dev/sda1 rw,noexec',
    '24 20 0:24 / /c\\040d rw - ext4 /dev/sda1 rw',
    '25 24 0:25 / /c\\040d rw,noexec - ext4 /dev/sda1 rw',
  ].join('\n');
  const folders = ['/proc', '/proc/self', '/', '/tmp', '/usr/bin', '/processes'];
  assert.deepEqual(
    folders.map((folder) => isNoexec(folder, mounts)),
    [true, true, false, false, false, false],
  );
  assert.equal(isNoexec('/proc', ''), false);
  assert.equal(isNoexec('/tmp', mounts.replaceAll('/c\\040d', '/tmp')), true);
  assert.equal(isNoexec('/tmp/later/still', mounts.replaceAll('/c\\040d', '/tmp')), true);
});

test('a folder is made once and found the next time', async (t) => {
  const cache = scratch(t);
  let calls = 0;
  const fill = async (draft: string) => {
    calls++;
    await writeFile(join(draft, 'file'), 'content');
  };
  assert.equal(await publish(cache, 'thing', fill), join(cache, 'thing'));
  assert.equal(await publish(cache, 'thing', fill), join(cache, 'thing'));
  assert.equal(calls, 1);
  assert.equal(readFileSync(join(cache, 'thing', 'file'), 'utf8'), 'content');
});

test('when two make the same folder, the first to finish wins and both continue', async (t) => {
  const cache = scratch(t);
  const make = (content: string, delay: number) =>
    publish(cache, 'thing', async (draft) => {
      await sleep(delay);
      await writeFile(join(draft, 'file'), content);
    });
  assert.deepEqual(
    await Promise.all([make('slow', 200), make('fast', 0)]),
    Array(2).fill(join(cache, 'thing')),
  );
  assert.equal(readFileSync(join(cache, 'thing', 'file'), 'utf8'), 'fast');
  assert.deepEqual(readdirSync(join(cache, 'tmp')), []);
});

test('a failure leaves nothing and throws its error', async (t) => {
  const cache = scratch(t);
  const failing = publish(cache, 'thing', async (draft) => {
    await writeFile(join(draft, 'file'), 'half');
    throw new TypeError('broken');
  });
  await assert.rejects(failing, new TypeError('broken'));
  assert.deepEqual(readdirSync(cache), ['tmp']);
  assert.deepEqual(readdirSync(join(cache, 'tmp')), []);
});

test('a killed process leaves no folder of that name, and its leftover is removed when it is old', async (t) => {
  const cache = scratch(t);
  const child = startNode(
    `import { publish } from '#/tensorflow/install/cache.ts';
     import { writeFileSync } from 'node:fs';
     await publish(process.env.CHIRPLINE_CACHE, 'thing', async (draft) => {
       writeFileSync(draft + '/file', 'half');
       console.log('ready');
       await new Promise((done) => setTimeout(done, 60_000));
     });`,
    plainEnvironment({ CHIRPLINE_CACHE: cache }),
  );
  await new Promise((ready) => child.stdout.once('data', ready));
  const ended = new Promise((end) => child.once('close', end));
  child.kill('SIGKILL');
  await ended;
  assert.equal(existsSync(join(cache, 'thing')), false);
  const [leftover] = readdirSync(join(cache, 'tmp'));
  assert.ok(leftover);

  await publish(cache, 'thing', (draft) => writeFile(join(draft, 'file'), 'whole'));
  assert.equal(readFileSync(join(cache, 'thing', 'file'), 'utf8'), 'whole');
  assert.deepEqual(
    readdirSync(join(cache, 'tmp')),
    [leftover],
    'a recent leftover may belong to a running process',
  );

  const yesterday = Date.now() / 1000 - 86_400;
  utimesSync(join(cache, 'tmp', leftover), yesterday, yesterday);
  await publish(cache, 'other', async () => {});
  assert.deepEqual(readdirSync(join(cache, 'tmp')), []);
});

test('a cache that cannot be written is a MachineError that names the setting', async (t) => {
  const folder = scratch(t);
  writeFileSync(join(folder, 'file'), '');
  await assert.rejects(
    publish(join(folder, 'file', 'cache'), 'thing', async () => {}),
    (error) => error instanceof MachineError && /can't be written.*CHIRPLINE_CACHE/.test(error.message),
  );
});

test('a cache below a read-only folder is told as that', { skip: !CAN_MOUNT && 'cannot mount' }, (t) => {
  const folder = scratch(t);
  const source = `import { publish } from '#/tensorflow/install/cache.ts';
    await publish('${folder}/a/b', 'thing', async () => {}).catch((error) => console.log(error.name, error.message));`;
  assert.match(runMounted('ro', folder, source), /^MachineError .*can't be written.*CHIRPLINE_CACHE/);
});

test('a cache on a mount with noexec is told before anything is downloaded', {
  skip: !CAN_MOUNT && 'cannot mount',
}, (t) => {
  const folder = scratch(t);
  const source = `import { prepareTensorFlow } from '#/tensorflow/install/load.ts';
    import { examineTensorFlow } from '#/tensorflow/install/diagnosis.ts';
    process.env.CHIRPLINE_CACHE = '${folder}/cache';
    await prepareTensorFlow().catch((error) => console.log(error.name, error.message));
    console.log((await examineTensorFlow()).filter(({ name }) => name === 'cache'));`;
  const stdout = runMounted('noexec', folder, source);
  assert.match(stdout, /^MachineError .*cache: its file system is mounted with noexec.*Set CHIRPLINE_CACHE/);
  assert.match(stdout, /status: 'missing',\n.*mounted with noexec/);
});

test('a full disk is a MachineError that names the setting', async (t) => {
  const cache = scratch(t);
  mkdirSync(cache, { recursive: true });
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  await assert.rejects(
    publish(cache, 'thing', () => Promise.reject(full)),
    (error) => error instanceof MachineError && /disk is full.*CHIRPLINE_CACHE/.test(error.message),
  );
});
