/** `npm run container:push -- --stage NAME`: builds the stage's training image and pushes it, unless it exists. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { CONNECTION } from '../../src/cloud/connection.ts';
import { readStack } from '../../src/cloud/deployed-stage.ts';
import { findImage, parseImage } from '../../src/cloud/image.ts';
import { ConflictError, MachineError } from '../../src/core/errors.ts';
import { checkBuilder, checkImageTag } from './checks.ts';

const imageTag = createRequire(import.meta.url)('../image-tag.cjs') as { tag: string };
/** What the image is made of. */
const PARTS = ['containers', 'package.json', 'package-lock.json', 'scripts', 'src'];

/** @param options of the build. Returns the exit code. Throws ConflictError for an image that would not be that of the deployed commit. */
export async function pushImage(stage: string, root: string, options: string[]): Promise<number> {
  const image = (await readStack(stage)).outputs.get('TrainingImage');
  if (image === undefined)
    throw new ConflictError(
      `stage ${stage} has no repository for an image: it has no training, or infra/stages/${stage}.yml names an \`image\` elsewhere`,
    );
  const client = new ECRClient(CONNECTION);
  if ((await findImage(client, image)) !== undefined) {
    console.log(`${image} already exists`);
    return 0;
  }
  checkImageTag(stage, parseImage(image).tag, imageTag.tag, listChanges(root));
  checkBuilder(process.platform, process.arch);
  const build = [join(root, 'scripts/container.mjs'), '--tag', image, ...options];
  const { status } = spawnSync(process.execPath, build, { cwd: root, stdio: 'inherit' });
  if (status !== 0) return status ?? 1;
  const { authorizationData = [] } = await client.send(new GetAuthorizationTokenCommand());
  // USER:PASSWORD
  const token = Buffer.from(authorizationData[0]?.authorizationToken ?? '', 'base64').toString();
  return (
    spawnSync(process.execPath, [join(root, 'scripts/container-push.mjs'), image], {
      cwd: root,
      stdio: ['pipe', 'inherit', 'inherit'],
      input: token.slice(token.indexOf(':') + 1),
    }).status ?? 1
  );
}

/** Files of the image that differ from the commit. */
function listChanges(root: string): string[] {
  // Not a checkout: the tag is the version alone.
  if (!existsSync(join(root, '.git'))) return [];
  const { status, stdout, stderr } = spawnSync('git', ['status', '--porcelain', '--', ...PARTS], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new MachineError(`git status failed in ${root}: ${stderr.trim()}`);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(3));
}
