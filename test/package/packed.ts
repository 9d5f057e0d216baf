/** The npm package as its users get it: packed, and installed into a folder with nothing but its own dependencies. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../support/fixtures.ts';

export interface Manifest {
  version: string;
  dependencies: Record<string, string>;
}

/** Packs what `npm test` built into `folder`. Returns the path of the tarball. */
export function pack(folder: string): string {
  const words = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder];
  return join(folder, execFileSync('npm', words, { cwd: ROOT, encoding: 'utf8' }).trim());
}

export const readManifest = (): Manifest => JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/**
 * Unpacks the tarball as `folder/node_modules/chirpline`, and links its dependencies to those of the repository, so that nothing is
 * downloaded. What isn't declared is missing. Returns the package's folder.
 */
export function install(tarball: string, folder: string): string {
  const target = join(folder, 'node_modules/chirpline');
  mkdirSync(target, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', target]);
  for (const name of Object.keys(readManifest().dependencies)) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), link);
  }
  return target;
}
