/** The packages of src/ import only what the table in docs/architecture.md lets them, and nothing imports in a circle. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Paths of the TypeScript files below a folder of the repository. */
function listSources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.generated.ts'))
    .map((name) => `${folder}/${name}`)
    .filter((path) => !path.includes('/dist/'));
}

/** What a file imports, statically or not, types included. */
function importsOf(path: string): string[] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)].map(([, name]) => name!);
}

const all = listSources('src');
/** Without those that AssemblyScript compiles, whose imports have no extension. */
const files = all.filter((path) => !path.startsWith('src/signal/kernels/'));
const graph = new Map(
  files.map((path) => {
    const own = importsOf(path).filter((name) => name.startsWith('.'));
    return [path, own.map((name) => join(dirname(path), name)).filter((name) => files.includes(name))];
  }),
);

const packageOf = (path: string) => path.split('/')[1]!;

/** What the pool finds by its name: nothing imports it, and it imports what it runs. */
const isWorkerEntry = (path: string) => /^src\/workers\/.*-task\.ts$/.test(path);

/** Rows of the table: a package, what it holds, which packages it may import. */
function readTable(): Map<string, string[]> {
  const rows = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8').matchAll(
    /^\| `([a-z-]+)\/` \|[^|]*\|([^|]*)\|$/gm,
  );
  return new Map([...rows].map(([, name, allowed]) => [name!, allowed!.match(/[a-z-]+/g) ?? []]));
}

test('the table names every package, each above those that import it', () => {
  const names = [...readTable().keys()];
  assert.deepEqual(names.toSorted(), [...new Set(files.map(packageOf))].sort());
  for (const [name, allowed] of readTable()) {
    for (const other of allowed)
      assert.ok(names.indexOf(other) < names.indexOf(name), `${name} imports ${other}`);
  }
});

test('a package imports what the table says, no more and no less', () => {
  const found = new Map<string, Set<string>>([...readTable().keys()].map((name) => [name, new Set()]));
  for (const [path, imports] of graph) {
    if (isWorkerEntry(path)) continue;
    for (const other of imports.map(packageOf)) {
      if (other !== packageOf(path) && other !== 'core') found.get(packageOf(path))!.add(other);
    }
  }
  assert.deepEqual(
    [...found].map(([name, others]) => `${name}: ${[...others].sort().join(', ')}`),
    [...readTable()].map(([name, allowed]) => `${name}: ${allowed.toSorted().join(', ')}`),
  );
});

test('no file imports itself by way of others', () => {
  const done = new Set<string>();
  const visit = (path: string, way: string[]): void => {
    assert.ok(!way.includes(path), [...way.slice(way.indexOf(path)), path].join(' -> '));
    if (done.has(path)) return;
    for (const next of graph.get(path)!) visit(next, [...way, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
});

test('no two files have one name, but for the commands, which are named as they are called', () => {
  const names = all.filter((path) => !path.startsWith('src/cli/commands/')).map((path) => basename(path));
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  assert.deepEqual(twice, []);
});

test('functions import no command line, and src/ imports nothing outside itself', () => {
  for (const path of listSources('functions')) {
    for (const name of importsOf(path)) assert.doesNotMatch(name, /\/cli\//, path);
  }
  for (const path of files) {
    for (const name of importsOf(path)) {
      if (name.startsWith('.')) assert.match(join(dirname(path), name), /^src\//, path);
    }
  }
});

test('each outside service is known to a few packages', () => {
  const known: [RegExp, string[]][] = [
    [/^@aws-sdk\/(client-s3|lib-storage)/, ['storage']],
    [/^@aws-sdk\/client-(?!s3)/, ['cloud', 'cli']],
    [/^@tensorflow\//, ['model', 'tensorflow', 'training']],
    [/^commander$/, ['cli', 'options']],
    [/^(echarts|@napi-rs\/canvas)/, ['artifacts']],
    [/^piscina$/, ['workers']],
  ];
  for (const [library, packages] of known) {
    const users = files.filter((path) => importsOf(path).some((name) => library.test(name)));
    assert.deepEqual([...new Set(users.map(packageOf))].sort(), packages.toSorted(), `${library}`);
  }
});

test('a file that a document names exists', () => {
  const documents = [
    'README.md',
    'CONTRIBUTING.md',
    ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`),
  ];
  for (const document of documents.filter((name) => name.endsWith('.md'))) {
    const text = readFileSync(join(ROOT, document), 'utf8');
    for (const [, path] of text.matchAll(/`([a-z][\w-]*\/[\w./-]*\.(?:ts|mjs|yml|py|sh|cc))`/g)) {
      // The bundle's folder for Kaggle.
      if (path!.startsWith('gw-training/')) continue;
      assert.ok(
        ['', 'src/'].some((root) => existsSync(join(ROOT, root, path!))),
        `${document}: ${path}`,
      );
    }
  }
});
