import type { ECRClient } from '@aws-sdk/client-ecr';
import type { Finding } from '../../core/finding.ts';
import { SOFTWARE } from '../../core/software.ts';
import { findImage, parseImage, readArchitectures } from '../image.ts';

/**
 * Whether the stage's training image was pushed, is of this version, and is for the hosts' CPU.
 *
 * @param instanceTypes of the hosts; undefined if they are unknown
 */
export async function examineImage(
  client: ECRClient,
  stage: string,
  image: string | undefined,
  instanceTypes: readonly string[] | undefined,
): Promise<Finding[]> {
  const name = 'image';
  if (image === undefined) {
    const whose = stage === 'local' ? 'the job agent chooses it' : 'the setting `image` names another one';
    return [{ name, status: 'unknown', detail: whose }];
  }
  const push = `npm run container:push -- --stage ${stage}`;
  const { tag } = parseImage(image);
  const found = await findImage(client, image);
  if (found === undefined)
    return [{ name, status: 'missing', detail: `${image} was not pushed yet`, advice: push }];
  const detail = found.pushed === undefined ? image : `${image}, of ${found.pushed.toISOString()}`;
  if (tag !== SOFTWARE.version && !tag.startsWith(`${SOFTWARE.version}-`))
    return [
      {
        name,
        status: 'warn',
        detail: `${detail}: another version than this one, ${SOFTWARE.version}`,
        advice: `npm run deploy -- --stage ${stage}, then ${push}`,
      },
    ];
  const architectures = await readArchitectures(client, image);
  const needed = new Set((instanceTypes ?? []).map(architectureOf));
  const absent = [...needed].filter((architecture) => !architectures.includes(architecture));
  if (absent.length > 0)
    return [
      {
        name,
        status: 'missing',
        detail: `${detail}, is for ${architectures.join(', ')}: the hosts need ${absent.join(', ')}`,
        advice: `choose instanceTypes with that CPU in the stage's settings, or delete the image in ECR and push one for ${absent.join(', ')}: ${push}`,
      },
    ];
  return [{ name, status: 'ok', detail: `${detail}, ${architectures.join(', ')}` }];
}

/** The CPU of an instance type, as images name it. Those of Graviton have a g after their generation: g5g.xlarge. */
export function architectureOf(instanceType: string): 'amd64' | 'arm64' {
  return /^[a-z]+\d+[a-z]*g[a-z]*\./.test(instanceType) ? 'arm64' : 'amd64';
}
