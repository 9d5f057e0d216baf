import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTerminal, type Terminal } from '../../src/cli/terminal.ts';

const WIDTH = 60;
const [ERASE, WRAP, NO_WRAP] = ['\x1b[K', '\x1b[?7h', '\x1b[?7l'];

/** What a terminal of WIDTH columns shows in the end. It obeys only what bars need: \r, \n, wrapping on and off, erasing. */
function show(use: (terminal: Terminal) => void): string[] {
  let text = '';
  const terminal = openTerminal({ isTTY: true, write: (more) => (text += more) });
  use(terminal);
  terminal.close();
  const lines: string[][] = [[]];
  let [column, wraps] = [0, true];
  for (let at = 0; at < text.length; ) {
    const token = [ERASE, WRAP, NO_WRAP].find((sequence) => text.startsWith(sequence, at)) ?? text[at]!;
    at += token.length;
    if (token === ERASE) lines.at(-1)!.length = column;
    else if (token === WRAP || token === NO_WRAP) wraps = token === WRAP;
    else if (token === '\r') column = 0;
    else if (token === '\n') [column] = [0, lines.push([])];
    else {
      if (column === WIDTH && wraps) [column] = [0, lines.push([])];
      column = Math.min(column, WIDTH - 1);
      lines.at(-1)![column++] = token;
    }
  }
  return lines.map((line) => line.join(''));
}

const listing = (done: number) => ({ stage: 'list', done, total: 4, unit: 'samples' });
const epoch = (done: number) => ({ stage: 'epoch 1/3', done, total: 2, unit: 'steps' });
const LONG = `${'a message that is longer than the terminal is wide '.repeat(2)}and ends here`;

test('a message is shown above the bar, completely, and the bar stays below it', () => {
  const lines = show((terminal) => {
    terminal.progress(listing(1));
    terminal.say(LONG);
    terminal.say('short');
  });
  assert.equal(lines.slice(0, 2).join(''), LONG);
  assert.deepEqual(lines.slice(2), ['short', 'listing        █████░░░░░░░░░░░░░░░ 1/4 samples  ', '']);
});

test('a complete bar stays, unless a message takes its place', () => {
  const lines = show((terminal) => {
    terminal.progress(listing(0));
    terminal.progress(listing(4));
    for (const done of [1, 2]) terminal.progress(epoch(done));
    terminal.say('epoch 1/3  loss 0.1');
    terminal.say('next');
    terminal.progress({ ...epoch(1), stage: 'epoch 2/3' });
  });
  assert.match(lines[0]!, /^listing {8}█{20} 4\/4 samples/);
  assert.deepEqual(lines.slice(1, 3), ['epoch 1/3  loss 0.1', 'next']);
  assert.match(lines[3]!, /^epoch 2\/3 {6}█{10}░{10} 1\/2 steps/);
  assert.deepEqual(lines.slice(4), ['']);
});

test('a bar that is too long for the terminal is cut, not wrapped', () => {
  const lines = show((terminal) => {
    for (let done = 0; done < 4; done++) terminal.progress({ ...listing(done), note: 'x'.repeat(WIDTH) });
  });
  assert.equal(lines.length, 2);
  assert.equal(lines[0]!.length, WIDTH);
});
