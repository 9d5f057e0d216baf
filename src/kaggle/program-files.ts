/** The program of the container and of Kaggle as files: what `npm run build` bundles, and what can't be bundled. */
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MachineError } from '../core/errors.ts';

/** The output of scripts/bundle.mjs: the program, and tfjs. The relative path is the same from src/ and from dist/. */
const [BUNDLE, TFJS] = ['containers/training/dist/', 'dist/node_modules/'].map((folder) =>
  fileURLToPath(new URL(`../../${folder}`, import.meta.url)),
) as [string, string];

/** Output of scripts/native.mjs. The program works without it, more slowly. */
const ADDON = fileURLToPath(new URL(`../../build/native-linux-${process.arch}.node`, import.meta.url));

/** Files of installed packages that are loaded or read at run time, and the package that depends on each. */
const listPackages = (platform: string): { name: string; from?: string; files: RegExp }[] => [
  { name: 'node-api-headers', files: /^include$/ },
  { name: 'piscina', files: /^dist$/ },
  { name: '@napi-rs/canvas', files: /\.js$/ },
  { name: `@napi-rs/canvas-${platform}`, from: '@napi-rs/canvas', files: /\.node$/ },
  { name: '@node-rs/crc32', files: /^index\.js$/ },
  { name: `@node-rs/crc32-${platform}`, from: '@node-rs/crc32', files: /\.node$/ },
];
const FONTS = ['inter-latin-400-normal.woff2', 'inter-latin-600-normal.woff2'];
const ALWAYS = /^(package\.json|LICENSE.*)$/;

/**
 * Writes the program for Linux on this machine's CPU architecture into `folder`:
 *
 *     code/main.mjs   the entry point, for Node 20 or later, with the rest of our own code
 *     packages/       the packages that can be bundled
 *     node_modules/   the packages that can't
 *     build/          chirpline's own addon, if it was built here
 *     prepare/        prepare.mjs, which installs TensorFlow in an image
 *
 * Throws MachineError when the program isn't bundled yet, or a package's binary for Linux isn't installed.
 */
export async function copyProgram(folder: string): Promise<void> {
  if (!existsSync(BUNDLE)) {
    throw new MachineError(`${BUNDLE} is missing: run npm run build to bundle the program`);
  }
  await cp(BUNDLE, folder, { recursive: true });
  const modules = join(folder, 'node_modules');
  await cp(TFJS, modules, { recursive: true });
  for (const { name, from, files } of listPackages(`linux-${process.arch}-gnu`)) {
    const source = findPackage(name, from);
    await copyFiles(source, join(modules, name), (file) => ALWAYS.test(file) || files.test(file));
  }
  const inter = findPackage('@fontsource/inter');
  await copyFiles(inter, join(modules, '@fontsource/inter'), (file) => ALWAYS.test(file));
  await copyFiles(join(inter, 'files'), join(modules, '@fontsource/inter/files'), (file) =>
    FONTS.includes(file),
  );
  await mkdir(join(folder, 'build'), { recursive: true });
  if (existsSync(ADDON)) await cp(ADDON, join(folder, 'build', basename(ADDON)));
}

/** The folder of an installed package, as resolved from `from` or from this package. */
function findPackage(name: string, from?: string): string {
  const { resolve } = createRequire(
    from === undefined ? import.meta.url : join(findPackage(from), 'index.js'),
  );
  const folders = (resolve.paths(name) ?? []).map((folder) => join(folder, name));
  const found = folders.find((folder) => existsSync(join(folder, 'package.json')));
  if (found !== undefined) return found;
  throw new MachineError(
    `the package ${name}, which the program needs on Linux, is not installed: install chirpline on a Linux machine of the same architecture, then repeat this there`,
  );
}

async function copyFiles(source: string, target: string, wanted: (name: string) => boolean): Promise<void> {
  for (const name of await readdir(source)) {
    if (wanted(name)) await cp(join(source, name), join(target, name), { recursive: true, filter: isUsed });
  }
}

/** Leaves out files that only debuggers and compilers read. */
const isUsed = (path: string): boolean => !/\.(map|d\.ts)$/.test(path);
