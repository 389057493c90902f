import { writeFileSync } from 'node:fs';

import { SwarmError, errorMessage } from '@skep/kernel';

import { runChild } from './child.ts';
import { deviceOf } from './kernel-object.ts';
import type { KernelOp } from './reconcile.ts';
import { renderOps } from './render-ip.ts';
import type { RenderedBatch } from './render-ip.ts';

/** An operation the kernel refused. */
export interface FailedOp {
  /** The command or parameter as it was given. */
  readonly command: string;
  readonly reason: string;
  /** Device the operation was about. */
  readonly device?: string;
}

/**
 * Does the ops, each kind in one child process, going on after a refusal. Answers what was refused; an empty list
 * means the kernel now is as wanted.
 */
export async function applyKernelOps(ops: readonly KernelOp[]): Promise<FailedOp[]> {
  if (ops.length === 0) {
    return [];
  }
  const rendered = renderOps(ops);
  const failures = await runBatch('ip', ['-4'], rendered.ip);
  failures.push(...(await runBatch('bridge', [], rendered.bridge)));
  for (const { path, value, device } of rendered.sysctls) {
    try {
      // Synchronous on purpose: /proc/sys/net shows the namespace of the thread that opens it, and this one is home.
      writeFileSync(`/proc/sys/net/${path}`, value);
    } catch (error) {
      failures.push({
        command: `sysctl ${path}=${value}`,
        reason: errorMessage(error),
        ...(device === undefined ? {} : { device }),
      });
    }
  }
  // After the parameters, which may have to allow IPv6 on a device first.
  failures.push(...(await runBatch('ip', ['-6'], rendered.ip6)));
  return failures;
}

/** Runs one nft transaction: all of it or nothing. @throws SwarmError `unavailable` with nft's own words. */
export async function applyNft(transaction: string): Promise<void> {
  const result = await runChild({ command: 'nft', args: ['-f', '-'], input: transaction });
  if (result.exitCode !== 0) {
    throw new SwarmError('unavailable', `nft refused the rules: ${firstLines(result.stderr)}`);
  }
}

async function runBatch(
  command: 'ip' | 'bridge',
  options: readonly string[],
  batch: RenderedBatch,
): Promise<FailedOp[]> {
  if (batch.lines.length === 0) {
    return [];
  }
  const result = await runChild({
    command,
    args: [...options, '-force', '-batch', '-'],
    input: `${batch.lines.join('\n')}\n`,
  });
  return result.exitCode === 0 ? [] : failedLines(result.stderr, batch);
}

/** iproute2 prints a reason and then `Command failed -:<line>` for each line it could not do. */
export function failedLines(stderr: string, batch: RenderedBatch): FailedOp[] {
  const failures: FailedOp[] = [];
  let reason = '';
  for (const line of stderr.split('\n')) {
    const match = /^Command failed -:(\d+)/.exec(line);
    if (match === null) {
      reason = line.trim() === '' ? reason : line.trim();
      continue;
    }
    const index = Number(match[1]) - 1;
    const op = batch.ops[index];
    // What is to go and is not there has gone by itself: with its device, or with a namespace.
    if (op?.type !== 'remove' || !isAbsence(reason)) {
      const device = op === undefined ? undefined : deviceOf(op.object);
      failures.push({
        command: batch.lines[index] ?? line,
        reason: reason === '' ? 'refused' : reason,
        ...(device === undefined ? {} : { device }),
      });
    }
    reason = '';
  }
  return failures;
}

function isAbsence(reason: string): boolean {
  return /No such|Cannot find device|does not exist|Cannot assign requested address/i.test(reason);
}

function firstLines(text: string): string {
  return text.trim().split('\n').slice(0, 3).join(' ').slice(0, 500);
}
