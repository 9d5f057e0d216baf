/** Packages a stage as for a deployment. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { folderForTests } from '../support/fixtures.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const TEMPLATE_FILE = 'cloudformation-template-update-stack.json';

export interface Template {
  Conditions: Record<string, unknown>;
  Outputs: Record<string, unknown>;
  Resources: Record<
    string,
    {
      Type: string;
      Condition?: string;
      DependsOn?: string | string[];
      DeletionPolicy?: string;
      UpdateReplacePolicy?: string;
      Properties: Record<string, never> & { [name: string]: unknown };
    }
  >;
}

export interface Package {
  /** Holds the template and a zip of each function. */
  folder: string;
  template: Template;
}

const made = new Map<string, Package>();

/** What `npm run local:deploy` sets. */
const LOCAL = { AWS_ENDPOINT_URL: 'http://127.0.0.1:4566', CHIRPLINE_AGENT: 'http://127.0.0.1:4570/secret' };

export function runPackage(stage: string, folder: string, variables: NodeJS.ProcessEnv) {
  const sls = join(ROOT, 'node_modules/serverless/bin/serverless.js');
  return spawnSync(process.execPath, [sls, 'package', '--stage', stage, '--package', folder], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 300_000,
    env: {
      ...process.env,
      AWS_REGION: 'eu-central-1',
      SLS_TELEMETRY_DISABLED: '1',
      SLS_NOTIFICATIONS_MODE: 'off',
      ...variables,
    },
  });
}

/** Packages a stage, once in a process. */
export function packageStage(stage: string): Package {
  const known = made.get(stage);
  if (known !== undefined) return known;
  const { folder, remove } = folderForTests();
  process.on('exit', remove);
  const run = runPackage(stage, folder, stage === 'local' ? LOCAL : {});
  assert.equal(run.status, 0, run.stdout + run.stderr);
  const template = JSON.parse(readFileSync(join(folder, TEMPLATE_FILE), 'utf8')) as Template;
  made.set(stage, { folder, template });
  return { folder, template };
}

/** Packages the stage dev with other settings. They are as in the file: `'on'` has quotes there. */
export function packageWith(stage: string, settings: Record<string, string>): Package {
  const read = (name: string) => join(ROOT, 'infra/stages', `${name}.yml`);
  let text = readFileSync(read('dev'), 'utf8');
  for (const [name, value] of Object.entries(settings)) {
    const changed = text.replace(new RegExp(`^${name}: .*$`, 'm'), `${name}: ${value}`);
    assert.notEqual(changed, text, name);
    text = changed;
  }
  const file = read(stage);
  process.on('exit', () => rmSync(file, { force: true }));
  writeFileSync(file, text, { flag: 'wx' });
  try {
    return packageStage(stage);
  } finally {
    rmSync(file);
  }
}
