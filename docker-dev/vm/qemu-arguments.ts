import { TARGET } from './image-recipe.ts';
import type { Accelerator } from './options.ts';

export interface MachineDisks {
  /** Debian's file system: read, its changes are forgotten. */
  readonly root: string;
  /** A tar archive with the project, as a raw disk. */
  readonly project: string;
  /** Raw, written by the machine: see report.ts. */
  readonly report: string;
  /** Gets what kernel and systemd say. */
  readonly bootLog: string;
  readonly kernel: string;
  readonly initrd: string;
}

export interface MachineShape {
  readonly accelerator: Accelerator;
  readonly cpus: number;
  readonly memoryMib: number;
}

/** The one hierarchy; kernel and systemd on the serial line; a panic ends the machine. */
const KERNEL_LINE = [
  'root=/dev/vda',
  'rw',
  'console=ttyS0',
  'quiet',
  'panic=-1',
  'systemd.unified_cgroup_hierarchy=1',
  'systemd.show_status=no',
  `systemd.unit=${TARGET}`,
].join(' ');

/** Arguments of qemu-system-x86_64: no network, no screen, what the tests say on standard output. */
export function machineArguments(disks: MachineDisks, shape: MachineShape): readonly string[] {
  return [
    ...baseArguments(shape.accelerator),
    ...['-smp', String(shape.cpus), '-m', String(shape.memoryMib)],
    ...['-display', 'none', '-no-reboot', '-serial', `file:${disks.bootLog}`],
    ...['-chardev', 'stdio,id=words,signal=off', '-device', 'virtio-serial'],
    ...['-device', 'virtconsole,chardev=words'],
    ...['-kernel', disks.kernel, '-initrd', disks.initrd, '-append', KERNEL_LINE],
    ...['-drive', drive(disks.root, 'snapshot=on,cache=unsafe')],
    ...['-drive', drive(disks.project, 'readonly=on')],
    ...['-drive', drive(disks.report, 'cache=writethrough')],
  ];
}

/** Arguments that start a machine which never runs: they show whether an accelerator works here. */
export function probeArguments(accelerator: Accelerator): readonly string[] {
  return [...baseArguments(accelerator), '-m', '64', '-display', 'none', '-S', '-monitor', 'stdio'];
}

/**
 * Without protection keys: V8 guards its code with them where it finds them, and with emulated ones its own check fails
 * now and then ("it->second.Size() > offset"), which ends the process.
 */
const PROCESSOR = 'max,pku=off';

function baseArguments(accelerator: Accelerator): string[] {
  const accel = accelerator === 'tcg' ? 'tcg,thread=multi' : accelerator;
  return ['-nodefaults', '-no-user-config', '-machine', 'q35', '-accel', accel, '-cpu', PROCESSOR];
}

/** A comma in a path is written twice. */
function drive(path: string, options: string): string {
  return `file=${path.replaceAll(',', ',,')},if=virtio,format=raw,${options}`;
}
