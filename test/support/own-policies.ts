import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ACCOUNT, type Policy } from './iam.ts';

export type PolicyName = 'boundary' | 'deployer' | 'deployer-training' | 'image' | 'user';

/** A policy of infra/, with its placeholders filled in as docs/operations.md says. */
export function readPolicy(name: PolicyName, stage = 'dev'): Policy {
  const file = fileURLToPath(new URL(`../../infra/${name}-policy.json`, import.meta.url));
  return JSON.parse(readFileSync(file, 'utf8').replaceAll('ACCOUNT', ACCOUNT).replaceAll('STAGE', stage));
}
