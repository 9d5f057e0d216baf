import { ListSubscriptionsByTopicCommand, type SNSClient, type Subscription } from '@aws-sdk/client-sns';
import type { Finding } from '../../core/finding.ts';

/** Whether somebody gets the alarms. */
export async function examineAlarms(client: SNSClient, topic: string, stage: string): Promise<Finding[]> {
  const found: Subscription[] = [];
  let nextToken: string | undefined;
  do {
    const page = await client.send(
      new ListSubscriptionsByTopicCommand({ TopicArn: topic, NextToken: nextToken }),
    );
    found.push(...(page.Subscriptions ?? []));
    nextToken = page.NextToken;
  } while (nextToken !== undefined);
  const name = 'alarms';
  if (found.length === 0)
    return [
      {
        name,
        status: 'warn',
        detail: 'nobody gets them',
        advice: `set alarmEmail in infra/stages/${stage}.yml and deploy`,
      },
    ];
  return found.map(({ Endpoint = '', SubscriptionArn }) =>
    SubscriptionArn === PENDING
      ? {
          name,
          status: 'warn',
          detail: `${Endpoint} has not confirmed its address, so it gets none`,
          advice: "follow the link in AWS's mail; deploy again for a new mail after three days",
        }
      : { name, status: 'ok', detail: Endpoint },
  );
}

/** In place of an ARN. */
const PENDING = 'PendingConfirmation';
