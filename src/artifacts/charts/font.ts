/** The font of the plots. It comes with chirpline, since servers and containers often have no fonts. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { GlobalFonts } from '@napi-rs/canvas';
import { MachineError } from '../../core/errors.ts';

/** Inter (OFL-1.1), Latin letters, regular and semibold: 24 KB each. */
const FILES = ['inter-latin-400-normal.woff2', 'inter-latin-600-normal.woff2'];

let registered = false;

/**
 * Registers Inter with the canvas, once per process.
 *
 * @throws MachineError when the font is not installed or can't be used.
 */
export function registerFont(): void {
  if (registered) return;
  const { resolve } = createRequire(import.meta.url);
  for (const file of FILES) {
    if (GlobalFonts.register(readFont(resolve, file), 'Inter') === null) {
      throw new MachineError(
        `the canvas does not accept the font ${file}. Reinstall chirpline (in its repository: npm ci)`,
      );
    }
  }
  registered = true;
}

function readFont(resolve: NodeJS.RequireResolve, file: string): Buffer {
  try {
    return readFileSync(resolve(`@fontsource/inter/files/${file}`));
  } catch (cause) {
    throw new MachineError(
      `the font of the plots (@fontsource/inter) is not installed. Reinstall chirpline (in its repository: npm ci)`,
      {
        cause,
      },
    );
  }
}
