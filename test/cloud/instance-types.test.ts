import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { findInstanceTypes } from '../../infra/deploy/instance-types.ts';
import { MachineError } from '../../src/core/errors.ts';
import { setEnvironment } from '../support/emulator.ts';

/** EC2, which answers with this status and text. Returns what it was asked. */
async function startEc2(t: TestContext, status: number, answer: string): Promise<string[]> {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    asked.push(`${request.method} ${request.headers.authorization} ${await text(request)}`);
    response.writeHead(status).end(answer);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  t.after(
    setEnvironment({
      AWS_ENDPOINT_URL: `http://127.0.0.1:${address.port}`,
      AWS_ACCESS_KEY_ID: 'KEY',
      AWS_SECRET_ACCESS_KEY: 'secret',
    }),
  );
  return asked;
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html
const ANSWER = `<DescribeInstanceTypeOfferingsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <requestId>5c0d</requestId>
    <instanceTypeOfferingSet>
        <item><instanceType>g4dn.xlarge</instanceType><location>eu-south-1</location><locationType>region</locationType></item>
    </instanceTypeOfferingSet>
</DescribeInstanceTypeOfferingsResponse>`;

test('EC2 is asked, with a signature, which of the types a region has', async (t) => {
  const asked = await startEc2(t, 200, ANSWER);
  assert.deepEqual(await findInstanceTypes(['g4dn.xlarge', 'g5.xlarge'], 'eu-south-1'), ['g4dn.xlarge']);
  assert.match(
    asked[0]!,
    /^POST AWS4-HMAC-SHA256 Credential=KEY\/\d{8}\/eu-south-1\/ec2\/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, Signature=[0-9a-f]{64} Action=DescribeInstanceTypeOfferings&Version=2016-11-15&Filter\.1\.Name=instance-type&Filter\.1\.Value\.1=g4dn\.xlarge&Filter\.1\.Value\.2=g5\.xlarge$/,
  );
});

test("EC2's refusal is told", async (t) => {
  await startEc2(
    t,
    403,
    '<Response><Errors><Error><Message>You are not authorized</Message></Error></Errors></Response>',
  );
  await assert.rejects(
    findInstanceTypes(['g5.xlarge'], 'eu-south-1'),
    new MachineError("EC2 doesn't tell the instance types of eu-south-1: You are not authorized"),
  );
});
