import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { locateDataset } from '../../src/cloud/dataset.ts';
import { readVariables } from '../../src/core/setting.ts';
import { SOFTWARE } from '../../src/core/software.ts';
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { PREPROCESS_DEFAULTS, PREPROCESS_SETTINGS } from '../../src/preprocess/preprocess-settings.ts';
import { scratch } from '../support/fixtures.ts';
import { BY_TYPE } from './needed-actions.ts';
import { packageStage, packageWith, ROOT, runPackage, type Template } from './package.ts';

const ZIP_LIMIT = 3_000_000;

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: unknown;
}

/** Statements that are too broad: with any wildcard in an action, or for all resources. */
function broadStatements(template: Template): string[] {
  const broad: string[] = [];
  for (const [name, statement] of statements(template)) {
    if (statement.Effect !== 'Allow') continue;
    if ([statement.Action].flat().some((action) => action.includes('*')))
      broad.push(`${name}: ${statement.Action}`);
    // AWS knows no resources for these: the token is the right, or something is only read.
    const isWhole = [statement.Action]
      .flat()
      .every((action) => /^states:SendTask|^servicequotas:Get|^batch:Describe/.test(action));
    if (!isWhole && [statement.Resource].flat().some((resource) => resource === '*'))
      broad.push(`${name}: Resource *`);
  }
  return broad;
}

function* statements({ Resources }: Template): Generator<[string, Statement]> {
  for (const [name, { Type, Properties }] of Object.entries(Resources)) {
    if (Type !== 'AWS::IAM::Role') continue;
    for (const { PolicyDocument } of (Properties.Policies ?? []) as {
      PolicyDocument: { Statement: Statement[] };
    }[]) {
      for (const statement of PolicyDocument.Statement) yield [name, statement];
    }
  }
}

const STAGES = ['local', 'dev', 'prod'];
/** Stages that exist only here. */
const OPTIONS = `options${process.pid}`;
const OWN_BUCKET = `bucket${process.pid}`;

/** All resources that must exist before this one, and so outlive it: by references and by DependsOn. */
function prerequisites({ Resources }: Template, name: string, found = new Set<string>()): Set<string> {
  const { DependsOn = [], Properties } = Resources[name]!;
  const text = JSON.stringify(Properties ?? {});
  const referred = [...text.matchAll(/"Ref":"(\w+)"|"Fn::GetAtt":\["(\w+)"/g)].map(
    ([, ref, att]) => ref ?? att!,
  );
  for (const other of [DependsOn, referred].flat()) {
    if (found.has(other) || Resources[other] === undefined) continue;
    found.add(other);
    prerequisites({ Resources } as Template, other, found);
  }
  return found;
}

for (const stage of STAGES) {
  describe(`the package of stage ${stage}`, () => {
    let folder: string;
    let template: Template;
    const of = (type: string) => Object.values(template.Resources).filter(({ Type }) => Type === type);

    before(() => {
      ({ folder, template } = packageStage(stage));
    });

    test('the settings of preprocessing are accepted, and those of dev and prod are the defaults', () => {
      const { Environment } = template.Resources.PlanLambdaFunction!.Properties as unknown as {
        Environment: { Variables: Record<string, unknown> };
      };
      const texts = Object.entries(Environment.Variables).map(([name, value]) => [name, String(value)]);
      const settings = readVariables(PREPROCESS_SETTINGS, Object.fromEntries(texts));
      if (stage !== 'local') assert.deepEqual(settings, PREPROCESS_DEFAULTS);
    });

    test('allows no role a wildcard of actions, or all resources', () => {
      assert.deepEqual(broadStatements(template), []);
      assert.ok([...statements(template)].length > 20);
    });

    test('gives each function its own role', () => {
      const roles = of('AWS::Lambda::Function').map(({ Properties }) => JSON.stringify(Properties.Role));
      assert.equal(roles.length, 9);
      assert.equal(new Set(roles).size, roles.length);
    });

    test('lets no function create its log group, which would outlive the stack', () => {
      const roles = of('AWS::Lambda::Function').map(
        ({ Properties }) => (Properties.Role as unknown as { 'Fn::GetAtt': [string] })['Fn::GetAtt'][0],
      );
      for (const role of roles) {
        const denied = [...statements(template)].filter(
          ([name, { Effect, Action }]) =>
            name === role && Effect === 'Deny' && String(Action) === 'logs:CreateLogGroup',
        );
        assert.deepEqual(
          denied.map(([, { Resource }]) => Resource),
          ['*'],
          role,
        );
      }
    });

    test('names the bucket by stage, account and region', () => {
      const name = { 'Fn::Sub': `chirpline-${stage}-\${AWS::AccountId}-\${AWS::Region}` };
      assert.deepEqual(template.Resources.Bucket!.Properties.BucketName, name);
      // All rights are for this bucket, except that the Serverless Framework has its own.
      const { ServerlessDeploymentBucketPolicy, ...own } = template.Resources;
      assert.ok(ServerlessDeploymentBucketPolicy);
      const arns = [...JSON.stringify(own).matchAll(/:s3:::([^"/]*)/g)].map(([, bucket]) => bucket);
      assert.ok(arns.length > 20);
      assert.deepEqual([...new Set(arns)], [name['Fn::Sub']]);
    });

    test('removes the hosts, which have public addresses, before anything of their network', () => {
      const network = Object.entries(template.Resources)
        .filter(([, { Type }]) => Type.startsWith('AWS::EC2::') && Type !== 'AWS::EC2::LaunchTemplate')
        .map(([name]) => name);
      assert.ok(network.length > 8);
      for (const hosts of ['Spot', 'OnDemand']) {
        const before = prerequisites(template, hosts);
        assert.deepEqual(
          network.filter((name) => !before.has(name)),
          [],
          hosts,
        );
      }
    });

    test('has zips below 3 MB, with the SDK and without TensorFlow', () => {
      const zips = readdirSync(folder).filter((name) => name.endsWith('.zip'));
      assert.equal(zips.length, 9);
      for (const zip of zips) {
        assert.ok(statSync(join(folder, zip)).size < ZIP_LIMIT, zip);
        const code = spawnSync('python3', ['-c', UNZIP, join(folder, zip)], {
          encoding: 'utf8',
          maxBuffer: 1 << 28,
        }).stdout;
        assert.match(code, /aws-sdk/, zip);
        // The state machine decides by error names whether to retry.
        if (zip === 'plan.zip') assert.match(code, /"ConflictError"/);
        assert.doesNotMatch(code, /tfjs|tensorflow\/core/i, zip);
        // An import that remains in the bundle would fail: a function has no node_modules.
        const imports = [...code.matchAll(/^import [^;]*? from\s*"([^"]+)"/gm)].map(([, name]) => name!);
        assert.deepEqual(
          imports.filter((name) => !name.startsWith('node:') && !BUILT_IN.has(name)),
          [],
          zip,
        );
      }
    });

    test('keeps the bucket private and encrypted, and allows only encrypted transport', () => {
      const [bucket] = of('AWS::S3::Bucket').slice(-1);
      assert.ok(bucket?.Properties.BucketEncryption);
      assert.deepEqual(bucket.Properties.PublicAccessBlockConfiguration, {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
      const policy = JSON.stringify(template.Resources.BucketPolicy);
      assert.match(policy, /"Effect":"Deny".*aws:SecureTransport/);
    });

    test('keeps the bucket when the stack is deleted, except after a failed first deployment', () => {
      const { DeletionPolicy, UpdateReplacePolicy } = template.Resources.Bucket!;
      assert.deepEqual([DeletionPolicy, UpdateReplacePolicy], ['RetainExceptOnCreate', 'Retain']);
    });

    test('removes old checkpoints at the location that jobs use, and incomplete uploads', () => {
      const { Rules } = template.Resources.Bucket!.Properties.LifecycleConfiguration as unknown as {
        Rules: { Prefix?: string; ExpirationInDays?: number; AbortIncompleteMultipartUpload?: object }[];
      };
      const expiring = Rules.filter(({ ExpirationInDays }) => ExpirationInDays !== undefined);
      const { checkpoints } = locateDataset('bucket', 'tiny');
      assert.deepEqual(
        expiring.map(({ Prefix }) => checkpoints.startsWith(`s3://bucket/${Prefix}`)),
        [true],
      );
      assert.ok(Rules.some((rule) => rule.AbortIncompleteMultipartUpload !== undefined));
      // A job that waits for a host is cancelled before its checkpoints expire.
      const { JobStateTimeLimitActions: limits } = template.Resources.TrainingQueue!
        .Properties as unknown as {
        JobStateTimeLimitActions: { MaxTimeSeconds: number }[];
      };
      const waiting = Math.max(...limits.map(({ MaxTimeSeconds }) => MaxTimeSeconds));
      assert.ok(waiting < expiring[0]!.ExpirationInDays! * 86_400);
    });

    test('sends events only for raw/, so outputs trigger nothing', () => {
      const configuration = JSON.stringify(template.Resources.Bucket?.Properties.NotificationConfiguration);
      const prefixes = [...configuration.matchAll(/"Name":"prefix","Value":"([^"]+)"/g)].map(
        ([, value]) => value,
      );
      assert.equal(prefixes.length, 4);
      assert.ok(prefixes.every((prefix) => prefix === 'raw/'));
    });

    test('gives every queue a dead-letter queue, and each of these an alarm', () => {
      const queues = of('AWS::SQS::Queue').filter(
        ({ Properties }) => !JSON.stringify(Properties.QueueName).includes('-dead'),
      );
      assert.equal(queues.length, 2);
      // AWS's advice: throttled calls of the function count, too. Stage local waits less.
      const tries = stage === 'local' ? 2 : 5;
      for (const { Properties } of queues)
        assert.ok(
          Number((Properties.RedrivePolicy as unknown as { maxReceiveCount: number }).maxReceiveCount) >=
            tries,
        );
      const alarms = of('AWS::CloudWatch::Alarm').map(({ Properties }) =>
        JSON.stringify(Properties.Dimensions),
      );
      for (const [name, { Type, Properties }] of Object.entries(template.Resources)) {
        if (Type !== 'AWS::SQS::Queue' || !JSON.stringify(Properties.QueueName).includes('-dead')) continue;
        assert.equal(alarms.filter((dimensions) => dimensions.includes(name)).length, 1, name);
      }
    });

    test('loses no event of a training job, and lets only its rule and its function send dead letters', () => {
      const { JobEvents, JobInvocations, JobDeadLettersPolicy } = template.Resources;
      const queue = { 'Fn::GetAtt': ['JobDeadLetters', 'Arn'] };
      const [target] = JobEvents!.Properties.Targets as unknown as { DeadLetterConfig: unknown }[];
      assert.deepEqual(target!.DeadLetterConfig, { Arn: queue });
      assert.deepEqual(JobInvocations!.Properties.DestinationConfig, { OnFailure: { Destination: queue } });
      assert.deepEqual(JobInvocations!.Properties.FunctionName, { Ref: 'JobLambdaFunction' });
      const { Statement: allowed } = JobDeadLettersPolicy!.Properties.PolicyDocument as unknown as {
        Statement: { Principal: unknown; Condition: unknown }[];
      };
      assert.deepEqual(
        allowed.map(({ Principal, Condition }) => [Principal, Condition]),
        [
          [
            { Service: 'events.amazonaws.com' },
            { ArnEquals: { 'aws:SourceArn': { 'Fn::GetAtt': ['JobEvents', 'Arn'] } } },
          ],
        ],
      );
      const senders = [...statements(template)].filter(([, { Action }]) =>
        [Action].flat().includes('sqs:SendMessage'),
      );
      assert.deepEqual(
        senders.map(([name, { Resource }]) => [name, Resource]),
        [['JobIamRoleLambdaExecution', queue]],
      );
    });

    test('has an alarm for failed runs and one for runs that take too long', () => {
      const metrics = of('AWS::CloudWatch::Alarm').map(({ Properties }) => String(Properties.MetricName));
      for (const metric of ['ExecutionsFailed', 'ExecutionsTimedOut']) {
        assert.equal(metrics.filter((name) => name === metric).length, 1, metric);
      }
    });

    test('gives hosts a disk large enough for image and shards, and jobs the region', () => {
      const { HostTemplate, TrainingJob, Spot, OnDemand } = template.Resources;
      const { LaunchTemplateData: data } = HostTemplate!.Properties as unknown as {
        LaunchTemplateData: {
          BlockDeviceMappings: { DeviceName: string; Ebs: { VolumeSize: number; Encrypted: boolean } }[];
          MetadataOptions: { HttpTokens: string };
        };
      };
      const [disk] = data.BlockDeviceMappings;
      assert.equal(disk!.DeviceName, '/dev/xvda');
      assert.equal(disk!.Ebs.Encrypted, true);
      const { ContainerProperties: container } = TrainingJob!.Properties as unknown as {
        ContainerProperties: { Environment: { Name: string; Value: unknown }[] };
      };
      // The whole dataset in float32, the image (6 GB), and the system.
      const shards = (560_000 * SAMPLE_SIZE * 4) / 1e9;
      assert.ok(disk!.Ebs.VolumeSize > shards + 6 + 30, `${disk!.Ebs.VolumeSize} GB`);
      assert.equal(data.MetadataOptions.HttpTokens, 'required');
      for (const environment of [Spot, OnDemand]) {
        const { ComputeResources: hosts } = environment!.Properties as unknown as {
          ComputeResources: { LaunchTemplate: unknown };
        };
        // With the version, so that a change of the template replaces the environments.
        assert.deepEqual(hosts.LaunchTemplate, {
          LaunchTemplateId: { Ref: 'HostTemplate' },
          Version: { 'Fn::GetAtt': ['HostTemplate', 'LatestVersionNumber'] },
        });
      }
      assert.deepEqual(container.Environment, [
        { Name: 'AWS_REGION', Value: { Ref: 'AWS::Region' } },
        { Name: 'DEVICE', Value: 'gpu' },
      ]);
    });

    test("starts hosts with the script of infra/host/, and retries only what is AWS's doing", () => {
      const { HostTemplate, TrainingJob } = template.Resources;
      const { LaunchTemplateData: data } = HostTemplate!.Properties as unknown as {
        LaunchTemplateData: { UserData: unknown };
      };
      const script = readFileSync(join(ROOT, 'infra/host/user-data.txt'), 'utf8');
      assert.deepEqual(data.UserData, { 'Fn::Base64': script });
      const { EvaluateOnExit: rules } = TrainingJob!.Properties.RetryStrategy as unknown as {
        EvaluateOnExit: { Action: string }[];
      };
      assert.deepEqual(
        rules.map(({ Action, ...rule }) => [Action, rule]),
        [
          ['RETRY', { OnStatusReason: 'Host EC2*' }],
          ['RETRY', { OnExitCode: '75' }],
          ['RETRY', { OnReason: 'AGENT' }],
          ['RETRY', { OnStatusReason: 'Task failed to start*' }],
          ['EXIT', { OnReason: '*' }],
        ],
      );
    });

    test("names the image by version and commit in the stage's own repository, which scans images and forgets old ones", () => {
      const { ImageRepository, TrainingJob, TrainLambdaFunction } = template.Resources;
      const commit = spawnSync('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: ROOT, encoding: 'utf8' });
      const image = {
        'Fn::Sub': `\${AWS::AccountId}.dkr.ecr.\${AWS::Region}.\${AWS::URLSuffix}/chirpline-${stage}-training:${SOFTWARE.version}-${commit.stdout.trim()}`,
      };
      const { Image } = TrainingJob!.Properties.ContainerProperties as unknown as { Image: object };
      assert.deepEqual(Image, { 'Fn::If': ['OwnImage', image, ''] });
      const { Variables } = TrainLambdaFunction!.Properties.Environment as unknown as {
        Variables: { IMAGE: object };
      };
      assert.deepEqual(Variables.IMAGE, { 'Fn::If': ['StageImage', image, { Ref: 'AWS::NoValue' }] });
      assert.deepEqual(template.Outputs.TrainingImage, { Condition: 'StageImage', Value: image });
      const { RepositoryName, ImageTagMutability, ImageScanningConfiguration, LifecyclePolicy } =
        ImageRepository!.Properties as Record<string, unknown>;
      assert.deepEqual(
        [RepositoryName, ImageTagMutability, ImageScanningConfiguration],
        [`chirpline-${stage}-training`, 'IMMUTABLE', { ScanOnPush: true }],
      );
      const { rules } = JSON.parse((LifecyclePolicy as { LifecyclePolicyText: string }).LifecyclePolicyText);
      assert.deepEqual(
        rules.map(({ action, selection }: { action: object; selection: { countNumber: number } }) => [
          action,
          selection.countNumber,
        ]),
        [[{ type: 'expire' }, 5]],
      );
    });

    test('sends an alarm when AWS says that jobs wait in vain or have failed, and lets AWS send it', () => {
      const { BlockedJobs, FailedJobs, AlarmTopicPolicy, TrainingQueue } = template.Resources;
      for (const [rule, type] of [
        [BlockedJobs, 'Batch Job Queue Blocked'],
        [FailedJobs, 'Batch Job State Change'],
      ] as const) {
        const { EventPattern, Targets } = rule!.Properties as unknown as {
          EventPattern: Record<string, unknown>;
          Targets: { Arn: unknown }[];
        };
        assert.deepEqual(EventPattern['detail-type'], [type]);
        assert.match(
          JSON.stringify(EventPattern),
          new RegExp(`:job-queue/${TrainingQueue!.Properties.JobQueueName}"`),
        );
        assert.deepEqual(
          Targets.map(({ Arn }) => Arn),
          [{ Ref: 'AlarmTopic' }],
        );
      }
      const { Statement: allowed } = AlarmTopicPolicy!.Properties.PolicyDocument as unknown as {
        Statement: { Principal: { Service: string }; Action: string }[];
      };
      assert.deepEqual(
        allowed.map(({ Principal, Action }) => [Principal.Service, Action]),
        [
          ['cloudwatch.amazonaws.com', 'sns:Publish'],
          ['events.amazonaws.com', 'sns:Publish'],
        ],
      );
    });

    test('creates no resources locally that the emulator refuses', () => {
      for (const [name, { Type, Condition }] of Object.entries(template.Resources)) {
        if (/^AWS::(Batch|EC2)::/.test(Type)) assert.equal(Condition, 'RealBatch', name);
        if (Type === 'AWS::ECR::Repository') assert.equal(Condition, 'StageImage', name);
      }
    });

    test('keeps logs for a limited time', () => {
      const groups = of('AWS::Logs::LogGroup');
      assert.equal(groups.length, 10);
      for (const { Properties } of groups) assert.ok(Number(Properties.RetentionInDays) > 0);
    });
  });
}

test('the stage local is refused without an endpoint, so that it never goes to a real account', (t) => {
  const { status, stdout, stderr } = runPackage('local', scratch(t), {
    AWS_ENDPOINT_URL: undefined,
    CHIRPLINE_AGENT: 'http://127.0.0.1:4570/secret',
  });
  assert.notEqual(status, 0);
  assert.match(stdout + stderr, /custom\.settings\.endpoint.*not found at "env"/);
});

test('no region is assumed', (t) => {
  const region = { AWS_REGION: undefined, AWS_DEFAULT_REGION: 'eu-central-1' };
  const { status, stdout, stderr } = runPackage('dev', scratch(t), region);
  assert.notEqual(status, 0);
  assert.match(stdout + stderr, /provider\.region.*not found at "env"/s);
});

test('only prod is protected against removal, and only local has another Batch', () => {
  const read = (stage: string) => {
    const { folder, template } = packageStage(stage);
    const { service } = JSON.parse(readFileSync(join(folder, 'serverless-state.json'), 'utf8'));
    return [service.provider.deletionProtection, template.Conditions.RealBatch];
  };
  const given = (training: string) => ({ 'Fn::Equals': [training, 'on'] });
  assert.deepEqual(read('prod'), [true, given('on')]);
  assert.deepEqual(read('dev'), [false, given('on')]);
  assert.deepEqual(read('local'), [null, given('agent')]);
});

test('only the local function that submits jobs has the address of the job agent', () => {
  const variable = (stage: string) => {
    const { Properties } = packageStage(stage).template.Resources.TrainLambdaFunction!;
    const { Variables } = Properties.Environment as unknown as { Variables: Record<string, unknown> };
    return Variables.AWS_ENDPOINT_URL_BATCH;
  };
  assert.equal(variable('local'), 'http://127.0.0.1:4570/secret');
  for (const stage of ['dev', 'prod']) assert.deepEqual(variable(stage), { Ref: 'AWS::NoValue' });
});

describe('the package of a stage with all options', () => {
  let template: Template;
  before(() => {
    ({ template } = packageWith(OPTIONS, {
      rawArchiveDays: '30',
      alarmEmail: 'team@example.org',
      dashboard: "'on'",
      budget: "'on'",
      monthlyBudget: '250',
      network: 'own',
      vpc: 'vpc-0a1b2c3d',
      subnets: '[subnet-0a1b2c3d, subnet-4e5f6a7b]',
    }));
  });

  test('moves raw samples, and nothing else, to a cheaper storage class', () => {
    const rule = ({ Resources }: Template) =>
      (Resources.Bucket!.Properties.LifecycleConfiguration as unknown as { Rules: object[] }).Rules.at(-1);
    const Transitions = [{ StorageClass: 'GLACIER_IR', TransitionInDays: 30 }];
    const made = { Id: 'raw', Status: 'Enabled', Prefix: 'raw/', Transitions };
    assert.deepEqual(rule(template), { 'Fn::If': ['ArchiveRaw', made, { Ref: 'AWS::NoValue' }] });
    const condition = (days: unknown) => ({ 'Fn::Not': [{ 'Fn::Equals': [days, ''] }] });
    assert.deepEqual(template.Conditions.ArchiveRaw, condition(30));
    assert.deepEqual(packageStage('dev').template.Conditions.ArchiveRaw, condition(''));
  });

  test('has a dashboard of metrics that exist', () => {
    const body = (template.Resources.Dashboard!.Properties.DashboardBody as unknown as { 'Fn::Sub': string })[
      'Fn::Sub'
    ];
    const names = [...body.matchAll(/\$\{(\w+)[.}]/g)].map(([, name]) => name!);
    assert.equal(names.length, 8);
    for (const name of names) assert.ok(template.Resources[name], name);
    const { widgets } = JSON.parse(body) as { widgets: { properties: { title: string } }[] };
    assert.equal(widgets.length, 4);
  });

  test('has a budget that mails to the address of the alarms', () => {
    const { Budget, NotificationsWithSubscribers } = template.Resources.MonthlyBudget!
      .Properties as unknown as {
      Budget: { BudgetLimit: object; CostFilters: object };
      NotificationsWithSubscribers: { Subscribers: object[] }[];
    };
    assert.deepEqual(Budget.BudgetLimit, { Amount: 250, Unit: 'USD' });
    assert.deepEqual(Budget.CostFilters, { TagKeyValue: ['user:application$chirpline'] });
    for (const { Subscribers } of NotificationsWithSubscribers)
      assert.deepEqual(Subscribers, [{ SubscriptionType: 'EMAIL', Address: 'team@example.org' }]);
  });

  test('has its hosts in the subnets of the user, and no network of its own', () => {
    const types = Object.values(template.Resources).map(({ Type }) => Type);
    const network = types.filter((type) => type.startsWith('AWS::EC2::'));
    assert.deepEqual(network.sort(), ['AWS::EC2::LaunchTemplate', 'AWS::EC2::SecurityGroup']);
    assert.equal(template.Resources.HostSecurityGroup!.Properties.VpcId, 'vpc-0a1b2c3d');
    for (const hosts of ['Spot', 'OnDemand']) {
      const { Subnets } = template.Resources[hosts]!.Properties.ComputeResources as unknown as {
        Subnets: string[];
      };
      assert.deepEqual(Subnets, ['subnet-0a1b2c3d', 'subnet-4e5f6a7b']);
    }
  });
});

test('without its options, a stage has neither dashboard nor budget, which not every region knows', () => {
  for (const stage of STAGES) {
    const types = Object.values(packageStage(stage).template.Resources).map(({ Type }) => Type);
    for (const type of ['AWS::CloudWatch::Dashboard', 'AWS::Budgets::Budget'])
      assert.ok(!types.includes(type), `${stage}: ${type}`);
  }
});

test('a stage with a bucket of the user makes none, and has its rights and names there', () => {
  const { Conditions, Resources, Outputs } = packageWith(OWN_BUCKET, { bucket: 'my-data' }).template;
  assert.deepEqual(Conditions.StageBucket, { 'Fn::Equals': ['my-data', ''] });
  assert.deepEqual(packageStage('dev').template.Conditions.StageBucket, { 'Fn::Equals': ['', ''] });
  const made = Object.entries(Resources).filter(([, { Condition }]) => Condition === 'StageBucket');
  assert.deepEqual(
    made.map(([name]) => name),
    ['Bucket', 'BucketPolicy'],
  );
  // Nothing but its policy refers to the bucket that isn't made.
  const { Bucket, BucketPolicy, ServerlessDeploymentBucketPolicy, ...others } = Resources;
  assert.ok(Bucket && BucketPolicy && ServerlessDeploymentBucketPolicy);
  const text = JSON.stringify([others, Outputs]);
  assert.doesNotMatch(text, /"Ref":"Bucket"|"Bucket","Arn"/);
  const buckets = [...text.matchAll(/:s3:::([^"/]*)/g)].map(([, bucket]) => bucket);
  assert.deepEqual([...new Set(buckets)], ['my-data']);
  assert.deepEqual(Outputs.Bucket, { Value: { 'Fn::Sub': 'my-data' } });
});

/** All templates that are deployed. */
const PACKAGES = [...STAGES, OPTIONS, OWN_BUCKET];

// All at once: cfn-lint takes most of its time to start.
test('the templates of all stages pass cfn-lint', (t) => {
  const folder = scratch(t);
  const files = PACKAGES.map((stage) => {
    const file = join(folder, `${stage}.json`);
    // cfn-lint doesn't see the substitutions of a state machine's definition, and knows only this partition.
    const text = JSON.stringify(packageStage(stage).template);
    writeFileSync(file, text.replaceAll(/arn:\$\{Partition\}:/g, 'arn:aws:'));
    return file;
  });
  const lint = (regions: string[], some: string[]) => {
    const program = join(ROOT, '.chirpline/python/bin/cfn-lint');
    const words = ['--config-file', join(ROOT, '.cfnlintrc'), '--regions', ...regions, '--', ...some];
    const { status, stdout, stderr } = spawnSync(program, words, { cwd: ROOT, encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
  };
  lint(['us-east-1'], files);
  // AWS's other partitions.
  lint(['us-gov-west-1', 'cn-north-1'], [files[STAGES.indexOf('dev')]!]);
});

test('no template names a partition of AWS: there are others, for governments and for China', () => {
  for (const stage of PACKAGES) {
    const text = JSON.stringify(packageStage(stage).template);
    assert.doesNotMatch(text, /arn:aws/, stage);
    // These services have the same name in every partition; EC2 doesn't.
    const services = [...text.matchAll(/([a-z0-9.-]+)\.amazonaws\.com/g)].map(([, name]) => name!);
    const same = ['cloudwatch', 'ecs-tasks', 'events', 'lambda', 's3', 'states'];
    assert.deepEqual([...new Set(services)].sort(), same, stage);
  }
});

test('the actions that a deployment needs are known for exactly the resource types that are deployed', () => {
  const types = ['dev', OPTIONS].flatMap((stage) =>
    Object.values(packageStage(stage).template.Resources).map(({ Type }) => Type),
  );
  assert.deepEqual(Object.keys(BY_TYPE).sort(), [...new Set(types)].sort());
});

test('the check of roles finds statements that are too broad', () => {
  const role = (Action: string | string[], Resource: unknown) =>
    ({
      Resources: {
        Role: {
          Type: 'AWS::IAM::Role',
          Properties: {
            Policies: [{ PolicyDocument: { Statement: [{ Effect: 'Allow', Action, Resource }] } }],
          },
        },
      },
    }) as unknown as Template;
  assert.equal(broadStatements(role('s3:*', 'arn:aws:s3:::bucket')).length, 1);
  assert.equal(broadStatements(role(['s3:GetObject'], ['*'])).length, 1);
  assert.equal(broadStatements(role('s3:GetObject', 'arn:aws:s3:::bucket/*')).length, 0);
});

const UNZIP = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    for name in archive.namelist():
        sys.stdout.write(archive.read(name).decode())
`;
const BUILT_IN = new Set([
  'buffer',
  'child_process',
  'crypto',
  'events',
  'fs',
  'fs/promises',
  'http',
  'http2',
  'https',
  'os',
  'path',
  'process',
  'stream',
  'stream/web',
  'url',
  'util',
  'zlib',
  'async_hooks',
  'string_decoder',
  'tty',
  'net',
  'tls',
  'dns',
  'assert',
]);
