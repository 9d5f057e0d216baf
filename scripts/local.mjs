/** `npm run local:up|deploy|down`: installs and builds what is missing, then runs infra/local/main.ts. */
import { spawnSync } from 'node:child_process';
import { build, checkNode, installLocalstack, installPackages, installPython, ROOT } from './setup.mjs';

checkNode();
installPackages();
if (process.argv.includes('localstack')) installLocalstack();
else installPython();
build();
const { status, signal } = spawnSync(
  process.execPath,
  ['--import', 'tsx', 'infra/local/main.ts', ...process.argv.slice(2)],
  {
    cwd: ROOT,
    stdio: 'inherit',
  },
);
process.exit(status ?? (signal ? 1 : 0));
