/**
 * The tag of the training image that belongs to this checkout: version and commit. A deployment names it in the job definition,
 * `npm run container:push` gives it to the image. CommonJS, since serverless.yml reads it.
 */
const { execFileSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const ROOT = join(__dirname, '..');
const { version } = require('../package.json');

/** Without the commit where the program isn't a checkout, but for example an unpacked archive. */
function findTag() {
  if (!existsSync(join(ROOT, '.git'))) return version;
  const commit = execFileSync('git', ['-C', ROOT, 'rev-parse', '--short=12', 'HEAD'], { encoding: 'utf8' });
  return `${version}-${commit.trim()}`;
}

module.exports = { tag: findTag() };
