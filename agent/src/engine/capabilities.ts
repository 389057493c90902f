import { fail, ok, type Result } from '@skep/kernel';

/** All capabilities of Linux 6, in the order of their numbers (capabilities(7)). */
export const ALL_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
];

/** What Docker gives a container that asks for nothing. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

/** The capabilities set in the mask that /proc/<pid>/status shows (`CapBnd`). */
export function capabilitiesOfMask(hexMask: string): readonly string[] {
  const mask = BigInt(`0x${hexMask}`);
  return ALL_CAPABILITIES.filter((_, number) => ((mask >> BigInt(number)) & 1n) === 1n);
}

export interface CapabilityRequest {
  readonly add: readonly string[];
  readonly drop: readonly string[];
  readonly isPrivileged: boolean;
  /** What the engine itself has: nobody can be given more. */
  readonly available: readonly string[];
}

/**
 * The capabilities of a container, as Docker computes them: `ALL` first, single names over it; `--privileged` is all.
 * Asked-for ones that the engine does not have are left out.
 */
export function chooseCapabilities(request: CapabilityRequest): Result<readonly string[]> {
  const available = new Set(request.available);
  if (request.isPrivileged) {
    return ok(ALL_CAPABILITIES.filter((name) => available.has(name)));
  }
  const add = normalizeNames(request.add);
  const drop = normalizeNames(request.drop);
  if (!add.ok) {
    return add;
  }
  if (!drop.ok) {
    return drop;
  }
  const start = drop.value.has('ALL') ? [] : add.value.has('ALL') ? ALL_CAPABILITIES : DEFAULT_CAPABILITIES;
  const chosen = new Set(start.filter((name) => !drop.value.has(name)));
  for (const name of add.value) {
    if (name === 'ALL') {
      ALL_CAPABILITIES.filter((each) => !drop.value.has(each)).forEach((each) => chosen.add(each));
    } else {
      chosen.add(name);
    }
  }
  return ok(ALL_CAPABILITIES.filter((name) => chosen.has(name) && available.has(name)));
}

function normalizeNames(names: readonly string[]): Result<ReadonlySet<string>> {
  const normalized = new Set<string>();
  for (const text of names) {
    const upper = text.toUpperCase();
    const name = upper === 'ALL' || upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
    if (name !== 'ALL' && !ALL_CAPABILITIES.includes(name)) {
      return fail('invalid_argument', `invalid capability: ${JSON.stringify(text.slice(0, 60))}`);
    }
    normalized.add(name);
  }
  return ok(normalized);
}
