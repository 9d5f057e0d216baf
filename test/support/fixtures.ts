import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Path of a file in test/fixtures/. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

/** An empty folder for all tests of a file. Call `remove` after them. */
export function folderForTests(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'chirpline-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** An empty folder that is removed when the test ends. */
export function scratch(t: TestContext): string {
  const { folder, remove } = folderForTests();
  t.after(remove);
  return folder;
}
