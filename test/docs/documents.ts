/** The documents: their blocks of code, and the commands that they name. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/fixtures.ts';

/** A block between two fences. */
export interface Block {
  document: string;
  /** Of the first fence, from 1. */
  line: number;
  /** What follows the first fence: a language, and for sh what it needs that a checking machine lacks. */
  language: string;
  needs: string | undefined;
  text: string;
}

/**
 * What a block of commands may need, as the word after `sh`. Such a block isn't run; its options are checked all the same. `clone`:
 * it changes the clone itself, and tests do the same; `long`: it takes minutes or more.
 */
export const NEEDS = ['aws', 'clone', 'docker', 'kaggle', 'long', 'network'];

export const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`),
];

export function readBlocks(document: string): Block[] {
  const blocks: Block[] = [];
  let open: { block: Block; indent: string } | undefined;
  for (const [index, line] of readFileSync(join(ROOT, document), 'utf8').split('\n').entries()) {
    const [, indent = '', info] = /^( *)```(.*)$/.exec(line) ?? [];
    if (info === undefined) {
      if (open) open.block.text += `${line.slice(open.indent.length)}\n`;
    } else if (open) {
      blocks.push(open.block);
      open = undefined;
    } else {
      const [language = '', needs] = info.split(' ');
      open = { indent, block: { document, line: index + 1, language, needs, text: '' } };
    }
  }
  if (open) throw new Error(`${document}:${open.block.line}: the block has no end`);
  return blocks;
}

/** The commands of a shell script or a piece of code: the words of each, without comments. */
export function commandsIn(script: string): string[][] {
  return script
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, ''))
    .flatMap((line) => line.split(/&&|\|\||;| \| /))
    .map((command) => command.trim().split(/\s+/))
    .filter(([first]) => first !== '');
}

/** Commands within the text of a document, in its `code`. */
export function commandsInText(document: string): string[][] {
  const text = readFileSync(join(ROOT, document), 'utf8').replace(/^ *```[\s\S]*?^ *```$/gm, '');
  return [...text.matchAll(/`((?:chirpline|npm|npx) [^`]+)`/g)].flatMap(([, code]) =>
    commandsIn(code!.replace(/\s+/g, ' ')),
  );
}
