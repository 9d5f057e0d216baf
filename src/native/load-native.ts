import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Vector instructions that a CPU may support. */
export type VectorLevel = 'avx512' | 'avx2';

/** Exports of the addon. Their sources are in the native/ folders of signal/, records/ and storage/. */
export interface Addon {
  /** Kernels of the signal path by name, for each level that the CPU supports, the fastest level first. */
  levels: ({ name: VectorLevel } & Record<string, (memory: ArrayBuffer, ...numbers: number[]) => void>)[];
  allocate(bytes: number): ArrayBuffer;
  /** Only if the CPU has an instruction for CRC-32C. */
  crc32c?(bytes: Uint8Array): number;
  readFile(path: string, etag: string, memory: Uint8Array): number | undefined;
  listFolder(path: string): FolderListing | undefined;
}

/** The files of a folder. Names and etags are joined by zero bytes. */
interface FolderListing {
  names: string;
  etags: string;
  sizes: Float64Array;
}

/** Output of scripts/native.mjs, as seen from the one folder of a bundle, and from src/native/ and dist/native/. */
const PATHS = ['../build', '../../build'].map((folder) =>
  fileURLToPath(new URL(`${folder}/native-${process.platform}-${process.arch}.node`, import.meta.url)),
);

let loaded: { addon: Addon; reason?: undefined } | { addon?: undefined; reason: string } | undefined;

/**
 * The addon, or the reason why it is missing. It is never required: every caller has a fallback. It is built where g++ exists,
 * and missing in cloud functions, which wait for S3 anyway.
 */
export function loadAddon() {
  loaded ??= readAddon(PATHS.find((path) => existsSync(path)) ?? PATHS[1]!);
  return loaded;
}

export function readAddon(path: string): NonNullable<typeof loaded> {
  if (!existsSync(path)) return { reason: 'it was not built' };
  const module = { exports: {} as Addon };
  try {
    process.dlopen(module, path);
  } catch (error) {
    // Built for another architecture or a newer C library, or Node runs with --no-addons.
    if (!(error instanceof Error && 'code' in error && /^ERR_DLOPEN_/.test(`${error.code}`))) throw error;
    return { reason: `it can't be loaded: ${error.message}` };
  }
  return { addon: module.exports };
}
