/**
 * `node scripts/native.mjs`: compiles src/native/ and the folders of that name in src/ with g++ to
 * build/native-linux-x64.node, an addon with the kernels of the signal path, for processors with AVX2 and for those with AVX-512,
 * the records' CRC, and what reads many files. Elsewhere, and where there is no g++, WebAssembly and Node do the work, at two thirds of the speed.
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
/** A product's rounding is part of the result; and GCC's own headers leave registers undefined on purpose. */
const ARITHMETIC = ['-ffp-contract=off', '-Wno-psabi', '-Wno-uninitialized', '-Wno-maybe-uninitialized'];
const LEVELS = {
  avx2: ['-march=x86-64-v3', '-DWIDE=32', '-DLEVEL=avx2'],
  avx512: ['-march=x86-64-v4', '-mprefer-vector-width=512', '-DWIDE=64', '-DLEVEL=avx512'],
};

if (process.platform !== 'linux' || process.arch !== 'x64') process.exit();
const version = spawnSync('g++', ['-dumpversion'], { encoding: 'utf8' });
if (version.error || version.status !== 0) leave('g++ is not here');
if (Number.parseInt(version.stdout, 10) < 11)
  leave(`g++ is of version ${version.stdout.trim()}, 11 is needed`);

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

/** Throws when g++ doesn't do it: a g++ that is here and new enough should. */
function compile(...args) {
  const { error, status } = spawnSync('g++', [...OPTIONS, '-Wall', '-Wextra', ...args], { stdio: 'inherit' });
  if (error || status !== 0) throw error ?? new Error(`g++ ended with ${status}`);
}

/** An addon of older sources must not stay. */
function leave(why) {
  console.error(`${why}: preprocessing does without the addon, at two thirds of the speed.`);
  rmSync(TARGET, { force: true });
  process.exit();
}
