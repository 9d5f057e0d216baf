import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { JobView, StageStatus } from '../../cloud/stage-status.ts';
import { jsonOption } from '../../options/command-options.ts';
import { stageOption, withStage } from '../stage.ts';
import { formatTime, printAgain, printResult } from '../terminal.ts';
import { adviseOn, describeWait } from '../waiting.ts';

const INTERVAL = 2_000;

export function statusCommand(): Command {
  return new Command('status')
    .addOption(stageOption())
    .option('--dataset <name>', 'show only this dataset')
    .option('--watch', 'refresh until all runs and jobs have ended')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  chirpline status --stage dev --watch')
    .action(async (flags: { stage: string; dataset?: string; watch?: boolean; json?: boolean }) => {
      const { createStatusReader, isBusy } = await import('../../cloud/stage-status.ts');
      await withStage(flags.stage, async (stage) => {
        const reader = createStatusReader(stage);
        let shown = '';
        for (;;) {
          const status = await reader.read(flags.dataset);
          const done = !flags.watch || !isBusy(status);
          if (flags.json) {
            if (done) printResult(true, status, '');
          } else
            shown = printAgain(
              describeStatus(status, stage.name, process.stdout.isTTY ? Date.now() : undefined),
              shown,
            );
          if (done) return;
          await sleep(INTERVAL);
        }
      });
    });
}

/** @param now the current time [ms], for the duration of what is still running; without it these durations are left out. */
export function describeStatus(
  { runs, jobs, gpuQuotas, deadLetters }: StageStatus,
  stage: string,
  now?: number,
): string {
  const lines: string[] = [];
  const wait: Wait = (count, vcpus) => describeWait(count, stage, gpuQuotas, vcpus);
  if (runs.length === 0 && jobs.length === 0) lines.push(`stage ${stage} has no runs or jobs yet`);
  const span = (from: Date, to?: Date) => {
    const end = to?.getTime() ?? now;
    return end === undefined ? '' : `  ${formatTime((end - from.getTime()) / 1000)}`;
  };
  for (const { name, dataset, state, started, stopped, reason, progress } of runs) {
    lines.push(`run ${name}  ${dataset}  ${state}${span(started, stopped)}`);
    if (progress !== undefined) {
      const { psdChunks, shards } = progress;
      lines.push(
        `    PSD ${psdChunks.done}/${psdChunks.total} chunks, ${shards.done}/${shards.total} shards`,
      );
    }
    if (reason !== undefined) lines.push(`    ${reason}`);
  }
  for (const job of jobs) {
    const { id, name, dataset, state, folds, parts = [] } = job;
    const counts = folds === undefined ? '' : `  ${describeFolds(folds)}`;
    lines.push(`job ${id}  ${name}  ${dataset}  ${state}${describeCourse(job, span)}${counts}`);
    lines.push(...describeTrouble(job, stage, wait, '    '));
    for (const part of parts.filter(isShown)) {
      lines.push(`    fold ${part.fold}  ${part.state}${describeCourse(part, span)}`);
      lines.push(...describeTrouble(part, stage, wait, '        '));
    }
    lines.push(...describeWaiting(parts, wait));
  }
  for (const { queue, messages, resendable } of deadLetters) {
    const remedy = resendable
      ? `chirpline redrive --stage ${stage} resends them`
      : 'see docs/operations.md, "Repair"';
    if (messages > 0)
      lines.push(`${messages} dead letter${messages === 1 ? '' : 's'} in the ${queue} queue: ${remedy}`);
  }
  return lines.join('\n');
}

/** Why jobs don't start. @param vcpus of each */
type Wait = (count: number, vcpus: number | undefined) => string;

type Span = (from: Date, to?: Date) => string;

function describeCourse({ created, started, stopped, attempts, exitCode }: JobView, span: Span): string {
  const tries = attempts > 1 ? `  ${attempts} attempts` : '';
  const code = exitCode === undefined || exitCode === 0 ? '' : `  exit code ${exitCode}`;
  return `${span(started ?? created, stopped)}${tries}${code}`;
}

function describeTrouble(
  { state, reason, lastLines, vcpus }: JobView,
  stage: string,
  wait: Wait,
  indent: string,
): string[] {
  const lines: string[] = [];
  if (reason !== undefined && state !== 'SUCCEEDED') {
    lines.push(reason);
    const advice = adviseOn(reason, stage);
    if (advice !== undefined) lines.push(advice);
  } else if (state === 'RUNNABLE') lines.push(wait(1, vcpus));
  return [...lines, ...lastLines.map((line) => `| ${line}`)].map((line) => indent + line);
}

/** The folds that wait for a host, in one line. While other folds run, waiting is normal and isn't shown. */
function describeWaiting(parts: JobView[], wait: Wait): string[] {
  const waiting = parts.filter((part) => part.state === 'RUNNABLE' && !isShown(part));
  if (waiting.length === 0 || parts.some(({ state }) => state === 'STARTING' || state === 'RUNNING'))
    return [];
  const folds = waiting.map(({ fold }) => fold).join(', ');
  return [`    fold${waiting.length === 1 ? '' : 's'} ${folds} ${wait(waiting.length, waiting[0]?.vcpus)}`];
}

/** `5 folds: 2 SUCCEEDED, 3 RUNNABLE` */
function describeFolds({ total, states }: NonNullable<JobView['folds']>): string {
  const counts = Object.entries(states).filter(([, count]) => count > 0);
  return [`${total} folds`, counts.map(([state, count]) => `${count} ${state}`).join(', ')]
    .filter((part) => part !== '')
    .join(': ');
}

/** Whether a job of an array gets a line: it runs, failed or is blocked. The others are only counted. */
function isShown({ state, reason }: JobView): boolean {
  return ['STARTING', 'RUNNING', 'FAILED'].includes(state) || (state === 'RUNNABLE' && reason !== undefined);
}
