/**
 * `node scripts/native.mjs`: compiles src/native/ and the other folders native/ in src/ with g++ to build/native-linux-x64.node.
 * This addon contains the kernels of the signal path (for AVX2 and for AVX-512; it chooses when it is loaded), the records' CRC,
 * and the fast reading and writing of files. The addon is optional: on other machines, without g++, and with C libraries older
 * than those of the build, WebAssembly and Node do the same at two thirds of the speed. `chirpline doctor` shows which is used.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const KERNELS = 'src/signal/native/kernels.cc';
const SOURCES = [
  'src/native/addon.cc',
  'src/signal/native/exports.cc',
  'src/records/native/crc32c.cc',
  'src/storage/native/files.cc',
];
const TARGET = 'build/native-linux-x64.node';
const HEADERS = join(
  dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json')),
  'include',
);
const OPTIONS = ['-std=c++17', '-O3', '-fPIC', '-fvisibility=hidden', '-fno-exceptions', '-fno-rtti'];
/** No fused multiply-add: all engines must give the same bytes. The warnings come from GCC's own headers. */
const ARITHMETIC = ['-ffp-contract=off', '-Wno-psabi', '-Wno-uninitialized', '-Wno-maybe-uninitialized'];
const LEVELS = {
  avx2: ['-march=x86-64-v3', '-DWIDE=32', '-DLEVEL=avx2'],
  avx512: ['-march=x86-64-v4', '-mprefer-vector-width=512', '-DWIDE=64', '-DLEVEL=avx512'],
};

if (process.platform !== 'linux' || process.arch !== 'x64') process.exit();
const version = spawnSync('g++', ['-dumpversion'], { encoding: 'utf8' });
if (version.error || version.status !== 0) leave('g++ is not installed');
if (Number.parseInt(version.stdout, 10) < 11)
  leave(`g++ ${version.stdout.trim()} is too old, 11 or newer is needed`);

const folder = mkdtempSync(join(tmpdir(), 'chirpline-build-'));
const draft = `${TARGET}.${process.pid}`;
try {
  const objects = Object.entries(LEVELS).map(([name, options]) => {
    const object = join(folder, `${name}.o`);
    compile(...ARITHMETIC, ...options, '-c', KERNELS, '-o', object);
    return object;
  });
  mkdirSync(dirname(TARGET), { recursive: true });
  compile('-DNAPI_VERSION=8', '-I', HEADERS, '-shared', '-s', ...SOURCES, ...objects, '-o', draft);
  renameSync(draft, TARGET);
} finally {
  for (const path of [folder, draft]) rmSync(path, { recursive: true, force: true });
}

/** Throws when g++ fails: with a g++ that is new enough, a failure is an error. */
function compile(...args) {
  const { error, status } = spawnSync('g++', [...OPTIONS, '-Wall', '-Wextra', ...args], { stdio: 'inherit' });
  if (error || status !== 0) throw error ?? new Error(`g++ failed with exit code ${status}`);
}

/** Ends without an addon. An addon from older sources is removed. */
function leave(why) {
  console.error(`${why}: preprocessing runs without the native addon, at two thirds of the speed.`);
  rmSync(TARGET, { force: true });
  process.exit();
}
