/**
 * `npm run bench [-- NAME...] [--json]`: runs the named benchmarks, or all of them, next to their peers. `--device cpu|gpu` and
 * `--python PATH` are for the training step, `--samples N` and `--picture FILE.png` for preprocessing, `--beside FOLDER` for the
 * start-up, `--samples N` and `--emulator NAME` for the cloud.
 */
import { parseArgs } from 'node:util';
import {
  build,
  checkNode,
  installLocalstack,
  installMinistack,
  installPackages,
  installPython,
  listSources,
  runNode,
} from './setup.mjs';

const { values, positionals: named } = parseArgs({
  options: {
    json: { type: 'boolean' },
    device: { type: 'string' },
    python: { type: 'string' },
    samples: { type: 'string' },
    picture: { type: 'string' },
    beside: { type: 'string' },
    emulator: { type: 'string' },
  },
  allowPositionals: true,
});

checkNode();
installPackages();
installPython();
if (values.emulator === 'localstack') installLocalstack();
else installMinistack();
build();

const options = Object.entries(values).map(([name, value]) =>
  value === true ? `--${name}` : `--${name}=${value}`,
);
const all = listSources('bench')
  .filter((file) => !file.startsWith('bench/support/'))
  .sort();
const files = named.length === 0 ? all : named.map((name) => `bench/${name}.ts`);
for (const file of files) {
  if (!all.includes(file)) {
    console.error(`${file} does not exist. Choose from ${all.join(', ')}`);
    process.exit(2);
  }
  // Only the ESM loader: the CommonJS one turns imports into getters, which slow the code by a quarter.
  runNode(['--import', 'tsx/esm', file, ...options]);
}
