/** Installs and builds what is missing, for `npm start`. */
import { build, installPackages } from './setup.mjs';

installPackages();
build();
