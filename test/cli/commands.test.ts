import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { chirpline, chirplineIn, chirplineWell } from '../support/command.ts';

const NAMES = readdirSync(new URL('../../src/cli/commands/', import.meta.url)).map((file) =>
  file.replace(/\.ts$/, ''),
);

test('every command is listed, and shows its own help with the same description', () => {
  const listed = chirplineWell('--help');
  for (const name of NAMES) {
    const [, start] = new RegExp(`^  ${name} +(.{10})`, 'm').exec(listed) ?? [];
    assert.ok(start !== undefined, name);
    const help = chirplineWell(name, '--help');
    assert.ok(help.startsWith(`Usage: chirpline ${name} `) && help.includes(start), help.slice(0, 200));
  }
  assert.equal(chirplineWell('help', 'merge'), chirplineWell('merge', '--help'));
});

test('an unknown command is refused, with the one that was meant', () => {
  const { status, stderr } = chirpline('preproces');
  assert.equal(status, 2);
  assert.match(stderr, /unknown command 'preproces'\n\(Did you mean preprocess\?\)/);
});

test('the listing loads no command', () => {
  // Every command needs the native addon, a store or TensorFlow, and these need archives.
  const print = "process.on('exit', () => process.stderr.write(process.moduleLoadList.join('\\n')))";
  const loadedBy = (...args: string[]): string[] => {
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(print)}`;
    return chirplineIn({ env: { ...process.env, NODE_OPTIONS } }, ...args).stderr.split('\n');
  };
  const zlib = 'NativeModule zlib';
  assert.ok(loadedBy('doctor', '--help').includes(zlib));
  const listing = loadedBy('--help');
  assert.ok(listing.length > 50 && !listing.includes(zlib));
});
