/**
 * Set-up for `npm start` and `npm test` on a fresh clone: packages, build, and for tests a Python environment to compare with.
 * It uses only Node's own modules, since nothing is installed yet. Each part runs once, and again only when its inputs have
 * changed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const STAMPS = join(ROOT, '.chirpline');

/** Prints the message and ends the process with exit code 3, as the command line does when something is missing. */
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

/** Runs Node in the repository. If it fails, this process ends with its exit code. */
export function runNode(args, options = {}) {
  const { status, signal } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit', ...options });
  if (status !== 0) process.exit(status ?? (signal === 'SIGINT' ? 130 : 1));
}

function hashFiles(paths) {
  const hash = createHash('sha256').update(process.versions.modules);
  for (const path of [...paths].sort()) hash.update(path).update(readFileSync(join(ROOT, path)));
  return hash.digest('hex');
}

/** Runs `make` unless it ran before for the same inputs and its product exists. */
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
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 11))
    giveUp(`Node ${process.versions.node} is too old. Install Node 20.11 or newer: https://nodejs.org`);
}

export function installPackages() {
  once('packages', ['package.json', 'package-lock.json', '.npmrc'], 'node_modules', () => {
    console.error('installing packages (npm ci) ...');
    const { status } = run('npm', ['ci', '--no-audit', '--loglevel=error']);
    if (status === 127) giveUp('npm is not installed. It comes with Node.js: https://nodejs.org');
    if (status !== 0)
      giveUp(
        'npm ci failed: see the output above. It needs access to a package registry and 900 MB of disk.',
      );
  });
}

/** Compiles the WebAssembly of the signal path into a source file that the build and the tests import. */
export function buildKernels() {
  const sources = [...listSources('src/signal/kernels'), 'scripts/kernels.mjs', 'package-lock.json'];
  once('kernels', sources, 'src/signal/kernels.generated.ts', () => {
    const { status } = run(process.execPath, ['scripts/kernels.mjs']);
    if (status !== 0) giveUp('compiling the kernels of the signal path failed: see the output above.');
  });
}

/** Compiles the native addon, if g++ is installed. */
export function buildAddon() {
  const sources = [...listSources('src', '.h'), ...listSources('src', '.cc'), 'scripts/native.mjs'];
  once('native', sources, 'build/native-linux-x64.node', () => {
    if (run(process.execPath, ['scripts/native.mjs']).status !== 0)
      giveUp('building the native addon with g++ failed: see the output above.');
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
      if (run(process.execPath, step).status !== 0) giveUp('the build failed: see the output above.');
  });
}

/** Installs a Python environment for tests and benchmarks: NumPy, SciPy, TensorFlow, ONNX. */
export function installPython() {
  const what = 'Python packages for tests and benchmarks (NumPy, SciPy, TensorFlow, ONNX; about 350 MB)';
  installEnvironment('python', what, 'test/python/requirements.txt');
}

/** Installs ministack, the default emulator. */
export function installMinistack() {
  installEnvironment('ministack', 'the emulator ministack (about 90 MB)', 'infra/local/ministack.txt');
}

/** Installs the packages of a requirements file into the virtual environment .chirpline/NAME. */
function installEnvironment(name, what, requirements) {
  const python = `.chirpline/${name}/bin/python`;
  once(name, [requirements], python, () => {
    console.error(`installing ${what} ...`);
    mkdirSync(STAMPS, { recursive: true });
    rmSync(join(STAMPS, name), { recursive: true, force: true });
    if (run('python3', ['-m', 'venv', `.chirpline/${name}`]).status !== 0) {
      giveUp('Python 3 with venv and pip is needed: apt-get install python3 python3-venv python3-pip');
    }
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements];
    if (run(python, pip).status !== 0)
      giveUp('pip install failed: see the output above. It needs access to a package registry.');
  });
}

/** Installs LocalStack, the second emulator, into a separate virtual environment, since it needs a newer Python. */
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
      // pip doesn't finish resolving the versions of LocalStack's dependencies; uv does.
      [own, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'uv==0.13.9'],
      [own, '-m', 'uv', 'pip', 'install', '--quiet', '--python', own, '-r', requirements],
    ];
    for (const [command, ...args] of steps) {
      if (run(command, args).status !== 0) giveUp('installing LocalStack failed: see the output above.');
    }
  });
}

/** The emulator that `local:up` starts with these options: none if one is running on the port, or is attached. */
export async function installEmulator(words) {
  const options = { emulator: { type: 'string' }, port: { type: 'string', default: '4566' } };
  // infra/local/main.ts refuses what is wrong.
  const { emulator, port } = parseArgs({
    args: words,
    options,
    allowPositionals: true,
    strict: false,
  }).values;
  if (words.includes('--attach') || (await isRunning(port))) return;
  if (emulator === 'localstack') installLocalstack();
  else installMinistack();
}

async function isRunning(port) {
  try {
    // ministack answers this, too.
    return (await fetch(`http://127.0.0.1:${port}/_localstack/health`)).ok;
  } catch {
    return false;
  }
}

/** Installs a browser for the tests of the report: Debian's package, which brings the libraries that it needs. */
export function installBrowser() {
  if (run('chromium', ['--version'], { quiet: true }).status === 0) return;
  console.error('installing Chromium for the tests of the report (apt-get) ...');
  const apt = (args) =>
    run('apt-get', args, { quiet: true, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  apt(['update', '-qq']);
  const { status, stderr } = apt(['install', '-y', '-qq', '--no-install-recommends', 'chromium']);
  if (status !== 0)
    giveUp(`Chromium is needed for the tests, and apt-get install chromium failed: ${String(stderr).trim()}`);
}

export function requireCompiler() {
  if (run('g++', ['--version'], { quiet: true }).status !== 0) {
    giveUp(
      'g++ is needed to build the addons: apt-get install g++. Only simulate, preprocess and inspect work without it.',
    );
  }
}

/** The files with a suffix in a folder and its subfolders, as paths relative to the repository. */
export function listSources(folder, suffix = '.ts') {
  return readdirSync(join(ROOT, folder), { recursive: true })
    .map((path) => join(folder, String(path)))
    .filter((path) => path.endsWith(suffix));
}
