/** Installs what the tests need besides the packages. `npm test` runs this while it installs these and builds. */
import { installBrowser, installMinistack, installPython } from './setup.mjs';

installPython();
installMinistack();
installBrowser();
