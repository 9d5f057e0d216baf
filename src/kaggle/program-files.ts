/** The training program as files: what `npm run build` has bundled, and what can't be bundled with it. */
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MachineError } from '../core/errors.ts';

/** What scripts/bundle.mjs has made. The way there is the same from src/ and from dist/. */
const BUNDLE = fileURLToPath(new URL('../../containers/training/dist/', import.meta.url));

/** Files of installed packages that are loaded or read at run time, and who depends on the package. */
const copied = (processor: string): { name: string; from?: string; files: RegExp }[] => [
  // The sources of the addon name it in the cache, and build it where it isn't there.
  { name: '@tensorflow/tfjs-node-gpu', files: /^binding$/ },
  { name: 'node-api-headers', files: /^include$/ },
  { name: 'piscina', files: /^dist$/ },
  { name: '@napi-rs/canvas', files: /\.js$/ },
  { name: `@napi-rs/canvas-${processor}`, from: '@napi-rs/canvas', files: /\.node$/ },
  { name: '@node-rs/crc32', files: /^index\.js$/ },
  { name: `@node-rs/crc32-${processor}`, from: '@node-rs/crc32', files: /\.node$/ },
];
const FONTS = ['inter-latin-400-normal.woff2', 'inter-latin-600-normal.woff2'];
const ALWAYS = /^(package\.json|LICENSE.*)$/;

/**
 * Writes the training program for Linux on this machine's processor into `folder`:
 *
 *     code/main.mjs   its start, for Node 20 or later, with the rest of our own code
 *     packages/       the packages that are bundled
 *     node_modules/   those that can't be
 *     prepare/        prepare.mjs, which makes the TensorFlow of an image ready
 *
 * Throws MachineError when it was not bundled, or a package's binary for Linux isn't installed.
 */
export async function copyProgram(folder: string): Promise<void> {
  if (!existsSync(BUNDLE)) {
    throw new MachineError(`${BUNDLE}: the training program is not bundled yet; run npm run build`);
  }
  await cp(BUNDLE, folder, { recursive: true });
  const modules = join(folder, 'node_modules');
  for (const { name, from, files } of copied(`linux-${process.arch}-gnu`)) {
    const source = findPackage(name, from);
    await copyFiles(source, join(modules, name), (file) => ALWAYS.test(file) || files.test(file));
  }
  const inter = findPackage('@fontsource/inter');
  await copyFiles(inter, join(modules, '@fontsource/inter'), (file) => ALWAYS.test(file));
  await copyFiles(join(inter, 'files'), join(modules, '@fontsource/inter/files'), (file) =>
    FONTS.includes(file),
  );
  // tfjs asks this package where its addon lies; src/tensorflow/graph/bind.ts answers in its place, but it must be found.
  await mkdir(join(modules, '@mapbox/node-pre-gyp'), { recursive: true });
  await writeFile(join(modules, '@mapbox/node-pre-gyp/index.js'), '');
}

/** The folder of an installed package, as `from` (or this one) would find it. */
function findPackage(name: string, from?: string): string {
  const { resolve } = createRequire(
    from === undefined ? import.meta.url : join(findPackage(from), 'index.js'),
  );
  const folders = (resolve.paths(name) ?? []).map((folder) => join(folder, name));
  const found = folders.find((folder) => existsSync(join(folder, 'package.json')));
  if (found !== undefined) return found;
  throw new MachineError(
    `the package ${name} is not installed, which training needs on Linux; do this on Linux with a processor of that kind, after npm ci`,
  );
}

async function copyFiles(source: string, target: string, wanted: (name: string) => boolean): Promise<void> {
  for (const name of await readdir(source)) {
    if (wanted(name)) await cp(join(source, name), join(target, name), { recursive: true, filter: isUsed });
  }
}

/** What only debuggers and compilers read. */
const isUsed = (path: string): boolean => !/\.(map|d\.ts)$/.test(path);
