/** `npm run local:up|deploy|down`: installs and builds what is missing, then runs infra/local/main.ts. */
import { build, checkNode, installLocalstack, installPackages, installPython, runNode } from './setup.mjs';

checkNode();
installPackages();
if (process.argv.includes('localstack')) installLocalstack();
else installPython();
build();
runNode(['--import', 'tsx', 'infra/local/main.ts', ...process.argv.slice(2)]);
