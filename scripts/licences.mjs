/** The licences of bundled packages, whose text must go with every copy. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Name of the file beside a bundle. */
export const LICENCES = 'LICENSES.txt';

/**
 * The names, versions and licences of the packages among `inputs`, the bundled files, whose paths are relative to `root`. Packages
 * with one text are listed together. Throws when a package names no licence.
 */
export function licencesOf(root, inputs) {
  const folders = inputs.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  const names = new Map();
  for (const folder of [...new Set(folders)].filter(Boolean).sort()) {
    const { name, text } = describe(join(root, folder));
    names.set(text, [...(names.get(text) ?? []), name]);
  }
  return [...names]
    .map(([text, packages]) => `${packages.join('\n')}\n\n${text}\n`)
    .join(`\n${'-'.repeat(80)}\n`);
}

function describe(folder) {
  const { name, version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (typeof license !== 'string') throw new Error(`${folder}/package.json names no licence`);
  const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
  const text = file === undefined ? `by ${author?.name ?? author}` : readFileSync(join(folder, file), 'utf8');
  return { name: `${name} ${version}: ${license}`, text: text.trim() };
}
