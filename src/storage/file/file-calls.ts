import { type Addon, loadAddon } from '../../native/load-native.ts';

/**
 * Operations on every raw file, one native call each. Both return undefined in any unusual case. The caller then falls back
 * to Node's calls, which handle the case or report the error.
 */
export type FileCalls = Pick<Addon, 'readFile' | 'listFolder'>;

/** Without the addon Node's calls do everything. */
export const NO_CALLS: FileCalls = { readFile: () => undefined, listFolder: () => undefined };

export function chooseFileCalls(): FileCalls {
  return loadAddon().addon ?? NO_CALLS;
}
