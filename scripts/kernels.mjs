/**
 * `node scripts/kernels.mjs`: compiles the AssemblyScript of src/signal/kernels/ to WebAssembly, and writes it as base64 into
 * a TypeScript module, which compilers and bundlers handle like any other source.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
let binary;
const { error, stderr } = await asc.main(
  [
    'src/signal/kernels/index.ts',
    ...['--outFile', 'kernels.wasm', '--enable', 'simd', '--runtime', 'stub', '-O3', '--noAssert'],
    ...['--importMemory', '--initialMemory', '1', '--use', 'abort='],
    // Warning 112: not every host can exchange vectors. Here vectors are passed only between kernels.
    ...['--disableWarning', '112'],
  ],
  {
    writeFile: (_name, contents) => {
      binary = contents;
    },
  },
);
if (error) {
  console.error(`${stderr}`);
  process.exit(1);
}
const text = Buffer.from(binary).toString('base64');
writeFileSync(
  'src/signal/kernels.generated.ts',
  `/** Made by scripts/kernels.mjs from src/signal/kernels/. */\nexport const KERNELS: string =\n  '${text}';\n`,
);
