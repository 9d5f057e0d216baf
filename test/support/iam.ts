/** Decides about requests as IAM does, by an evaluator that isn't ours. It refuses unknown actions, resources and context keys. */
import { runSimulation } from '@cloud-copilot/iam-simulate';

/** A policy document. */
export interface Policy {
  Version: string;
  Statement: Statement[];
}

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: string | string[];
  Condition?: Record<string, Record<string, string | string[]>>;
}

export interface IamRequest {
  action: string;
  /** ARN; or * for an action that knows no resources. */
  resource: string;
  context?: Record<string, string | string[]>;
}

export const ACCOUNT = '000000000000';
const PRINCIPAL = `arn:aws:iam::${ACCOUNT}:user/someone`;

/** Whether these policies together allow the request, within the boundary if there is one. */
export async function isAllowed(
  policies: readonly Policy[],
  { action, resource, context = {} }: IamRequest,
  boundary?: Policy,
): Promise<boolean> {
  const named = (policy: Policy, index: number) => ({ name: `policy-${index}`, policy });
  const result = await runSimulation(
    {
      request: {
        principal: PRINCIPAL,
        action,
        resource: { resource, accountId: ACCOUNT },
        contextVariables: context,
      },
      identityPolicies: policies.map(named),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      ...(boundary !== undefined && { permissionBoundaryPolicies: [named(boundary, 0)] }),
    },
    {},
  );
  if (result.resultType === 'error')
    throw new Error(`${action} on ${resource}: ${JSON.stringify(result.errors)}`);
  return result.overallResult === 'Allowed';
}

/** The requests that aren't allowed. */
export async function refused(
  policies: readonly Policy[],
  requests: readonly IamRequest[],
  boundary?: Policy,
): Promise<string[]> {
  const found: string[] = [];
  for (const request of requests) {
    if (!(await isAllowed(policies, request, boundary))) found.push(describe(request));
  }
  return found;
}

const describe = ({ action, resource, context }: IamRequest): string =>
  `${action} on ${resource}${context === undefined ? '' : ` with ${JSON.stringify(context)}`}`;
