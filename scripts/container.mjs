/**
 * `npm run container:build [-- --tag NAME --base IMAGE --tensorflow cpu|gpu [-- BUILDER'S OPTIONS]]`: builds the training
 * image for this machine's CPU architecture, with docker, podman or buildah, whichever is installed. With --push (see
 * infra/deploy/push.ts) it also pushes it; the password of ECR comes from standard input.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, checkNode, giveUp, installPackages, ROOT } from './setup.mjs';

const FOLDER = join(ROOT, 'containers/training');
const CONTEXT = join(ROOT, '.chirpline/training-image');

const end = process.argv.indexOf('--');
const own = process.argv.slice(2, end < 0 ? undefined : end);
const { values } = parseArgs({
  args: own,
  options: {
    tag: { type: 'string', default: 'chirpline-training' },
    base: { type: 'string' },
    tensorflow: { type: 'string', default: 'gpu' },
    push: { type: 'boolean', default: false },
  },
});
const others = end < 0 ? [] : process.argv.slice(end + 1);

checkNode();
installPackages();
build();
const { copyProgram } = await import('../dist/kaggle/program-files.js');
rmSync(CONTEXT, { recursive: true, force: true });
await copyProgram(CONTEXT);
cpSync(join(FOLDER, 'bin'), join(CONTEXT, 'bin'), { recursive: true });

const builder = findBuilder();
const command = [
  ...[builder, 'build'],
  ...['--file', join(FOLDER, 'Dockerfile'), '--tag', values.tag],
  ...['--build-arg', `TENSORFLOW=${values.tensorflow}`],
  ...(values.base === undefined ? [] : ['--build-arg', `BASE_IMAGE=${values.base}`]),
  ...secrets(),
  ...others,
  CONTEXT,
];
run(command);
if (values.push) {
  const [registry] = values.tag.split('/');
  run([builder, 'login', '--username', 'AWS', '--password-stdin', registry], readFileSync(0));
  run([builder, 'push', values.tag]);
}

/** Ends this process if the command fails. */
function run(words, input) {
  console.log(words.join(' '));
  const stdio = [input === undefined ? 'inherit' : 'pipe', 'inherit', 'inherit'];
  const { status } = spawnSync(words[0], words.slice(1), { stdio, input });
  if (status !== 0) process.exit(status ?? 1);
}

function findBuilder() {
  const works = (...words) => spawnSync(words[0], words.slice(1), { stdio: 'ignore' }).status === 0;
  // `docker version` fails without the daemon, which does the build.
  if (works('docker', 'version')) return 'docker';
  if (works('podman', '--version')) return 'podman';
  if (works('buildah', '--version')) return 'buildah';
  return giveUp('docker (with its daemon), podman or buildah is needed: apt-get install podman');
}

/** This machine's certificates and pip settings, for downloads during the build. The image doesn't keep them. */
function secrets() {
  const files = {
    certificates: '/etc/ssl/certs/ca-certificates.crt',
    pip: process.env.PIP_CONFIG_FILE ?? '/etc/pip.conf',
  };
  return Object.entries(files)
    .filter(([, file]) => existsSync(file))
    .flatMap(([id, file]) => ['--secret', `id=${id},src=${file}`]);
}
