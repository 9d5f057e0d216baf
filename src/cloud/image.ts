/** The training image of a stage, in its repository in ECR. */
import {
  BatchGetImageCommand,
  DescribeImagesCommand,
  type ECRClient,
  GetDownloadUrlForLayerCommand,
} from '@aws-sdk/client-ecr';
import * as v from 'valibot';
import { ConflictError, InputError, MachineError } from '../core/errors.ts';
import { parseJson } from '../storage/json.ts';
import { request } from './request.ts';

export interface ImageName {
  /** Host of the registry. */
  registry: string;
  repository: string;
  tag: string;
}

/** Throws InputError unless it is `registry/repository:tag`. */
export function parseImage(image: string): ImageName {
  const [, registry, repository, tag] = /^([^/]+)\/([^:@]+):([^:@]+)$/.exec(image) ?? [];
  if (registry === undefined || repository === undefined || tag === undefined)
    throw new InputError({ object: 'the image', found: image, needed: 'REGISTRY/REPOSITORY:TAG' });
  return { registry, repository, tag };
}

/** When the image was pushed; undefined if the repository doesn't have it. */
export async function findImage(client: ECRClient, image: string): Promise<{ pushed?: Date } | undefined> {
  const { repository, tag } = parseImage(image);
  try {
    const { imageDetails } = await client.send(
      new DescribeImagesCommand({ repositoryName: repository, imageIds: [{ imageTag: tag }] }),
    );
    const [found] = imageDetails ?? [];
    if (found === undefined) return undefined;
    return found.imagePushedAt === undefined ? {} : { pushed: found.imagePushedAt };
  } catch (error) {
    if (error instanceof Error && ABSENT.includes(error.name)) return undefined;
    throw error;
  }
}

const ABSENT = ['ImageNotFoundException', 'RepositoryNotFoundException'];

/** Throws ConflictError when the image isn't there: hosts would start for jobs that can't. */
export async function requireImage(client: ECRClient, image: string, stage: string): Promise<void> {
  if ((await findImage(client, image)) !== undefined) return;
  throw new ConflictError(
    `stage ${stage}: the training image ${image} was not pushed yet: npm run container:push -- --stage ${stage}`,
  );
}

const DIGEST = v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/));
const MANIFEST = v.object({ config: v.object({ digest: DIGEST }) });
const INDEX = v.object({
  manifests: v.array(v.object({ platform: v.optional(v.object({ architecture: v.string() })) })),
});
const CONFIG = v.object({ architecture: v.string() });
/** Of the attestations that docker adds to an image. */
const NONE = 'unknown';

/** The CPU architectures that the image is for: amd64, arm64. Throws InputError when the registry's answer can't be understood. */
export async function readArchitectures(client: ECRClient, image: string): Promise<string[]> {
  const { repository: repositoryName, tag } = parseImage(image);
  const { images = [] } = await client.send(
    new BatchGetImageCommand({ repositoryName, imageIds: [{ imageTag: tag }] }),
  );
  const bytes = new TextEncoder().encode(images[0]?.imageManifest ?? '');
  const manifest = parseJson(bytes, `the manifest of ${image}`, v.union([INDEX, MANIFEST]));
  if ('manifests' in manifest) {
    const found = manifest.manifests.flatMap(({ platform }) => platform?.architecture ?? []);
    return [...new Set(found)].filter((name) => name !== NONE);
  }
  const { digest } = manifest.config;
  const { downloadUrl = '' } = await client.send(
    new GetDownloadUrlForLayerCommand({ repositoryName, layerDigest: digest }),
  );
  const object = `the configuration of ${image}`;
  const answer = await request(downloadUrl, object);
  if (!answer.ok) throw new MachineError(`${object}: the registry returned status ${answer.status}`);
  return [parseJson(new Uint8Array(await answer.arrayBuffer()), object, CONFIG).architecture];
}
