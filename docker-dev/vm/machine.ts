import { isSwarmError } from '@skep/kernel';

import { run } from '../lab/command.ts';
import { runLong } from './command.ts';
import type { Accelerator } from './options.ts';
import { machineArguments, probeArguments, type MachineDisks, type MachineShape } from './qemu-arguments.ts';

const QEMU = 'qemu-system-x86_64';
const PROBE_TIMEOUT_MS = 20_000;

/** KVM where a machine can be made with it, which needs more than its device file; else software emulation. */
export async function chooseAccelerator(): Promise<Accelerator> {
  const probe = await run([QEMU, ...probeArguments('kvm')], { input: 'quit\n', timeoutMs: PROBE_TIMEOUT_MS });
  return probe.exitCode === 0 ? 'kvm' : 'tcg';
}

/**
 * Runs the machine until it switches itself off; what is on its console is shown as it comes.
 * @returns how it ended: by itself, or because it took too long
 * @throws SwarmError `cancelled`, or `internal` with the words of qemu
 */
export async function runMachine(machine: {
  readonly disks: MachineDisks;
  readonly shape: MachineShape;
  readonly scratch: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onConsole: (chunk: Buffer) => void;
}): Promise<'off' | 'late'> {
  try {
    await runLong({
      argv: [QEMU, ...machineArguments(machine.disks, machine.shape)],
      signal: machine.signal,
      timeoutMs: machine.timeoutMs,
      // What the machine changes on its disk is kept there meanwhile, in a file without a name.
      env: { ...process.env, TMPDIR: machine.scratch },
      onOutput: machine.onConsole,
    });
    return 'off';
  } catch (error: unknown) {
    if (isSwarmError(error) && error.code === 'deadline_exceeded') {
      return 'late';
    }
    throw error;
  }
}
