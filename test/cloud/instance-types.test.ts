import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findInstanceTypes } from '../../infra/deploy/instance-types.ts';
import { MachineError } from '../../src/core/errors.ts';
import { setEnvironment } from '../support/emulator.ts';
import { startFakeAws } from '../support/fake-aws.ts';

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html
const ANSWER = `<DescribeInstanceTypeOfferingsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <requestId>5c0d</requestId>
    <instanceTypeOfferingSet>
        <item><instanceType>g4dn.xlarge</instanceType><location>eu-south-1</location><locationType>region</locationType></item>
    </instanceTypeOfferingSet>
</DescribeInstanceTypeOfferingsResponse>`;

test('EC2 is asked, with a signature, which of the types a region has', async (t) => {
  const { env, requests } = await startFakeAws(t, { DescribeInstanceTypeOfferings: () => ANSWER });
  t.after(setEnvironment(env));
  assert.deepEqual(await findInstanceTypes(['g4dn.xlarge', 'g5.xlarge'], 'eu-south-1'), ['g4dn.xlarge']);
  assert.match(
    requests[0]!.authorization,
    /^AWS4-HMAC-SHA256 Credential=KEY\/\d{8}\/eu-south-1\/ec2\/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, Signature=[0-9a-f]{64}$/,
  );
  assert.equal(
    requests[0]!.body,
    'Action=DescribeInstanceTypeOfferings&Version=2016-11-15&Filter.1.Name=instance-type&Filter.1.Value.1=g4dn.xlarge&Filter.1.Value.2=g5.xlarge',
  );
});

test("EC2's refusal is told", async (t) => {
  const DescribeInstanceTypeOfferings = () =>
    '<Response><Errors><Error><Message>You are not authorized</Message></Error></Errors></Response>';
  const { env } = await startFakeAws(t, { DescribeInstanceTypeOfferings });
  t.after(setEnvironment(env));
  await assert.rejects(
    findInstanceTypes(['g5.xlarge'], 'eu-south-1'),
    new MachineError("EC2 doesn't tell the instance types of eu-south-1: You are not authorized"),
  );
});

test('EC2 that cannot be reached is told in one line', async (t) => {
  t.after(
    setEnvironment({
      AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
    }),
  );
  await assert.rejects(
    findInstanceTypes(['g5.xlarge'], 'eu-south-1'),
    /^MachineError: EC2 can't be reached \(.+\)\. Check the network$/,
  );
});
