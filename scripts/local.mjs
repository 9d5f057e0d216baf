/** `npm run local:up|deploy|down`: installs and builds what is missing, then runs infra/local/main.ts. */
import { build, checkNode, installEmulator, installPackages, runNode } from './setup.mjs';

const [command, ...options] = process.argv.slice(2);
checkNode();
installPackages();
if (command === 'up') await installEmulator(options);
build();
runNode(['--import', 'tsx', 'infra/local/main.ts', ...process.argv.slice(2)]);
