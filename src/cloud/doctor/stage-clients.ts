import { BatchClient } from '@aws-sdk/client-batch';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { ECRClient } from '@aws-sdk/client-ecr';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { SNSClient } from '@aws-sdk/client-sns';
import { CONNECTION } from '../connection.ts';

export interface StageClients {
  cloudFormation: CloudFormationClient;
  batch: BatchClient;
  ecr: ECRClient;
  quotas: ServiceQuotasClient;
  sns: SNSClient;
}

export function openStageClients(): StageClients {
  return {
    cloudFormation: new CloudFormationClient(CONNECTION),
    batch: new BatchClient(CONNECTION),
    ecr: new ECRClient(CONNECTION),
    quotas: new ServiceQuotasClient(CONNECTION),
    sns: new SNSClient(CONNECTION),
  };
}
