import { crc32c as libraryCrc32c } from '@node-rs/crc32';
import { loadAddon } from '../native/load-native.ts';

/** CRC-32C of the bytes, 0 ... 2^32 - 1. */
export const crc32c: (bytes: Uint8Array) => number = loadAddon().addon?.crc32c ?? libraryCrc32c;
