/** The commands in the docs exist, with their options. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { memoize } from '../../src/core/memoize.ts';
import { chirplineWell } from '../support/command.ts';

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
const DOCS = ['operations', 'costs', 'training-container', 'local'];
/** The programs that read the options of a script which only starts them. */
const STARTED: Record<string, string> = {
  deploy: 'infra/deploy/main.ts',
  remove: 'infra/deploy/main.ts',
  'local:up': 'infra/local/main.ts',
};

/** A text that has each option of the command: undefined if there is no such command. */
const describeCommand = memoize((name: string) => chirplineWell(name, '--help'));
function describeScript(name: string): string | undefined {
  const file = STARTED[name] ?? scripts[name]?.match(/scripts\/\S+/)?.[0];
  // As parseArgs takes them: { tag: { type: 'string' } }.
  return file && readFileSync(file, 'utf8').replaceAll(/'?([a-z-]+)'?: \{/g, '--$1 ');
}

/** Wrong commands and options in a text: in its code, each line or span is one command. */
function faults(text: string): string[] {
  const code = [...text.matchAll(/```\n([^`]*)```|`([^`\n]+)`/g)].flatMap(([, block, span]) =>
    (block ?? span!).split(/\n|&&/),
  );
  return code.flatMap((line) => {
    const [, program, name = '', rest = ''] =
      /^\s*(?:\$ )?(?:npx )?(chirpline|npm run) ([a-z][a-z:-]*)([^#]*)/.exec(line) ?? [];
    if (program === undefined) return [];
    const known = program === 'chirpline' ? describeCommand(name) : describeScript(name);
    if (known === undefined) return [`${program} ${name}`];
    // What follows a second -- is for another program.
    const options = rest.split(/ -- .* -- /)[0]!.match(/--[a-z][a-z-]*/g) ?? [];
    return options
      .filter((option) => !new RegExp(`${option}(?![a-z-])`).test(known))
      .map((option) => `${program} ${name} ${option}`);
  });
}

for (const name of DOCS) {
  test(`the commands in docs/${name}.md exist, with these options`, () => {
    assert.deepEqual(faults(readFileSync(`docs/${name}.md`, 'utf8')), []);
  });
}

test('a wrong option, and a script that does not exist, are found', () => {
  assert.deepEqual(faults('`npm run depoly -- --stage dev`'), ['npm run depoly']);
  assert.deepEqual(faults('```\n$ chirpline status --stage dev --wach\n```'), ['chirpline status --wach']);
  assert.deepEqual(faults('`npm run deploy -- --region x`'), ['npm run deploy --region']);
});

test('the workflows for GitHub run scripts that exist', () => {
  const files = readdirSync('infra/github').filter((name) => name.endsWith('.yml'));
  assert.equal(files.length, 2);
  for (const file of files) {
    const { jobs } = parse(readFileSync(`infra/github/${file}`, 'utf8')) as {
      jobs: Record<string, { steps: { run?: string; uses?: string }[] }>;
    };
    const steps = Object.values(jobs).flatMap((job) => job.steps);
    for (const { run, uses } of steps) {
      if (run === undefined) assert.match(uses!, /^[\w-]+\/[\w-]+@v\d+$/);
      else assert.deepEqual(faults(`\`${run}\``), [], file);
    }
    assert.ok(steps.some(({ run }) => run?.startsWith('npm run ')));
  }
  assert.ok(existsSync('infra/github/trust.json'));
});
