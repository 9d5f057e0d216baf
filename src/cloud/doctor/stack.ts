import type { Finding } from '../../core/finding.ts';
import type { Stack } from '../deployed-stage.ts';

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html */
export function judgeStack(stage: string, { status, reason, deployed, outputs }: Stack): Finding {
  const name = 'stack';
  const since = deployed === undefined ? '' : ` since ${deployed.toISOString()}`;
  const detail = `${status}${since}${reason === undefined ? '' : `: ${reason}`}`;
  const deploy = `npm run deploy -- --stage ${stage}`;
  if (status.endsWith('_IN_PROGRESS'))
    return { name, status: 'warn', detail, advice: 'it is being changed: wait for the end' };
  if (status === 'CREATE_COMPLETE' || status === 'UPDATE_COMPLETE')
    return outputs.has('AlarmTopic')
      ? { name, status: 'ok', detail }
      : { name, status: 'missing', detail: `${detail}, by another version of chirpline`, advice: deploy };
  if (status === 'UPDATE_ROLLBACK_COMPLETE')
    return {
      name,
      status: 'warn',
      detail,
      advice: `the last deployment failed, the one before it works. The stack's events say why; then ${deploy}`,
    };
  if (status === 'UPDATE_ROLLBACK_FAILED')
    return {
      name,
      status: 'missing',
      detail,
      advice: `aws cloudformation continue-update-rollback --stack-name chirpline-${stage}, then ${deploy}`,
    };
  return {
    name,
    status: 'missing',
    detail,
    advice: `the stack's events say what failed. Clear it away, then deploy again: npm run remove -- --stage ${stage}`,
  };
}
