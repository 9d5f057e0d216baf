import { copyFile, realpath, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sha256 } from '../../core/sha256.ts';
import { ADDON } from './addon.ts';
import { publish } from './cache.ts';
import type { Library } from './library.ts';

/**
 * Combines the addon and a TensorFlow in a folder of the cache, and returns the addon's path there:
 *
 *     runtime-<hash>/tfjs_binding.node
 *     runtime-<hash>/tensorflow -> .../site-packages/tensorflow
 *
 * The addon finds its libraries through $ORIGIN/tensorflow, and the CUDA build finds CUDA through $ORIGIN/../nvidia:
 * the kernel follows the link before `..`, so this is the folder nvidia beside the real folder tensorflow.
 * Nothing is written into node_modules or site-packages, which may be read-only.
 */
export async function joinRuntime(cache: string, addon: string, library: Library): Promise<string> {
  const target = await realpath(library.folder);
  const hash = sha256(`${basename(dirname(addon))}\n${target}`).toString('hex');
  const folder = await publish(cache, `runtime-${hash.slice(0, 16)}`, async (draft) => {
    await copyFile(addon, join(draft, ADDON));
    await symlink(target, join(draft, 'tensorflow'));
  });
  return join(folder, ADDON);
}
