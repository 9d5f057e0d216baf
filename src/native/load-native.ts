import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Vectors that a processor may have. */
export type VectorLevel = 'avx512' | 'avx2';

/** What the addon exports: the folders native/ of signal/, records/ and storage/ say what each does. */
export interface Addon {
  /** The kernels of the signal path, the fastest first, by their names. */
  levels: ({ name: VectorLevel } & Record<string, (memory: ArrayBuffer, ...numbers: number[]) => void>)[];
  allocate(bytes: number): ArrayBuffer;
  /** Where the processor has an instruction for it. */
  crc32c?(bytes: Uint8Array): number;
  readFile(path: string, etag: string, memory: Uint8Array): number | undefined;
  listFolder(path: string): FolderListing | undefined;
}

/** Of a folder's files; texts have zero bytes between the files'. */
interface FolderListing {
  names: string;
  etags: string;
  sizes: Float64Array;
}

/** Where scripts/native.mjs puts it: as far from here in src/ as in dist/. */
const PATH = fileURLToPath(
  new URL(`../../build/native-${process.platform}-${process.arch}.node`, import.meta.url),
);

let loaded: { addon: Addon; reason?: undefined } | { addon?: undefined; reason: string } | undefined;

/** The addon, or why there is none: it is built where there is a g++. What it does is done in other ways then. */
export function loadAddon() {
  loaded ??= readAddon(PATH);
  return loaded;
}

export function readAddon(path: string): NonNullable<typeof loaded> {
  if (!existsSync(path)) return { reason: 'it was not built' };
  const module = { exports: {} as Addon };
  try {
    process.dlopen(module, path);
  } catch (error) {
    // Of another kind of machine, or of a newer one; or Node was told to load none.
    if (!(error instanceof Error && 'code' in error && /^ERR_DLOPEN_/.test(`${error.code}`))) throw error;
    return { reason: `it can't be loaded: ${error.message}` };
  }
  return { addon: module.exports };
}
