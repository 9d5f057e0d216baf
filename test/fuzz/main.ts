/** `npm run fuzz -- [--seconds N] [--seed S] [--only NAME] [--case N]`: runs changed files through every parser. */
import { parseArgs } from 'node:util';
import { describeReports, fuzz } from './runner.ts';
import { findTarget, TARGETS } from './targets.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string', multiple: true },
    case: { type: 'string' },
  },
});

function whole(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`--${name} ${text}: needed a whole number`);
  return Number(text);
}

const seed = whole('seed', values.seed);
const names = (values.only ?? TARGETS.map(({ name }) => name)).map((name) => findTarget(name).name);
const seconds = whole('seconds', values.seconds);
const only = values.case === undefined ? {} : { only: whole('case', values.case) };
const reports = await fuzz({ names, seed, seconds, ...only });
process.stdout.write(`seed ${seed}\n${await describeReports(reports, TARGETS, seed)}\n`);
if (reports.some(({ failures }) => failures.length > 0)) process.exitCode = 1;
