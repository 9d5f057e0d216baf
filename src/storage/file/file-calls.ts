import { type Addon, loadAddon } from '../../native/load-native.ts';

/**
 * What is done to every raw file, in one call each. Both answer undefined where anything is out of the ordinary: the caller then
 * goes the usual way, which deals with it or says what is wrong.
 */
export type FileCalls = Pick<Addon, 'readFile' | 'listFolder'>;

/** Where there is no addon all goes the usual way. */
export const NO_CALLS: FileCalls = { readFile: () => undefined, listFolder: () => undefined };

export function chooseFileCalls(): FileCalls {
  return loadAddon().addon ?? NO_CALLS;
}
