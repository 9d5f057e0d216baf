/** `npm run deploy|remove|container:push -- --stage NAME`: installs and builds what is missing, then runs infra/deploy/main.ts. */
import { build, checkNode, installPackages, runNode } from './setup.mjs';

checkNode();
installPackages();
build();
runNode(['--import', 'tsx', 'infra/deploy/main.ts', ...process.argv.slice(2)]);
