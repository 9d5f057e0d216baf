/** Runs the start script of a training host beside a metadata service, with programs that note how they are called. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/fixtures.ts';
import { ROOT } from './package.ts';

const USER_DATA = readFileSync(join(ROOT, 'infra/host/user-data.txt'), 'utf8');
const NVME = '/dev/nvme0n1 Amazon Elastic Block Store\n/dev/nvme1n1 Amazon EC2 NVMe Instance Storage\n';

/** The metadata service of a host that gets its notice at the third question. */
async function startMetadata(t: TestContext) {
  const asked: string[] = [];
  const server = createServer(({ method, url = '', headers }, response) => {
    asked.push(`${method} ${url}`);
    if (method === 'PUT') response.end('token');
    else {
      const told = headers['x-aws-ec2-metadata-token'] === 'token' && asked.length > 4;
      response.writeHead(told ? 200 : 404).end('{"action": "terminate"}');
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { asked, host: `127.0.0.1:${address.port}` };
}

/** Runs the script, and returns the calls of the programs that it needs. */
async function startHost(t: TestContext, { disks, mkfs = 'exit 0' }: { disks: string; mkfs?: string }) {
  const { asked, host } = await startMetadata(t);
  const folder = scratch(t);
  const calls = join(folder, 'calls');
  const programs = {
    lsblk: `printf '%s' '${disks}'`,
    'mkfs.xfs': mkfs,
    systemctl: '',
    mount: '',
    'systemd-run': 'shift; exec "$@"',
    docker: '[ "$1" != ps ] || printf "job-a\\njob-b\\n"',
    sleep: '',
  };
  for (const [name, script] of Object.entries(programs)) {
    const file = join(folder, name);
    const note = name === 'sleep' ? '' : `echo ${name} "$@" >> ${calls}\n`;
    writeFileSync(file, `#!/bin/sh\n${note}${script}\n`);
    chmodSync(file, 0o755);
  }
  mkdirSync(join(folder, 'ecs'));
  const [, script = ''] = /\n\n(#!\/bin\/bash\n.*)\n--chirpline--\n$/s.exec(USER_DATA) ?? [];
  const here = script
    .replaceAll('/etc/ecs/', `${folder}/ecs/`)
    .replaceAll('/usr/local/bin/', `${folder}/`)
    .replaceAll('169.254.169.254', host);
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
  const child = spawn('bash', ['-c', here], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  assert.deepEqual(await once(child, 'close'), [0, null]);
  assert.equal(
    readFileSync(join(folder, 'ecs/ecs.config'), 'utf8'),
    'ECS_ENABLE_SPOT_INSTANCE_DRAINING=true\n',
  );
  assert.ok(existsSync(join(folder, 'spot-notice')));
  const made = readFileSync(calls, 'utf8').trim().split('\n');
  return { asked, calls: made.filter((line) => !/^(lsblk|systemd-run)/.test(line)) };
}

const NOTICE = [
  'docker ps --quiet --filter label=com.amazonaws.ecs.task-arn',
  'docker kill --signal TERM job-a job-b',
];

test("a host puts Docker's data on its own disk, and passes the spot notice to its jobs once", async (t) => {
  const { asked, calls } = await startHost(t, { disks: NVME });
  assert.deepEqual(calls, [
    'mkfs.xfs -f /dev/nvme1n1',
    'systemctl stop docker.socket docker',
    'mount -o noatime /dev/nvme1n1 /var/lib/docker',
    'systemctl start docker',
    ...NOTICE,
  ]);
  const [token, action] = ['PUT /latest/api/token', 'GET /latest/meta-data/spot/instance-action'];
  assert.deepEqual(asked, [token, action, token, action, token, action]);
});

test('a host without a disk of its own, or with one that fails, leaves Docker alone', async (t) => {
  const [root = ''] = NVME.split('\n');
  assert.deepEqual((await startHost(t, { disks: `${root}\n` })).calls, NOTICE);
  const { calls } = await startHost(t, { disks: NVME, mkfs: 'exit 1' });
  assert.deepEqual(calls, ['mkfs.xfs -f /dev/nvme1n1', ...NOTICE]);
});

test('the user data is what AWS Batch takes: a multi-part archive in ASCII, with Unix line ends, below 16 KB', () => {
  assert.match(
    USER_DATA,
    /^MIME-Version: 1\.0\nContent-Type: multipart\/mixed; boundary="chirpline"\n\n--chirpline\n/,
  );
  assert.match(USER_DATA, /^[\n\x20-\x7e]+$/);
  assert.ok(USER_DATA.length < 16_384);
});
