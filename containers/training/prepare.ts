/**
 * `node prepare.mjs cpu|gpu`: downloads TensorFlow, without or with CUDA, and builds its addon, both into
 * $CHIRPLINE_CACHE. The build of the image runs it, so that containers start without a network and a compiler. It is
 * a separate program, so that TensorFlow's layer stays the same when the training program changes.
 */
import { endWith } from '../../src/cli/terminal.ts';
import { SettingError } from '../../src/core/errors.ts';
import { prepareTensorFlow } from '../../src/tensorflow/install/load.ts';

try {
  const [device] = process.argv.slice(2);
  if (device !== 'cpu' && device !== 'gpu')
    throw new SettingError(`the device is ${device}: needed cpu or gpu`);
  const { addon } = await prepareTensorFlow({ device, log: (line) => console.log(line) });
  console.log(addon);
} catch (error) {
  endWith(error);
}
