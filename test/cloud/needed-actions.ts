import { ACCOUNT, type IamRequest } from '../support/iam.ts';

/**
 * The permissions that a person needs on AWS; the emulators allow everything. By resource type: the actions of its CloudFormation
 * handlers that our properties need, and those for the stack's tags, which CloudFormation puts on every resource. The actions
 * are from the registry's schemas in LocalStack 2026.3.0, or else from AWS's documentation.
 */

function needs(
  service: string,
  resource: string,
  actions: string,
  context?: IamRequest['context'],
): IamRequest[] {
  return actions.split(/\s+/).map((action) => ({
    action: `${service}:${action}`,
    resource,
    ...(context !== undefined && { context }),
  }));
}

const of = (service: string, resource: string) => `arn:aws:${service}:eu-central-1:${ACCOUNT}:${resource}`;
const STACK = of('cloudformation', 'stack/chirpline-dev/5c0d');
const BUCKET = `arn:aws:s3:::chirpline-dev-${ACCOUNT}-eu-central-1`;
const OBJECT = `${BUCKET}/records/g2net/metadata.json`;
const FUNCTION = of('lambda', 'function:chirpline-dev-plan');
const MAPPING = of('lambda', 'event-source-mapping:5c0d');
const QUEUE = of('sqs', 'chirpline-dev-labels');
const TOPIC = of('sns', 'chirpline-dev-alarms');
const ALARM = of('cloudwatch', 'alarm:chirpline-dev-failed-runs');
const RULE = of('events', 'rule/chirpline-dev-JobEvents-5C0D');
const STATE_MACHINE = of('states', 'stateMachine:chirpline-dev');
const ROLE = `arn:aws:iam::${ACCOUNT}:role/chirpline-dev-HostRole-5C0D`;
const PROFILE = `arn:aws:iam::${ACCOUNT}:instance-profile/chirpline-dev-HostProfile-5C0D`;
const LOGS = [
  of('logs', 'log-group:/aws/lambda/chirpline-dev-plan'),
  of('logs', 'log-group:/chirpline/dev/training'),
];
const REPOSITORY = of('ecr', 'repository/chirpline-dev-training');
/** For actions without resource-level permissions, and for resources whose names we don't choose. */
const ANY = '*';

const passRole = (...services: string[]) =>
  services.flatMap((service) =>
    needs('iam', ROLE, 'PassRole', { 'iam:PassedToService': `${service}.amazonaws.com` }),
  );
export const BOUNDARY = { 'iam:PermissionsBoundary': `arn:aws:iam::${ACCOUNT}:policy/chirpline-boundary` };
export const HOST_RIGHTS = 'arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role';
const ec2 = (actions: string) => needs('ec2', ANY, actions);

export const BY_TYPE: Record<string, IamRequest[]> = {
  'AWS::Batch::ComputeEnvironment': [
    ...needs(
      'batch',
      of('batch', 'compute-environment/Spot-5c0d'),
      'CreateComputeEnvironment DeleteComputeEnvironment UpdateComputeEnvironment ListTagsForResource TagResource UntagResource',
    ),
    ...needs('batch', ANY, 'DescribeComputeEnvironments'),
    ...needs(
      'iam',
      `arn:aws:iam::${ACCOUNT}:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch`,
      'CreateServiceLinkedRole',
    ),
    ...passRole('batch', 'ec2'),
  ],
  'AWS::Batch::JobDefinition': [
    ...needs(
      'batch',
      of('batch', 'job-definition/chirpline-dev-training:1'),
      'DeregisterJobDefinition RegisterJobDefinition TagResource UntagResource',
    ),
    ...needs('batch', ANY, 'DescribeJobDefinitions'),
    ...passRole('ecs-tasks'),
  ],
  'AWS::Batch::JobQueue': [
    ...needs(
      'batch',
      of('batch', 'job-queue/chirpline-dev-training'),
      'CreateJobQueue DeleteJobQueue UpdateJobQueue TagResource UntagResource',
    ),
    ...needs('batch', ANY, 'DescribeJobQueues'),
  ],
  'AWS::Budgets::Budget': needs(
    'budgets',
    `arn:aws:budgets::${ACCOUNT}:budget/chirpline-dev`,
    'ListTagsForResource ModifyBudget TagResource UntagResource ViewBudget',
  ),
  'AWS::CloudWatch::Dashboard': needs(
    'cloudwatch',
    `arn:aws:cloudwatch::${ACCOUNT}:dashboard/chirpline-dev`,
    'DeleteDashboards GetDashboard PutDashboard',
  ),
  'AWS::CloudWatch::Alarm': [
    ...needs(
      'cloudwatch',
      ALARM,
      'DeleteAlarms ListTagsForResource PutMetricAlarm TagResource UntagResource',
    ),
    ...needs('cloudwatch', of('cloudwatch', 'alarm:*'), 'DescribeAlarms'),
  ],
  'AWS::EC2::InternetGateway': ec2(
    'CreateInternetGateway DeleteInternetGateway DescribeInternetGateways CreateTags DeleteTags',
  ),
  'AWS::EC2::LaunchTemplate': ec2(
    'CreateLaunchTemplate CreateLaunchTemplateVersion DeleteLaunchTemplate DescribeLaunchTemplates DescribeLaunchTemplateVersions DescribeTags ModifyLaunchTemplate CreateTags DeleteTags',
  ),
  'AWS::EC2::Route': ec2(
    'CreateRoute DeleteRoute DescribeNetworkInterfaces DescribeRouteTables ReplaceRoute',
  ),
  'AWS::EC2::RouteTable': ec2('CreateRouteTable DeleteRouteTable DescribeRouteTables CreateTags DeleteTags'),
  'AWS::EC2::SecurityGroup': ec2(
    'CreateSecurityGroup DeleteSecurityGroup DescribeInstances DescribeSecurityGroups CreateTags DeleteTags',
  ),
  // Two of them are for Fn::GetAZs.
  'AWS::EC2::Subnet': ec2(
    'CreateSubnet DeleteSubnet DescribeNetworkAcls DescribeSubnets ModifySubnetAttribute CreateTags DeleteTags DescribeAccountAttributes DescribeAvailabilityZones',
  ),
  'AWS::EC2::SubnetRouteTableAssociation': ec2(
    'AssociateRouteTable DescribeRouteTables DescribeSubnets DisassociateRouteTable ReplaceRouteTableAssociation',
  ),
  'AWS::EC2::VPC': ec2(
    'CreateVpc DeleteVpc DescribeNetworkAcls DescribeSecurityGroups DescribeVpcAttribute DescribeVpcs ModifyVpcAttribute CreateTags DeleteTags DescribeVpcEncryptionControls',
  ),
  'AWS::EC2::VPCEndpoint': ec2(
    'CreateVpcEndpoint DeleteVpcEndpoints DescribeVpcEndpoints ModifyVpcEndpoint CreateTags DeleteTags',
  ),
  'AWS::EC2::VPCGatewayAttachment': ec2(
    'AttachInternetGateway DescribeInternetGateways DescribeVpnGateways DetachInternetGateway',
  ),
  'AWS::ECR::Repository': needs(
    'ecr',
    REPOSITORY,
    'CreateRepository DeleteLifecyclePolicy DeleteRepository DescribeRepositories GetLifecyclePolicy GetRepositoryPolicy ListTagsForResource PutImageScanningConfiguration PutImageTagMutability PutLifecyclePolicy TagResource UntagResource',
  ),
  'AWS::Events::Rule': needs(
    'events',
    RULE,
    'DeleteRule DescribeRule ListTagsForResource ListTargetsByRule PutRule PutTargets RemoveTargets TagResource UntagResource',
  ),
  'AWS::IAM::InstanceProfile': [
    ...needs(
      'iam',
      PROFILE,
      'AddRoleToInstanceProfile CreateInstanceProfile DeleteInstanceProfile GetInstanceProfile RemoveRoleFromInstanceProfile',
    ),
    ...passRole('ec2'),
  ],
  'AWS::IAM::Role': [
    ...needs(
      'iam',
      ROLE,
      'DeleteRole DeleteRolePolicy DetachRolePolicy GetRole GetRolePolicy ListAttachedRolePolicies ListRolePolicies TagRole UntagRole UpdateRole',
    ),
    ...needs(
      'iam',
      ROLE,
      'CreateRole PutRolePermissionsBoundary PutRolePolicy UpdateAssumeRolePolicy',
      BOUNDARY,
    ),
    ...needs('iam', ROLE, 'AttachRolePolicy', { ...BOUNDARY, 'iam:PolicyARN': HOST_RIGHTS }),
  ],
  'AWS::Lambda::EventInvokeConfig': needs(
    'lambda',
    FUNCTION,
    'DeleteFunctionEventInvokeConfig GetFunctionEventInvokeConfig PutFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig',
  ),
  'AWS::Lambda::EventSourceMapping': [
    ...needs(
      'lambda',
      ANY,
      'CreateEventSourceMapping DeleteEventSourceMapping GetEventSourceMapping UpdateEventSourceMapping',
    ),
    ...needs('lambda', MAPPING, 'ListTags TagResource UntagResource'),
  ],
  'AWS::Lambda::Function': [
    ...needs(
      'lambda',
      FUNCTION,
      'CreateFunction DeleteFunction DeleteFunctionConcurrency GetFunction GetFunctionCodeSigningConfig GetFunctionRecursionConfig GetFunctionScalingConfig GetRuntimeManagementConfig ListTags PutFunctionConcurrency TagResource UntagResource UpdateFunctionCode UpdateFunctionConfiguration',
    ),
    ...needs('s3', OBJECT, 'GetObject'),
    ...ec2('DescribeNetworkInterfaces'),
    ...passRole('lambda'),
  ],
  'AWS::Lambda::Permission': needs('lambda', FUNCTION, 'AddPermission GetPolicy RemovePermission'),
  'AWS::Logs::LogGroup': [
    ...LOGS.flatMap((group) =>
      needs(
        'logs',
        group,
        'CreateLogGroup DeleteLogGroup DeleteRetentionPolicy GetDataProtectionPolicy ListTagsForResource PutRetentionPolicy TagResource UntagResource',
      ),
    ),
    ...needs('logs', ANY, 'DescribeIndexPolicies DescribeLogGroups'),
    ...needs('logs', ANY, 'DescribeResourcePolicies'),
  ],
  'AWS::S3::Bucket': needs(
    's3',
    BUCKET,
    'CreateBucket DeleteBucket GetAccelerateConfiguration GetAnalyticsConfiguration GetBucketAbac GetBucketAcl GetBucketCORS GetBucketLogging GetBucketMetadataTableConfiguration GetBucketNotification GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPublicAccessBlock GetBucketTagging GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration GetIntelligentTieringConfiguration GetInventoryConfiguration GetLifecycleConfiguration GetMetricsConfiguration GetReplicationConfiguration ListBucket ListTagsForResource PutBucketNotification PutBucketOwnershipControls PutBucketPublicAccessBlock PutBucketTagging PutBucketVersioning PutEncryptionConfiguration PutLifecycleConfiguration TagResource UntagResource',
  ),
  'AWS::S3::BucketPolicy': needs('s3', BUCKET, 'DeleteBucketPolicy GetBucketPolicy PutBucketPolicy'),
  'AWS::SNS::Subscription': [
    ...needs('sns', TOPIC, 'ListSubscriptionsByTopic Subscribe'),
    ...needs('sns', ANY, 'GetSubscriptionAttributes SetSubscriptionAttributes Unsubscribe'),
  ],
  'AWS::SNS::Topic': needs(
    'sns',
    TOPIC,
    'CreateTopic DeleteTopic GetDataProtectionPolicy GetTopicAttributes ListSubscriptionsByTopic ListTagsForResource SetTopicAttributes TagResource UntagResource',
  ),
  'AWS::SNS::TopicPolicy': needs('sns', TOPIC, 'GetTopicAttributes SetTopicAttributes'),
  'AWS::SQS::Queue': needs(
    'sqs',
    QUEUE,
    'CreateQueue DeleteQueue GetQueueAttributes GetQueueUrl ListQueueTags SetQueueAttributes TagQueue UntagQueue',
  ),
  'AWS::SQS::QueuePolicy': needs('sqs', QUEUE, 'SetQueueAttributes'),
  'AWS::StepFunctions::StateMachine': [
    ...needs(
      'states',
      STATE_MACHINE,
      'CreateStateMachine DeleteStateMachine DescribeStateMachine ListTagsForResource TagResource UntagResource UpdateStateMachine',
    ),
    ...passRole('states'),
  ],
};

/** For `npm run deploy` and `remove` themselves, and for removing the data of a bucket with versions. */
export const BY_SERVERLESS: IamRequest[] = [
  ...needs(
    'cloudformation',
    STACK,
    'CreateStack DeleteStack DescribeStackEvents DescribeStackResource DescribeStacks GetTemplate ListStackResources TagResource UntagResource UpdateStack UpdateTerminationProtection',
  ),
  ...needs('cloudformation', ANY, 'ValidateTemplate'),
  ...needs('s3', BUCKET, 'GetBucketLocation ListBucket ListBucketVersions'),
  ...needs('s3', OBJECT, 'DeleteObject DeleteObjectVersion GetObject PutObject'),
  // Before a stage is removed: whether it is at work.
  ...needs('states', STATE_MACHINE, 'ListExecutions'),
  ...needs('batch', ANY, 'DescribeJobs ListJobs'),
  // Before it is deployed: whether its region has the hosts.
  ...ec2('DescribeInstanceTypeOfferings'),
];

/** For `npm run container:push`. */
export const BY_PUSH: IamRequest[] = [
  ...needs('cloudformation', STACK, 'DescribeStacks'),
  ...needs(
    'ecr',
    REPOSITORY,
    'BatchCheckLayerAvailability BatchGetImage CompleteLayerUpload DescribeImages InitiateLayerUpload PutImage UploadLayerPart',
  ),
  ...needs('ecr', ANY, 'GetAuthorizationToken'),
];

/** For what `chirpline doctor` and `submit` ask AWS, but not the emulators, which have neither image nor hosts. */
export const BY_COMMANDS: IamRequest[] = [
  ...needs('batch', ANY, 'DescribeComputeEnvironments'),
  ...needs('ecr', REPOSITORY, 'BatchGetImage DescribeImages GetDownloadUrlForLayer'),
];

/** For what docs/operations.md does by hand: aws lambda invoke, aws logs tail. */
export const BY_HAND: IamRequest[] = [
  ...needs('lambda', of('lambda', 'function:chirpline-dev-train'), 'InvokeFunction'),
  ...needs('lambda', of('lambda', 'function:chirpline-dev-job'), 'InvokeFunction'),
  ...LOGS.flatMap((group) => needs('logs', group, 'FilterLogEvents')),
];
