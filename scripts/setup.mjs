/**
 * What `npm start` and `npm test` do first on a fresh clone: packages, build, and (for tests) a Python to measure
 * against. Plain JavaScript on Node alone, since nothing is installed yet. Each part is done once and again only
 * when what it is made from has changed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const STAMPS = join(ROOT, '.chirpline');

/** Prints what is missing and ends the process with exit code 3, as the command line does. */
export function giveUp(message) {
  console.error(`\nchirpline: ${message}`);
  process.exit(3);
}

function run(command, args, { quiet = false, ...options } = {}) {
  const result = spawnSync(command, args, {
    cwd: ROOT,
    stdio: quiet ? 'pipe' : 'inherit',
    encoding: 'utf8',
    ...options,
  });
  if (result.error?.code === 'ENOENT') return { status: 127, stderr: `${command}: not found` };
  if (result.error) throw result.error;
  return result;
}

function hashFiles(paths) {
  const hash = createHash('sha256').update(process.versions.modules);
  for (const path of [...paths].sort()) hash.update(path).update(readFileSync(join(ROOT, path)));
  return hash.digest('hex');
}

/** Runs `make` unless it ran for the same inputs before and its product is there. */
function once(name, inputs, product, make) {
  const stamp = join(STAMPS, `${name}.stamp`);
  const wanted = hashFiles(inputs);
  if (existsSync(join(ROOT, product)) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  rmSync(stamp, { force: true });
  make();
  mkdirSync(STAMPS, { recursive: true });
  writeFileSync(stamp, wanted);
}

export function checkNode() {
  const [major] = process.versions.node.split('.').map(Number);
  if (major < 20)
    giveUp(`Node ${process.versions.node} is too old: Node 20 or newer is needed (https://nodejs.org).`);
}

export function installPackages() {
  once('packages', ['package.json', 'package-lock.json', '.npmrc'], 'node_modules', () => {
    console.error('installing packages (npm ci) ...');
    const { status } = run('npm', ['ci', '--no-audit', '--loglevel=error']);
    if (status === 127) giveUp('npm was not found: it comes with Node.js (https://nodejs.org).');
    if (status !== 0)
      giveUp('npm ci failed: see above. It needs a package registry and about 700 MB of disk.');
  });
}

/** The WebAssembly of the signal path, as a source file that the build and the tests import. */
function buildKernels() {
  const sources = [...listSources('src/signal/kernels'), 'scripts/kernels.mjs', 'package-lock.json'];
  once('kernels', sources, 'src/signal/kernels.generated.ts', () => {
    const { status } = run(process.execPath, ['scripts/kernels.mjs']);
    if (status !== 0) giveUp('the kernels of the signal path could not be compiled: see above.');
  });
}

/** What is done in machine code, where there is a g++. */
function buildAddon() {
  const sources = [...listSources('src', '.h'), ...listSources('src', '.cc'), 'scripts/native.mjs'];
  once('native', sources, 'build/native-linux-x64.node', () => {
    if (run(process.execPath, ['scripts/native.mjs']).status !== 0)
      giveUp('g++ could not build the addon: see above.');
  });
}

export function build() {
  buildKernels();
  buildAddon();
  const sources = [...listSources('src'), ...listSources('containers/training')];
  const bundlers = ['scripts/bundle-cli.mjs', 'scripts/bundle.mjs'];
  once('build', [...sources, ...bundlers, 'tsconfig.json', 'tsconfig.build.json'], 'dist', () => {
    console.error('building ...');
    rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
    const compiler = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'];
    for (const step of [compiler, ...bundlers.map((script) => [script])])
      if (run(process.execPath, step).status !== 0) giveUp('the build failed: see above.');
  });
}

/** The virtual environment that tests and benchmarks compare with: NumPy, SciPy, TensorFlow, the cloud emulator. */
export function installPython() {
  const requirements = 'test/python/requirements.txt';
  once('python', [requirements], '.chirpline/python/bin/python', () => {
    console.error(
      'installing the Python that tests compare with (NumPy, SciPy, TensorFlow, ONNX; about 350 MB) ...',
    );
    mkdirSync(STAMPS, { recursive: true });
    rmSync(join(STAMPS, 'python'), { recursive: true, force: true });
    const venv = run('python3', ['-m', 'venv', '.chirpline/python']);
    if (venv.status !== 0) {
      giveUp(
        'Python 3 with venv and pip is needed for the tests: apt-get install python3 python3-venv python3-pip',
      );
    }
    const pip = run('.chirpline/python/bin/python', [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '-r',
      requirements,
    ]);
    if (pip.status !== 0) giveUp('pip install failed: see above. It needs a package registry.');
  });
}

/** LocalStack, the second emulator, in a virtual environment of its own, since it needs a newer Python. */
export function installLocalstack() {
  const requirements = 'infra/local/localstack.txt';
  once('localstack', [requirements], '.chirpline/localstack/bin/python', () => {
    const check = 'import sys; sys.exit(sys.version_info < (3, 13))';
    const python = ['python3', 'python3.14', 'python3.13'].find(
      (name) => run(name, ['-c', check], { quiet: true }).status === 0,
    );
    if (python === undefined) {
      giveUp('LocalStack needs Python 3.13 or newer as python3 or python3.13 (Debian 13, pyenv).');
    }
    console.error('installing LocalStack (about 400 MB) ...');
    mkdirSync(STAMPS, { recursive: true });
    rmSync(join(STAMPS, 'localstack'), { recursive: true, force: true });
    const own = '.chirpline/localstack/bin/python';
    const steps = [
      [python, '-m', 'venv', '.chirpline/localstack'],
      // pip itself did not come to an end with finding versions that fit together.
      [own, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'uv==0.13.9'],
      [own, '-m', 'uv', 'pip', 'install', '--quiet', '--python', own, '-r', requirements],
    ];
    for (const [command, ...args] of steps) {
      if (run(command, args).status !== 0) giveUp('LocalStack could not be installed: see above.');
    }
  });
}

/** A browser for looking at the report page; Debian's, since it needs Debian's libraries anyway. */
export function installBrowser() {
  if (run('chromium', ['--version'], { quiet: true }).status === 0) return;
  console.error('installing Chromium for the tests of the report page (apt-get) ...');
  const apt = (args) =>
    run('apt-get', args, { quiet: true, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  apt(['update', '-qq']);
  const { status, stderr } = apt(['install', '-y', '-qq', '--no-install-recommends', 'chromium']);
  if (status !== 0)
    giveUp(`Chromium is needed for the tests: apt-get install chromium (tried: ${String(stderr).trim()})`);
}

export function requireCompiler() {
  if (run('g++', ['--version'], { quiet: true }).status !== 0) {
    giveUp(
      'g++ is needed to build the addons: apt-get install g++. simulate, preprocess and inspect work without it.',
    );
  }
}

/** The TypeScript files below a folder, as paths relative to the repository. */
export function listSources(folder, suffix = '.ts') {
  return readdirSync(join(ROOT, folder), { recursive: true })
    .map((path) => join(folder, String(path)))
    .filter((path) => path.endsWith(suffix));
}
