/** Whether a stage can do its work: what `chirpline doctor --stage NAME` finds out, without changing anything. */
import { ChirplineError } from '../../core/errors.ts';
import type { Finding } from '../../core/finding.ts';
import { findStack, readStage, requireOutput } from '../deployed-stage.ts';
import { examineAlarms } from './alarms.ts';
import { type Hosts, judgeHosts, readHosts } from './hosts.ts';
import { examineFunctionQuota, examineGpuQuotas } from './quotas.ts';
import { judgeStack } from './stack.ts';
import type { StageClients } from './stage-clients.ts';
import { examineImage } from './stage-image.ts';

/**
 * A finding for each requirement; one that could not be found out doesn't hinder the others. Throws the errors of a connection
 * that fails, and of a region that isn't set.
 *
 * @param emulated whether an emulator answers, which has only some of AWS's services
 */
export async function examineStage(
  name: string,
  clients: StageClients,
  emulated: boolean,
): Promise<Finding[]> {
  const ask = (topic: string, work: () => Promise<Finding[]>) => askAws(topic, emulated, work);
  const region = await clients.cloudFormation.config.region();
  const findings: Finding[] = [{ name: 'region', status: 'ok', detail: region }];
  const stack = await findStack(name, clients.cloudFormation);
  if (stack === undefined) {
    const deploy = name === 'local' ? 'npm run local:deploy' : `npm run deploy -- --stage ${name}`;
    findings.push({ name: 'stack', status: 'missing', detail: 'not deployed', advice: deploy });
    // New accounts wait for their quotas: this is good to know before the first deployment.
    return [...findings, ...(await ask('GPU quota', () => examineGpuQuotas(clients.quotas, region)))];
  }
  const { outputs } = stack;
  findings.push(judgeStack(name, stack));
  if (!outputs.has('Bucket')) return findings;
  const { training } = readStage(name, outputs);
  const output = (key: string) => requireOutput(name, outputs, key);
  findings.push(
    ...(await ask('functions', () =>
      examineFunctionQuota(clients.quotas, region, Number(output('MapConcurrency')), name),
    )),
    ...(await ask('alarms', () => examineAlarms(clients.sns, output('AlarmTopic'), name))),
  );
  if (training === undefined)
    return [
      ...findings,
      { name: 'training', status: 'ok', detail: 'off: the stage only preprocesses (setting training)' },
    ];
  let hosts: Hosts | undefined;
  findings.push(
    ...(await ask('hosts', async () => {
      hosts = await readHosts(clients.batch, training.queue);
      return judgeHosts(hosts, name);
    })),
    ...(await ask('GPU quota', () => examineGpuQuotas(clients.quotas, region, Number(output('JobVcpus'))))),
    ...(await ask('image', () => examineImage(clients.ecr, name, training.image, hosts?.instanceTypes))),
  );
  return findings;
}

/** The findings of `work`; or, if AWS refused its requests or answered in an unknown way, one that says so. */
async function askAws(name: string, emulated: boolean, work: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ChirplineError) return [{ name, status: 'missing', detail: error.message }];
    if (!(error instanceof Error) || !('$metadata' in error)) throw error;
    if (emulated)
      return [{ name, status: 'unknown', detail: `not answered by this emulator (${error.name})` }];
    const detail = `AWS returned ${error.name}: ${error.message}`;
    if (!/^AccessDenied/.test(error.name)) return [{ name, status: 'missing', detail }];
    const advice = 'ask for the permissions in infra/user-policy.json';
    return [{ name, status: 'missing', detail, advice }];
  }
}
