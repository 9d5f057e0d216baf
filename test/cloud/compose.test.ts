/** Checks infra/local/compose.yml against the programs that it starts. No Docker is needed. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { localEnvironment } from '../../src/cloud/local-stage.ts';
import { ROOT } from './package.ts';

interface Service {
  image: string;
  ports: string[];
  environment: Record<string, string>;
  volumes: string[];
  networks: string[];
  command?: string[];
}

const FILE = join(ROOT, 'infra/local/compose.yml');
const { services, networks } = parse(readFileSync(FILE, 'utf8')) as {
  services: Record<'localstack' | 'agent', Service>;
  networks: Record<string, { name: string }>;
};

test('the agent of the compose file has the variables of the emulated cloud, and those that it reads', () => {
  const { environment, command, volumes } = services.agent;
  // The agent itself has no other agent.
  const { AWS_ENDPOINT_URL_BATCH, ...needed } = localEnvironment({
    emulator: 'http://localstack:4566',
    agent: '',
  });
  assert.equal(AWS_ENDPOINT_URL_BATCH, '');
  const own = Object.entries(environment).filter(([name]) => name.startsWith('AWS_'));
  assert.deepEqual(Object.fromEntries(own), needed);
  const program = readFileSync(join(ROOT, command!.at(-1)!), 'utf8');
  const given = Object.keys(environment).filter((name) => name.startsWith('AGENT_'));
  assert.equal(given.length, 5);
  for (const name of given) assert.match(program, new RegExp(`\\b${name}\\b`));
  const [mount] = volumes.map((volume) => volume.split(':')[0]!);
  assert.ok(existsSync(join(resolve(dirname(FILE), mount!), 'infra/local/agent-main.ts')));
});

test('services of the compose file are published on this machine only, and functions share their network', () => {
  for (const { ports } of Object.values(services))
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:[^ ]+:\d+$/);
  const network = services.localstack.environment.LAMBDA_DOCKER_NETWORK!;
  assert.equal(networks[network]?.name, network);
  for (const service of Object.values(services)) assert.deepEqual(service.networks, [network]);
  assert.match(services.localstack.image, /:-4\.14\.0\}$/);
});
