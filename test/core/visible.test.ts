import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { InputError } from '../../src/core/errors.ts';
import { visible, visibleJson, visibleLines } from '../../src/core/visible.ts';
import { buildShard, makeSamples } from '../records/samples.ts';
import { chirpline } from '../support/command.ts';
import { scratch } from '../support/fixtures.ts';

/** Terminal commands: a title, colours by ESC and by C1's own CSI, a carriage return, reversed text. */
const HOSTILE = [
  '\x1b]0;owned\x07',
  '\x1b[31mred',
  '\u009b31mred',
  'good\rbad',
  '\u202egpj.exe',
  'two\nlines',
  '\x7f\b',
];
const COMMANDS = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;

test('control characters become escapes, and other text is unchanged', () => {
  assert.equal(
    visible('\x1b[31m\u009b\u202e\n\t\r\x7f\u2028'),
    '\\x1b[31m\\x9b\\u202e\\x0a\\x09\\x0d\\x7f\\u2028',
  );
  assert.equal(visibleLines('a\tb\nc\r\x1b'), 'a\tb\nc\\x0d\\x1b');
  const plain = 'Grüße, 信号 🌊 ~ \\x1b "=1+1"';
  assert.equal(visible(plain), plain);
  const value = { a: HOSTILE, b: [plain, { c: '\u0085\u2029' }] };
  assert.deepEqual(JSON.parse(visibleJson(value)), value);
  assert.doesNotMatch(visibleJson(value), COMMANDS);
});

test("an error message is one line, whatever its object's name is", () => {
  const error = new InputError({ object: 'a\n\x1b[2Jb', found: '\u009b', needed: 'x' });
  assert.equal(error.message, 'a\\x0a\\x1b[2Jb: found \\x9b, needed x');
  assert.equal(error.fields.object, 'a\n\x1b[2Jb');
});

test('ids, file names and arguments print no terminal commands', (t) => {
  const folder = scratch(t);
  const samples = makeSamples(HOSTILE.length).map((sample, i) => ({ ...sample, id: HOSTILE[i]! }));
  const records = join(folder, 'train.tfrecord');
  writeFileSync(records, buildShard(samples, 'float16'));
  const shown = chirpline('inspect', records);
  assert.equal(shown.status, 0, shown.stderr);
  for (const id of HOSTILE) assert.ok(shown.stdout.includes(`  ${visible(id)}  `), JSON.stringify(id));

  const odd = join(folder, '\x1b[2J\nodd');
  mkdirSync(odd);
  writeFileSync(join(odd, '\u009bx.npy'), 'no array');
  const commands = [
    shown,
    chirpline('inspect', records, '--json'),
    chirpline('inspect', join(odd, 'none.npy')),
    chirpline('inspect', join(odd, '\u009bx.npy')),
    chirpline('inspect', join(odd, '\u009bx.npy'), '--json'),
    chirpline('preprocess', odd, join(odd, 'records')),
    chirpline('inspect', `--\x1b[2J`),
    chirpline('\x1b]0;owned\x07'),
    chirpline('simulate', folder, '--samples', '\x1b[31m'),
  ];
  for (const { stdout, stderr } of commands) {
    assert.notEqual(stdout + stderr, '');
    assert.doesNotMatch(stdout + stderr, COMMANDS);
  }
});

const PRINTS = /console\.|std(out|err)\s*\.write/;
/** The library's examples print. */
const COMMENTS = /\/\*\*.*?\*\//gs;

test('only src/cli/terminal.ts prints, and it escapes control characters', () => {
  const root = fileURLToPath(new URL('../../src/', import.meta.url));
  const printing = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .filter((name) => PRINTS.test(readFileSync(join(root, name), 'utf8').replace(COMMENTS, '')));
  assert.deepEqual(printing, ['cli/terminal.ts']);
});
