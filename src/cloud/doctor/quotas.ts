import { GetServiceQuotaCommand, type ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import type { Finding } from '../../core/finding.ts';

interface Quota {
  service: string;
  code: string;
}

/** Quotas of vCPUs: All G and VT Spot Instance Requests; Running On-Demand G and VT instances. */
const GPU: Record<'spot' | 'on demand', Quota> = {
  spot: { service: 'ec2', code: 'L-3819A6DF' },
  'on demand': { service: 'ec2', code: 'L-DB2E81BA' },
};
/** Concurrent executions. */
const FUNCTIONS: Quota = { service: 'lambda', code: 'L-B99A9384' };

async function readQuota(client: ServiceQuotasClient, { service, code }: Quota): Promise<number> {
  const { Quota } = await client.send(new GetServiceQuotaCommand({ ServiceCode: service, QuotaCode: code }));
  return Quota?.Value ?? 0;
}

const request = ({ service, code }: Quota, region: string, wanted: number) =>
  `aws service-quotas request-service-quota-increase --region ${region} --service-code ${service} --quota-code ${code} --desired-value ${wanted}`;

/** The account's vCPUs of GPU hosts. */
export type GpuQuotas = Record<keyof typeof GPU, number>;

export async function readGpuQuotas(client: ServiceQuotasClient): Promise<GpuQuotas> {
  const [spot, onDemand] = await Promise.all([
    readQuota(client, GPU.spot),
    readQuota(client, GPU['on demand']),
  ]);
  return { spot, 'on demand': onDemand };
}

/** Jobs run on spot hosts, or else on those on demand: one of the two quotas is enough. @param needed vCPUs of a job */
export async function examineGpuQuotas(
  client: ServiceQuotasClient,
  region: string,
  needed = 4,
): Promise<Finding[]> {
  const quotas = await readGpuQuotas(client);
  const kinds = Object.keys(GPU) as (keyof typeof GPU)[];
  const short = kinds.every((kind) => quotas[kind] < needed) ? 'missing' : 'warn';
  return kinds.map((kind) => {
    const jobs = Math.floor(quotas[kind] / needed);
    const name = `GPU quota, ${kind}`;
    const detail = `${quotas[kind]} vCPUs, ${needed} for each job`;
    return jobs > 0
      ? { name, status: 'ok', detail: `${detail}: ${jobs} at once` }
      : { name, status: short, detail, advice: request(GPU[kind], region, needed) };
  });
}

/** Whether the account runs as many functions at once as a run starts. */
export async function examineFunctionQuota(
  client: ServiceQuotasClient,
  region: string,
  mapConcurrency: number,
  stage: string,
): Promise<Finding[]> {
  const limit = await readQuota(client, FUNCTIONS);
  const name = 'functions';
  const detail = `the account runs ${limit} at once, mapConcurrency is ${mapConcurrency}`;
  if (limit > mapConcurrency) return [{ name, status: 'ok', detail }];
  const advice = `lower mapConcurrency in infra/stages/${stage}.yml, or ${request(FUNCTIONS, region, 1000)}`;
  return [{ name, status: 'warn', detail, advice }];
}
