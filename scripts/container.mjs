/**
 * `npm run container:build [-- --tag NAME --base IMAGE --tensorflow cpu|gpu [-- BUILDER'S OPTIONS]]`: builds the training
 * image for this machine's CPU architecture, with docker, podman or buildah, whichever is installed.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findBuilder } from './builder.mjs';
import { build, checkNode, installPackages, ROOT } from './setup.mjs';

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

const command = [
  ...[findBuilder(), 'build'],
  ...['--file', join(FOLDER, 'Dockerfile'), '--tag', values.tag],
  ...['--build-arg', `TENSORFLOW=${values.tensorflow}`],
  ...(values.base === undefined ? [] : ['--build-arg', `BASE_IMAGE=${values.base}`]),
  ...secrets(),
  ...others,
  CONTEXT,
];
console.log(command.join(' '));
const { status } = spawnSync(command[0], command.slice(1), { stdio: 'inherit' });
process.exit(status ?? 1);

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
