/**
 * `npm run docs:check [-- DOCUMENT...]`: runs the commands of the documents (blocks `sh` without a need, and `js`), those of one
 * document in one folder, in their order. The folder has what the quick start makes, but smaller.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderForTests, ROOT } from '../support/fixtures.ts';
import { type Block, DOCUMENTS, readBlocks } from './documents.ts';

const QUICK_START = `
chirpline simulate out/raw/demo --samples 64 --seed 1 --snr-median 15 --snr-sigma 0.4
chirpline run out/raw/demo out --epochs 1
`;

const chosen = process.argv.slice(2);
const { folder, remove } = folderForTests();
const bin = join(folder, 'bin');
const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, TF_CPP_MIN_LOG_LEVEL: '3' };

function makeCommand(): void {
  mkdirSync(bin);
  const program = join(bin, 'chirpline');
  writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} ${join(ROOT, 'dist/cli/main.js')} "$@"\n`);
  chmodSync(program, 0o755);
}

function prepare(place: string): void {
  mkdirSync(join(place, 'node_modules'), { recursive: true });
  symlinkSync(ROOT, join(place, 'node_modules/chirpline'));
}

const isRun = ({ language, needs }: Block) => (language === 'sh' || language === 'js') && needs === undefined;

/** Runs a block; throws its output if it fails. */
function runBlock({ document, line, language, text }: Block, cwd: string): void {
  const words =
    language === 'sh'
      ? ['bash', '-euo', 'pipefail', '-c', text]
      : ['node', '--input-type=module', '-e', text];
  const { status, stdout, stderr } = spawnSync(words[0]!, words.slice(1), { cwd, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${document}:${line} ended with ${status}\n${text}${stdout}${stderr}`);
}

let failed = 0;
let ran = 0;
try {
  makeCommand();
  for (const document of DOCUMENTS.filter((name) => chosen.length === 0 || chosen.includes(name))) {
    const blocks = readBlocks(document).filter(isRun);
    const place = join(folder, document.replace('/', '-'));
    if (blocks.length > 0) prepare(place);
    if (blocks.some(({ text }) => text.includes('out/models/demo')))
      execFileSync('bash', ['-euc', QUICK_START], { cwd: place, env, stdio: ['ignore', 'ignore', 'pipe'] });
    for (const block of blocks) {
      const started = performance.now();
      try {
        runBlock(block, place);
        ran += 1;
        console.log(`ok  ${document}:${block.line}  ${((performance.now() - started) / 1000).toFixed(1)} s`);
      } catch (error) {
        failed += 1;
        console.error((error as Error).message);
      }
    }
  }
} finally {
  remove();
}
console.log(`${ran} blocks ran, ${failed} failed`);
if (failed > 0 || ran === 0) process.exitCode = 1;
