/** A writer that file.test.ts starts as a separate process: `writer.ts <task> <folder> [name]`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { PreconditionError } from '../../src/core/errors.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';

const [, , task = '', folder = '', name = ''] = process.argv;
const store = createFileStore(folder);

const tasks: Record<string, () => Promise<void>> = {
  /** Writes an endless object. Prints a dot per piece. */
  async endless() {
    async function* chunks() {
      for (;;) {
        yield new Uint8Array(100_000);
        await sleep(10);
        process.stdout.write('.');
      }
    }
    await store.write('endless', chunks());
  },
  /** Writes an object of 5 MB in pieces of 100,003 bytes, each filled with its index. Prints the size. */
  async pieces() {
    async function* chunks() {
      for (let piece = 0; piece < 50; piece++) yield new Uint8Array(100_003).fill(piece);
    }
    const { size } = await store.write('pieces', chunks(), { uncached: true });
    console.log(size);
  },
  /** Writes a hundred keys create-only. Prints the keys that this process created. */
  async claim() {
    for (let i = 0; i < 100; i++) {
      try {
        await store.write(`key ${i}`, Buffer.from(name), { ifAbsent: true });
        console.log(`key ${i}`);
      } catch (error) {
        if (!(error instanceof PreconditionError)) throw error;
      }
    }
  },
  /** Increments a counter fifty times. */
  async count() {
    for (let done = 0; done < 50; ) {
      const { etag } = (await store.head('counter'))!;
      const value = Number(Buffer.from(await store.read('counter')).toString());
      try {
        await store.write('counter', Buffer.from(String(value + 1)), { ifMatch: etag });
        done += 1;
      } catch (error) {
        if (!(error instanceof PreconditionError)) throw error;
      }
    }
  },
  /** Writes a large object. Prints the error. */
  async fail() {
    await store
      .write('large', new Uint8Array(1_000_000))
      .catch((error: unknown) => console.log(String(error)));
  },
};

await tasks[task]!();
