import { spawnSync } from 'node:child_process';
import { giveUp } from './setup.mjs';

/** The program that builds and pushes images: docker, podman or buildah, whichever is installed. */
export function findBuilder() {
  const works = (...words) => spawnSync(words[0], words.slice(1), { stdio: 'ignore' }).status === 0;
  // `docker version` fails without the daemon, which does the build.
  if (works('docker', 'version')) return 'docker';
  if (works('podman', '--version')) return 'podman';
  if (works('buildah', '--version')) return 'buildah';
  return giveUp('docker (with its daemon), podman or buildah is needed: apt-get install podman');
}
