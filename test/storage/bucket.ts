import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

/** Creates a bucket in the emulator named by the environment. */
export async function makeBucket(bucket: string): Promise<void> {
  const client = new S3Client({ forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
}
