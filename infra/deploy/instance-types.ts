/** Which instance types a region has. One request is not worth EC2's client, which is larger than all others together. */
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { SignatureV4 } from '@smithy/signature-v4';
import { request } from '../../src/cloud/request.ts';
import { MachineError } from '../../src/core/errors.ts';

/** Those of `types` that can be had in the region. Throws MachineError when EC2 doesn't tell. */
export async function findInstanceTypes(types: readonly string[], region: string): Promise<string[]> {
  const client = new CloudFormationClient({ region });
  const { credentials, sha256 } = client.config;
  const form = new URLSearchParams({
    Action: 'DescribeInstanceTypeOfferings',
    Version: '2016-11-15',
    'Filter.1.Name': 'instance-type',
  });
  for (const [index, type] of types.entries()) form.set(`Filter.1.Value.${index + 1}`, type);
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const url = new URL(process.env.AWS_ENDPOINT_URL ?? `https://ec2.${region}.${suffix}`);
  const signer = new SignatureV4({ service: 'ec2', region, credentials, sha256 });
  const unsigned = {
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    ...(url.port !== '' && { port: Number(url.port) }),
    path: '/',
    query: {},
    headers: { host: url.host, 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  };
  const { method, headers, body } = await signer.sign(unsigned);
  client.destroy();
  const answer = await request(url, 'EC2', { method, headers, body });
  const text = await answer.text();
  if (!answer.ok) {
    const reason = /<Message>([^<]*)/.exec(text)?.[1] ?? `status ${answer.status}`;
    throw new MachineError(`EC2 doesn't tell the instance types of ${region}: ${reason}`);
  }
  return [...text.matchAll(/<instanceType>([^<]+)<\/instanceType>/g)].map(([, type]) => type!);
}
