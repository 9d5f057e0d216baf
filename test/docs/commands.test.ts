/** The documents name only commands, options and scripts that exist. `npm run docs:check` also runs what can be run. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Command } from 'commander';
import { parse } from 'yaml';
import { ROOT } from '../support/fixtures.ts';
import { commandsIn, commandsInText, DOCUMENTS, NEEDS, readBlocks } from './documents.ts';

/** The commands by their names, subcommands as `kaggle bundle`. */
async function listCommands(): Promise<Map<string, Command>> {
  const found = new Map<string, Command>();
  const add = (command: Command, before: string) => {
    found.set(before + command.name(), command);
    for (const child of command.commands) add(child, `${before}${command.name()} `);
  };
  for (const file of readdirSync(join(ROOT, 'src/cli/commands'))) {
    const module: Record<string, unknown> = await import(join(ROOT, 'src/cli/commands', file));
    for (const [name, make] of Object.entries(module))
      if (name.endsWith('Command') && typeof make === 'function') add(make(), '');
  }
  return found;
}

const commands = await listCommands();
const { scripts }: { scripts: Record<string, string> } = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
);

/** Words that stand for any. */
const isPlaceholder = (word: string) => /^([A-Z]+|\.\.\.)$/.test(word);

/** What is wrong with a command; undefined if nothing is. */
function faultOf(words: readonly string[]): string | undefined {
  const [program, first = '', ...rest] = words;
  if (program === 'npx' && first === 'chirpline') return 'npx chirpline would run any package of that name';
  // In `docker run ... chirpline-training chirpline train` too.
  const own = words.indexOf('chirpline');
  if (own === 0 || words[own - 1] === 'chirpline-training') return faultOfOwn(words.slice(own + 1));
  if (program !== 'npm') return undefined;
  if (first === 'start') return rest[0] === '--' ? faultOfOwn(rest.slice(1)) : undefined;
  const script =
    first === 'run' ? rest.find((word) => !word.startsWith('-')) : first === 'test' ? first : undefined;
  if (script === undefined || isPlaceholder(script)) return undefined;
  return script in scripts ? faultOfScript(script, words) : `there is no script ${script}`;
}

/** The programs that read the options of a script which only starts them. */
const STARTED: Record<string, string> = {
  deploy: 'infra/deploy/main.ts',
  remove: 'infra/deploy/main.ts',
  'container:push': 'infra/deploy/main.ts',
  'local:up': 'infra/local/main.ts',
};

/** The options of a script are those that its program gives to parseArgs: { tag: { type: 'string' } }. */
function faultOfScript(script: string, words: readonly string[]): string | undefined {
  const start = words.indexOf('--');
  const file = STARTED[script] ?? /scripts\/\S+/.exec(scripts[script]!)?.[0];
  if (start < 0 || file === undefined) return undefined;
  const program = readFileSync(join(ROOT, file), 'utf8');
  // What follows a second -- is for another program.
  const end = words.indexOf('--', start + 1);
  const given = words.slice(start + 1, end < 0 ? undefined : end);
  const flags = given.flatMap((word) => /^\[?--([a-z][a-z-]*)/.exec(word)?.[1] ?? []);
  const unknown = flags.find((flag) => !new RegExp(`['\\s]${flag}'?: \\{`).test(program));
  return unknown && `${script} has no option --${unknown}`;
}

function faultOfOwn([first = '', second = '', ...rest]: readonly string[]): string | undefined {
  if (first.startsWith('--') || isPlaceholder(first)) return undefined;
  const command = commands.get(`${first} ${second}`) ?? commands.get(first);
  if (command === undefined) return `there is no command ${first}`;
  const known = ['--help', ...command.options.map(({ long }) => long)];
  const flags = [second, ...rest].map((word) => /^\[?(--[a-z][a-z-]*)/.exec(word)?.[1]);
  const unknown = flags.find((flag) => flag !== undefined && !known.includes(flag));
  return unknown && `${command.name()} has no option ${unknown}`;
}

for (const document of DOCUMENTS) {
  test(`${document} names commands and options that exist, and says which blocks are commands`, () => {
    for (const words of commandsInText(document)) assert.equal(faultOf(words), undefined, words.join(' '));
    for (const { line, language, needs, text } of readBlocks(document)) {
      const found = commandsIn(text);
      if (language === 'sh') {
        if (needs !== undefined) assert.ok(NEEDS.includes(needs), `line ${line}: sh ${needs}`);
        for (const words of found)
          assert.equal(faultOf(words), undefined, `line ${line}: ${words.join(' ')}`);
      } else {
        const command = found.find(([first = '']) => /^(chirpline|npm|npx)$/.test(first));
        assert.equal(
          command,
          undefined,
          `line ${line}: a block of commands starts with "sh" after the fence`,
        );
      }
    }
  });
}

test('the workflows for GitHub run scripts that exist', () => {
  for (const name of ['checks', 'deploy']) {
    const { jobs } = parse(readFileSync(join(ROOT, `infra/github/${name}.yml`), 'utf8')) as {
      jobs: Record<string, { steps: { run?: string; uses?: string }[] }>;
    };
    const steps = Object.values(jobs).flatMap((job) => job.steps);
    assert.ok(steps.some(({ run }) => run?.startsWith('npm run ')));
    for (const { run, uses } of steps) {
      if (run === undefined) assert.match(uses!, /^[\w-]+\/[\w-]+@v\d+$/);
      else for (const words of commandsIn(run)) assert.equal(faultOf(words), undefined, run);
    }
  }
});

test('wrong commands are found', () => {
  const faults: [string, RegExp | undefined][] = [
    ['chirpline train RECORDS OUT --epochs 3', undefined],
    ['chirpline train RECORDS OUT --epoch 3', /train has no option --epoch/],
    ['chirpline preprocess RAW RECORDS --no-wait [--seed 4]', undefined],
    ['chirpline teach', /no command teach/],
    ['chirpline kaggle bundle --user jane', undefined],
    ['chirpline kaggle bundle --name jane', /bundle has no option --name/],
    ['npm start -- train r m --epoch 3', /no option/],
    ['npm run nothing', /no script nothing/],
    ['npm run deploy -- --stage dev', undefined],
    ['npm run deploy -- --region x', /deploy has no option --region/],
    ['npm run container:build -- --tag x -- --no-cache', undefined],
    ['npx chirpline doctor', /npx/],
    ['docker run chirpline-training chirpline train /a /b --epoch 1', /no option/],
  ];
  for (const [command, needed] of faults) {
    const [words] = commandsIn(command);
    const fault = faultOf(words!);
    if (needed === undefined) assert.equal(fault, undefined, command);
    else assert.match(fault ?? '', needed);
  }
});
