/** `npm run local:up|deploy|down`: installs and builds what is missing, then runs infra/local/main.ts. */
import { build, checkNode, installLocalstack, installMinistack, installPackages, runNode } from './setup.mjs';

checkNode();
installPackages();
if (process.argv.includes('localstack')) installLocalstack();
else if (process.argv[2] === 'up' && !process.argv.includes('--attach')) installMinistack();
build();
runNode(['--import', 'tsx', 'infra/local/main.ts', ...process.argv.slice(2)]);
