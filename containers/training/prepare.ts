/**
 * `node prepare.mjs cpu|gpu`: downloads TensorFlow, without CUDA or with it, and builds its addon, both into
 * $CHIRPLINE_CACHE. The image's build runs it, so that containers start without a network and a compiler. A program of
 * its own, so that TensorFlow's layer stays the same while the training program changes.
 */
import { endWith } from '../../src/cli/terminal.ts';
import { SettingError } from '../../src/core/errors.ts';
import { prepareTensorFlow } from '../../src/tensorflow/install/load.ts';

try {
  const [device] = process.argv.slice(2);
  if (device !== 'cpu' && device !== 'gpu') throw new SettingError(`${device}: needed cpu or gpu`);
  console.log(await prepareTensorFlow({ device, log: (line) => console.log(line) }));
} catch (error) {
  endWith(error);
}
