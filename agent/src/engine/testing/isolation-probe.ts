import { buildArchive, buildBusyboxImage } from '@skep/oci';

/*
 * Looks at a container from inside, the same way whatever engine made it. The recorded answers of Docker are in
 * testdata/isolation-docker.json (see record-isolation.ts).
 */

/** Not called: they end, split or stop the caller, or take long. x86-64 numbers of exit, fork, pause and their like. */
const SKIPPED_CALLS: readonly number[] = [15, 24, 34, 37, 56, 57, 58, 60, 162, 231, 435];
const CALLS_MAX = 450;
const RESULTS_OFFSET = 0x1000;

/** System calls of x86-64 that the probe makes, in its order. */
export const PROBED_CALLS: readonly number[] = Array.from(
  { length: CALLS_MAX },
  (_, number) => number,
).filter((number) => !SKIPPED_CALLS.includes(number) && (number < 335 || number >= 424));

const SCRIPT = [
  "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status",
  'echo ==',
  '/probe',
  'echo ==',
  'cd /dev; for f in *; do stat -c "%n %F %t:%T %a %u:%g" $f; done; cd /',
  'echo ==',
  'cat /proc/self/mounts',
  'echo ==',
  'for f in /proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list ' +
    '/proc/sched_debug /proc/scsi /sys/firmware /sys/devices/virtual/powercap; do [ -e $f ] && ' +
    'echo $f $(cat $f 2>/dev/null | head -c 10 | wc -c) $(ls $f 2>/dev/null | grep -vc "^$f\\$"); done',
].join('\n');

/** What a container sees, without what differs from host to host. */
export interface IsolationTable {
  readonly status: readonly string[];
  /** Error number of each probed system call that is refused with EPERM (1) or ENOSYS (38). */
  readonly refusedCalls: Readonly<Record<string, number>>;
  readonly devices: readonly string[];
  readonly mounts: readonly string[];
  readonly masks: readonly string[];
}

export const PROBE_COMMAND: readonly string[] = ['sh', '-c', SCRIPT];

/** A `docker load` archive of the image `skep-probe`: busybox and the probe of system calls. */
export function probeImage(): Buffer {
  const files = [{ path: 'probe', type: 'file' as const, mode: 0o755, content: probeProgram() }];
  return buildArchive(buildBusyboxImage({ files }), ['skep-probe:latest']);
}

/** Reads what {@link PROBE_COMMAND} printed. */
export function parseProbe(output: string): IsolationTable {
  const [status = '', calls = '', devices = '', mounts = '', masks = ''] = output.split(/^==\n/m);
  const results = Buffer.from(calls.trim(), 'hex');
  const refused = PROBED_CALLS.flatMap((number, index) => {
    const result = -results.readInt8(index);
    return result === 1 || result === 38 ? [[String(number), result] as const] : [];
  });
  return {
    status: linesOf(status),
    refusedCalls: Object.fromEntries(refused),
    // The main device of a terminal's number depends on what else runs.
    devices: linesOf(devices)
      .filter((line) => !line.startsWith('core '))
      .sort(),
    mounts: linesOf(mounts).flatMap(normaliseMount).sort(),
    masks: linesOf(masks),
  };
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** Target, type and the options that protect something; hierarchies of cgroups are the host's. */
function normaliseMount(line: string): string[] {
  const [, target = '', type = '', options = ''] = line.split(' ');
  if (target.startsWith('/sys/fs/cgroup/')) {
    return [];
  }
  const kept = options
    .split(',')
    .filter((option) => /^(ro|rw|nosuid|nodev|noexec|size=.*|mode=.*)$/.test(option));
  const isOfHost = ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf'].includes(target);
  return [isOfHost ? `${target} bind ${options.split(',')[0] ?? ''}` : `${target} ${type} ${kept.join(',')}`];
}

/**
 * A static program of a few instructions: makes each call with all arguments -1, which no call can do any harm with,
 * and prints the low byte of each answer in hexadecimal digits.
 */
function probeProgram(): Buffer {
  const base = 0x400000;
  const header = 64 + 56;
  const count = PROBED_CALLS.length;
  const table = Buffer.alloc(count * 2);
  PROBED_CALLS.forEach((number, index) => table.writeUInt16LE(number, index * 2));
  const code = assemble({ tableAddress: base + 0x200, resultAddress: base + RESULTS_OFFSET, count });
  const image = Buffer.alloc(0x200 + table.length);
  image.set(elfHeader(base, header, RESULTS_OFFSET + count * 2 + 64), 0);
  image.set(code, header);
  image.set(table, 0x200);
  return image;
}

function assemble(at: { tableAddress: number; resultAddress: number; count: number }): Buffer {
  const immediate = (value: number): number[] => [...new Uint8Array(Uint32Array.of(value).buffer)];
  const start = [
    ...[0x41, 0xbc, ...immediate(at.tableAddress)], // mov r12d, table
    ...[0x41, 0xbd, ...immediate(at.resultAddress)], // mov r13d, results
    ...[0x41, 0xbe, ...immediate(at.count)], // mov r14d, count
  ];
  const loop = [
    ...[0x41, 0x0f, 0xb7, 0x04, 0x24], // movzx eax, word [r12]
    ...[0x48, 0xc7, 0xc7, 0xff, 0xff, 0xff, 0xff], // mov rdi, -1
    ...[0x48, 0x89, 0xfe, 0x48, 0x89, 0xfa, 0x49, 0x89, 0xfa], // mov rsi, rdx, r10 = rdi
    ...[0x49, 0x89, 0xf8, 0x49, 0x89, 0xf9], // mov r8, r9 = rdi
    ...[0x0f, 0x05], // syscall
    ...[0x88, 0xc2, 0x88, 0xc1], // mov dl, al; mov cl, al
    ...[0xc0, 0xea, 0x04, 0x80, 0xe1, 0x0f], // shr dl, 4; and cl, 15
    ...[0x80, 0xc2, 0x30, 0x80, 0xfa, 0x3a, 0x72, 0x03, 0x80, 0xc2, 0x27], // hexadecimal digit of dl
    ...[0x80, 0xc1, 0x30, 0x80, 0xf9, 0x3a, 0x72, 0x03, 0x80, 0xc1, 0x27], // and of cl
    ...[0x41, 0x88, 0x55, 0x00, 0x41, 0x88, 0x4d, 0x01], // mov [r13], dl; mov [r13+1], cl
    ...[0x49, 0x83, 0xc4, 0x02, 0x49, 0x83, 0xc5, 0x02], // add r12, 2; add r13, 2
    ...[0x41, 0xff, 0xce], // dec r14d
  ];
  const end = [
    ...[0x41, 0xc6, 0x45, 0x00, 0x0a], // mov byte [r13], newline
    ...[0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0], // write(1,
    ...[0xbe, ...immediate(at.resultAddress), 0xba, ...immediate(at.count * 2 + 1), 0x0f, 0x05],
    ...[0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05], // exit(0)
  ];
  return Buffer.from([...start, ...loop, 0x0f, 0x85, ...immediate(-(loop.length + 6)), ...end]);
}

/** One loadable segment that may be read, written and run. */
function elfHeader(base: number, entry: number, memoryBytes: number): Buffer {
  const out = Buffer.alloc(64 + 56);
  out.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1], 0);
  out.writeUInt16LE(2, 16);
  out.writeUInt16LE(0x3e, 18);
  out.writeUInt32LE(1, 20);
  out.writeBigUInt64LE(BigInt(base + entry), 24);
  out.writeBigUInt64LE(64n, 32);
  out.writeUInt16LE(64, 52);
  out.writeUInt16LE(56, 54);
  out.writeUInt16LE(1, 56);
  out.writeUInt32LE(1, 64);
  out.writeUInt32LE(7, 68);
  out.writeBigUInt64LE(BigInt(base), 80);
  out.writeBigUInt64LE(BigInt(base), 88);
  out.writeBigUInt64LE(0x200n + BigInt(PROBED_CALLS.length * 2), 96);
  out.writeBigUInt64LE(BigInt(memoryBytes), 104);
  out.writeBigUInt64LE(0x1000n, 112);
  return out;
}
