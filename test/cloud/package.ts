/** Packages a stage as for a deployment. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const TEMPLATE_FILE = 'cloudformation-template-update-stack.json';

export interface Template {
  Resources: Record<
    string,
    {
      Type: string;
      Condition?: string;
      DeletionPolicy?: string;
      UpdateReplacePolicy?: string;
      Properties: Record<string, never> & { [name: string]: unknown };
    }
  >;
}

/** Packages a stage into a folder and reads its template. Must not run twice at the same time: every call builds in .esbuild. */
export function packageStage(stage: string, folder: string): Template {
  const sls = join(ROOT, 'node_modules/serverless/bin/serverless.js');
  const run = spawnSync(process.execPath, [sls, 'package', '--stage', stage, '--package', folder], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 120_000,
    env: { ...process.env, SLS_TELEMETRY_DISABLED: '1', SLS_NOTIFICATIONS_MODE: 'off' },
  });
  assert.equal(run.status, 0, run.stdout + run.stderr);
  return JSON.parse(readFileSync(join(folder, TEMPLATE_FILE), 'utf8')) as Template;
}
