/** Tests that `--stage local` never leaves this machine, whatever AWS variables the environment has. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import {
  CloudFormationClient,
  CreateStackCommand,
  waitUntilStackCreateComplete,
} from '@aws-sdk/client-cloudformation';
import { type Agent, startAgent } from '../../infra/local/agent.ts';
import { createCloud } from '../../infra/local/cloud.ts';
import {
  localEnvironment,
  notePath,
  readLocalStage,
  useLocalCloud,
  withoutAws,
} from '../../src/cloud/local-stage.ts';
import { InputError, MachineError } from '../../src/core/errors.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import { chirplineBeside } from '../support/command.ts';
import { writeDataset } from '../support/dataset.ts';
import { type Emulator, findPort, setEnvironment, startEmulator } from '../support/emulator.ts';
import { folderForTests, scratch } from '../support/fixtures.ts';

const { folder, remove } = folderForTests();
const SECRET = 'secret';
let emulator: Emulator;
let agent: Agent;
let restore: () => void;
/** The server that the environment points to. It must get no request. */
let elsewhere: Server;
const requests: string[] = [];

before(async () => {
  emulator = await startEmulator();
  restore = setEnvironment(emulator.env);
  agent = await startAgent({
    host: '127.0.0.1',
    port: 0,
    secret: SECRET,
    folder: join(folder, 'agent'),
    runner: 'process',
    slots: 1,
    grace: 500,
    jobEnv: {},
  });
  const agentUrl = `http://127.0.0.1:${agent.port}/${SECRET}`;
  const stage = { emulator: emulator.endpoint, agent: agentUrl, agentForFunctions: agentUrl };
  writeFileSync(notePath(folder), JSON.stringify(stage));
  await fetch(`${stage.agent}/v1/createjobqueue`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jobQueueName: 'training' }),
  });
  elsewhere = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    response.end();
  }).listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  await createStack();
  await writeDataset(createFileStore(join(folder, 'raw')), 6);
  writeFileSync(join(folder, 'guard.mjs'), GUARD);
});
after(async () => {
  elsewhere.closeAllConnections();
  elsewhere.close();
  await agent.stop();
  restore();
  await emulator.stop();
  remove();
});

/** Creates the resources of a stage that the commands use, without functions. */
async function createStack(): Promise<void> {
  const client = new CloudFormationClient({});
  const names = ['LabelsQueue', 'LabelsDeadLetters', 'ObjectsQueue', 'ObjectsDeadLetters', 'JobDeadLetters'];
  const queues = Object.fromEntries(names.map((name) => [name, { Type: 'AWS::SQS::Queue' }]));
  const outputs = Object.fromEntries(names.map((name) => [name, { Value: { Ref: name } }]));
  const StateMachine = {
    Type: 'AWS::StepFunctions::StateMachine',
    Properties: {
      RoleArn: 'arn:aws:iam::000000000000:role/any',
      DefinitionString: JSON.stringify({ StartAt: 'End', States: { End: { Type: 'Succeed' } } }),
    },
  };
  const template = {
    Resources: {
      Data: { Type: 'AWS::S3::Bucket', Properties: { BucketName: 'stage-data' } },
      StateMachine,
      ...queues,
    },
    Outputs: {
      Bucket: { Value: 'stage-data' },
      StateMachine: { Value: { Ref: 'StateMachine' } },
      ...outputs,
      TrainingQueue: { Value: 'training' },
      TrainingJob: { Value: 'training' },
      TrainingLogs: { Value: '/training' },
    },
  };
  const StackName = 'chirpline-local';
  await client.send(new CreateStackCommand({ StackName, TemplateBody: JSON.stringify(template) }));
  await waitUntilStackCreateComplete({ client, maxWaitTime: 30, minDelay: 1 }, { StackName });
  client.destroy();
}

/** Logs the connections of a process, and refuses those to other machines. */
const GUARD = `
import { appendFileSync } from 'node:fs';
import net from 'node:net';
const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function (...args) {
  const [given] = Array.isArray(args[0]) ? args[0] : args;
  const { host = 'localhost', port, path } = typeof given === 'object' ? given : { port: given, host: args[1] };
  appendFileSync(process.env.CONNECTIONS, (path ?? host + ':' + port) + '\\n');
  if (host !== '127.0.0.1') throw new Error('a connection to ' + host);
  return connect.apply(this, args);
};
`;

/** All variables and config files that can point the SDK to another endpoint. */
function hostileEnvironment(): NodeJS.ProcessEnv {
  const address = elsewhere.address();
  assert.ok(typeof address === 'object' && address !== null);
  const url = `http://127.0.0.1:${address.port}`;
  const services = ['S3', 'CLOUDFORMATION', 'SFN', 'BATCH', 'SQS', 'CLOUDWATCH_LOGS', 'STS'];
  const home = join(folder, 'home');
  const config = join(home, '.aws', 'config');
  mkdirSync(join(home, '.aws'), { recursive: true });
  const sections = ['default', 'profile evil'].map(
    (name) =>
      `[${name}]\nregion = eu-west-1\nendpoint_url = ${url}\nservices = evil\n` +
      'ignore_configured_endpoint_urls = true\nuse_fips_endpoint = true\n' +
      'aws_access_key_id = AKIAEVIL\naws_secret_access_key = evil\n',
  );
  const ofEach = services.map((name) => `${name.toLowerCase()} =\n  endpoint_url = ${url}\n`);
  writeFileSync(config, `${sections.join('\n')}\n[services evil]\n${ofEach.join('')}`);
  return {
    HOME: home,
    AWS_ENDPOINT_URL: url,
    ...Object.fromEntries(services.map((name) => [`AWS_ENDPOINT_URL_${name}`, url])),
    AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true',
    AWS_PROFILE: 'evil',
    AWS_CONFIG_FILE: config,
    AWS_SHARED_CREDENTIALS_FILE: config,
    AWS_USE_FIPS_ENDPOINT: 'true',
    AWS_USE_DUALSTACK_ENDPOINT: 'true',
    AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/evil',
    AWS_WEB_IDENTITY_TOKEN_FILE: config,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/credentials`,
    AWS_SESSION_TOKEN: 'token',
    AWS_REGION: 'eu-west-1',
    HTTP_PROXY: url,
    HTTPS_PROXY: url,
  };
}

test('the commands connect only to the emulator and its agent', async () => {
  const raw = join(folder, 'raw');
  const commands: [status: number, output: RegExp, ...words: string[]][] = [
    [0, /The labels have started the run/, 'upload', raw, '--dataset', 'one'],
    [0, /The labels have started the run/, 'upload', raw, '--dataset', 'two', '--pack', '4'],
    [0, /no runs or jobs yet/, 'status'],
    [4, /the dataset isn't preprocessed yet/, 'submit', '--dataset', 'one'],
    [0, /0 dead letters resent/, 'redrive'],
    [2, /has no run or job none/, 'cancel', 'none'],
  ];
  const ports = [Number(new URL(emulator.endpoint).port), agent.port];
  const seen = new Set<string>();
  for (const [status, output, ...words] of commands) {
    const connections = join(folder, `connections-${words.join('-').replaceAll('/', '')}`);
    const env = {
      ...process.env,
      ...hostileEnvironment(),
      CHIRPLINE_LOCAL: folder,
      CONNECTIONS: connections,
      NODE_OPTIONS: `--import ${pathToFileURL(join(folder, 'guard.mjs'))}`,
    };
    const ended = await chirplineBeside(env, ...words, '--stage', 'local');
    const said = ended.stdout + ended.stderr;
    assert.equal(ended.status, status, said);
    assert.match(said, output);
    for (const line of readFileSync(connections, 'utf8').trim().split('\n')) {
      assert.ok(ports.includes(Number(/^127\.0\.0\.1:(\d+)$/.exec(line)?.[1])), `${words[0]}: ${line}`);
      seen.add(line);
    }
  }
  assert.deepEqual(requests, []);
  // The guard does see both connections.
  assert.deepEqual([...seen].sort(), ports.map((port) => `127.0.0.1:${port}`).sort());
});

test('the emulator serves programs and refuses browsers', async () => {
  const port = Number(new URL(emulator.endpoint).port);
  const ask = async (headers: Record<string, string>, method = 'POST') => {
    const own = { host: `127.0.0.1:${port}`, 'content-type': 'text/plain' };
    const path = '/2015-03-31/functions';
    const sent = request({ host: '127.0.0.1', port, path, method, headers: { ...own, ...headers } });
    sent.end(method === 'POST' ? '{}' : undefined);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();
    return { status: answer.statusCode, allows: answer.headers['access-control-allow-origin'] };
  };
  const refused = { status: 403, allows: undefined };
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { host: 'evil.example' },
    { host: `evil.example:${port}` },
    { host: `127.0.0.1.evil.example:${port}` },
  ] as Record<string, string>[]) {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      assert.deepEqual(await ask(headers, method), refused, `${method} ${JSON.stringify(headers)}`);
    }
  }
  assert.equal((await ask({}, 'GET')).status, 200);
  assert.equal((await ask({ host: `localhost:${port}` }, 'GET')).status, 200);
});

test('all AWS variables of the environment are replaced, and the others kept', (t) => {
  const state = scratch(t);
  const stage = {
    emulator: 'http://127.0.0.1:1',
    agent: 'http://127.0.0.1:2/secret',
    agentForFunctions: 'http://functions.example:2/secret',
  };
  writeFileSync(notePath(state), JSON.stringify(stage));
  const env = { ...hostileEnvironment(), AWS_NOT_YET_INVENTED: 'x', PATH: '/bin', CHIRPLINE_LOCAL: state };
  const kept = withoutAws(env);
  assert.deepEqual(Object.keys(kept).sort(), [
    'CHIRPLINE_LOCAL',
    'HOME',
    'HTTPS_PROXY',
    'HTTP_PROXY',
    'PATH',
  ]);
  useLocalCloud(env);
  assert.deepEqual({ ...env }, { ...kept, ...localEnvironment(stage) });
});

test('a note with an agent on another machine or with AWS as emulator is refused, and without a note nothing is running', (t) => {
  const state = scratch(t);
  assert.equal(readLocalStage(state), undefined);
  assert.throws(() => useLocalCloud({ CHIRPLINE_LOCAL: state }), MachineError);
  const local = 'http://127.0.0.1:1';
  const right = { emulator: 'http://emulator.example:4566', agent: local, agentForFunctions: local };
  writeFileSync(notePath(state), JSON.stringify(right));
  assert.deepEqual(readLocalStage(state), right);
  for (const note of [
    '{',
    'null',
    JSON.stringify({ emulator: local }),
    JSON.stringify({ ...right, emulator: 'http://127.0.0.1:1@evil.example' }),
    JSON.stringify({ ...right, emulator: 'https://s3.eu-central-1.amazonaws.com' }),
    JSON.stringify({ ...right, emulator: 'https://amazonaws.com.cn' }),
    JSON.stringify({ ...right, emulator: 'https://lambda.eu-central-1.api.aws' }),
    JSON.stringify({ ...right, emulator: 'ftp://127.0.0.1:1' }),
    JSON.stringify({ ...right, emulator: 'http://127.0.0.1:1/path' }),
    JSON.stringify({ ...right, agent: 'http://127.0.0.1.evil.example:1/' }),
    JSON.stringify({ ...right, agentForFunctions: 'http://a@b:1/' }),
  ]) {
    writeFileSync(notePath(state), note);
    assert.throws(() => readLocalStage(state), InputError, note);
  }
});

test('a state folder has its own secret, which only its owner can read and which outlives a restart', async (t) => {
  const state = scratch(t);
  const [port, agentPort] = [await findPort(), await findPort()];
  const settings = { folder: state, port, agentPort, runner: 'process', persist: false } as const;
  const cloud = createCloud(settings);
  t.after(() => cloud.down());
  const putBack = setEnvironment(hostileEnvironment());
  await cloud.up();
  putBack();
  for (const name of ['emulator', 'agent']) {
    const environment = readFileSync(
      `/proc/${readFileSync(join(state, `${name}.pid`), 'utf8')}/environ`,
      'utf8',
    );
    const variables = environment.split('\0').filter((line) => line.startsWith('AWS_'));
    const given = Object.entries(localEnvironment(readLocalStage(state)!))
      // Functions have the agent's address from their deployment.
      .filter(([key]) => name === 'agent' || key !== 'AWS_ENDPOINT_URL_BATCH')
      .map((entry) => entry.join('='));
    assert.deepEqual(variables.sort(), given.sort(), name);
  }
  for (const file of [notePath(state), join(state, 'agent/secret')])
    assert.equal(statSync(file).mode & 0o777, 0o600);
  const { agent } = readLocalStage(state)!;
  assert.equal(agent, cloud.env.AWS_ENDPOINT_URL_BATCH);
  assert.match(new URL(agent).pathname, /^\/[A-Za-z0-9_-]{43}$/);
  // Another process, which deploys or starts the stage while it runs, uses the same secret.
  const again = createCloud(settings);
  assert.deepEqual(again.env, cloud.env);
  assert.deepEqual(await again.up(), { fresh: false, agentHost: '127.0.0.1' });
  assert.equal(readLocalStage(state)?.agent, agent);
  assert.equal(
    (await fetch(`http://127.0.0.1:${agentPort}/v1/describejobs`, { method: 'POST' })).status,
    403,
  );
  await again.down();
  assert.equal(readLocalStage(state), undefined);
  // The functions of a stage that the emulator keeps have this address.
  assert.equal(createCloud(settings).env.AWS_ENDPOINT_URL_BATCH, agent);
  assert.notEqual(createCloud({ ...settings, folder: scratch(t) }).env.AWS_ENDPOINT_URL_BATCH, agent);
});
