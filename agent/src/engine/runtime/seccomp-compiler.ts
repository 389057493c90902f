import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { assert } from '@skep/kernel';
import type { SeccompArgument, SeccompSection } from '../seccomp-profile.ts';

/** Libraries of Debian, Fedora and their kin. */
const LIBRARY = 'libseccomp.so.2';
const CACHE_MAX = 64;
/** SCMP_FLTATR_CTL_OPTIMIZE: 2 makes a binary tree of the filter, which is faster for each system call. */
const ATTRIBUTE_OPTIMIZE = 8;
const OPTIMIZE_TREE = 2;
const EPERM = 1;

const COMPARISONS: readonly string[] = [
  '',
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
];

interface Library {
  readonly init: (action: number) => unknown;
  readonly release: (context: unknown) => void;
  readonly setAttribute: (context: unknown, attribute: number, value: number) => number;
  readonly resolveArchitecture: (name: string) => number;
  readonly addArchitecture: (context: unknown, architecture: number) => number;
  readonly resolveSyscall: (name: string) => number;
  readonly addRule: (
    ...args: readonly [
      context: unknown,
      action: number,
      syscall: number,
      count: number,
      args: readonly object[],
    ]
  ) => number;
  readonly exportFilter: (context: unknown, fd: number) => number;
}

/**
 * Compiles seccomp profiles with libseccomp, once for each distinct profile: the runtime would do it anew for each
 * container, which is half of the time that it takes to create one. `crun` takes the compiled filter by annotation.
 */
export class SeccompCompiler {
  readonly #scratch: string;
  readonly #library: Library | null;
  readonly #cache = new Map<string, string>();

  /** `scratch` is a directory for temporary files. */
  constructor(scratch: string) {
    this.#scratch = scratch;
    this.#library = loadLibrary();
  }

  /** The filter in base64, or null when it cannot be compiled here: then the runtime has to. */
  compile(profile: SeccompSection): string | null {
    const text = JSON.stringify(profile);
    const key = createHash('sha256').update(text).digest('hex');
    const known = this.#cache.get(key);
    if (known !== undefined || this.#library === null) {
      return known ?? null;
    }
    const filter = this.#compileNew(this.#library, profile);
    if (filter !== null) {
      if (this.#cache.size >= CACHE_MAX) {
        this.#cache.clear();
      }
      this.#cache.set(key, filter);
    }
    return filter;
  }

  #compileNew(library: Library, profile: SeccompSection): string | null {
    const fallbackErrno = profile.defaultErrnoRet ?? EPERM;
    const defaultAction = actionCode(profile.defaultAction, fallbackErrno);
    const context = defaultAction === null ? null : library.init(defaultAction);
    if (context === null) {
      return null;
    }
    try {
      library.setAttribute(context, ATTRIBUTE_OPTIMIZE, OPTIMIZE_TREE);
      for (const name of profile.architectures) {
        // The machine's own architecture is there already, which counts as an error here.
        library.addArchitecture(context, library.resolveArchitecture(shortArchitecture(name)));
      }
      for (const rule of profile.syscalls) {
        const action = actionCode(rule.action, rule.errnoRet ?? fallbackErrno);
        if (
          action === null ||
          !addRule(library, context, { action, names: rule.names, args: rule.args ?? [] })
        ) {
          return null;
        }
      }
      return this.#exportFilter(library, context);
    } finally {
      library.release(context);
    }
  }

  #exportFilter(library: Library, context: unknown): string | null {
    mkdirSync(this.#scratch, { recursive: true, mode: 0o700 });
    const path = join(this.#scratch, `seccomp-${String(process.pid)}.bpf`);
    const fd = openSync(path, 'w', 0o600);
    try {
      return library.exportFilter(context, fd) === 0 ? readFileSync(path).toString('base64') : null;
    } finally {
      closeSync(fd);
      rmSync(path, { force: true });
    }
  }
}

function loadLibrary(): Library | null {
  try {
    const library = koffi.load(LIBRARY);
    koffi.struct('scmp_arg_cmp', {
      arg: 'unsigned int',
      op: 'int',
      datum_a: 'uint64_t',
      datum_b: 'uint64_t',
    });
    return {
      init: library.func('void *seccomp_init(uint32_t action)'),
      release: library.func('void seccomp_release(void *ctx)'),
      setAttribute: library.func('int seccomp_attr_set(void *ctx, int attribute, uint32_t value)'),
      resolveArchitecture: library.func('uint32_t seccomp_arch_resolve_name(const char *name)'),
      addArchitecture: library.func('int seccomp_arch_add(void *ctx, uint32_t arch)'),
      resolveSyscall: library.func('int seccomp_syscall_resolve_name(const char *name)'),
      addRule: library.func(
        'int seccomp_rule_add_array(void *ctx, uint32_t action, int syscall, unsigned int count, scmp_arg_cmp *args)',
      ),
      exportFilter: library.func('int seccomp_export_bpf(void *ctx, int fd)'),
    };
  } catch (error: unknown) {
    // Hosts without libseccomp have runtimes that bring their own, or none.
    assert(error instanceof Error, 'koffi throws errors');
    return null;
  }
}

function addRule(
  library: Library,
  context: unknown,
  rule: {
    readonly action: number;
    readonly names: readonly string[];
    readonly args: readonly SeccompArgument[];
  },
): boolean {
  const args = rule.args.map((arg) => ({
    arg: arg.index,
    op: COMPARISONS.indexOf(arg.op),
    datum_a: BigInt(arg.value),
    datum_b: BigInt(arg.valueTwo ?? 0),
  }));
  if (args.some((arg) => arg.op <= 0)) {
    return false;
  }
  return rule.names.every((name) => {
    const syscall = library.resolveSyscall(name);
    // Names that this libseccomp does not know cannot be called by number either: the default action stands.
    return syscall === -1 || library.addRule(context, rule.action, syscall, args.length, args) === 0;
  });
}

/** `SCMP_ARCH_X86_64` -> `x86_64`. */
function shortArchitecture(name: string): string {
  return name.replace(/^SCMP_ARCH_/, '').toLowerCase();
}

function actionCode(action: string, errno: number): number | null {
  switch (action) {
    case 'SCMP_ACT_ALLOW':
      return 0x7fff0000;
    case 'SCMP_ACT_ERRNO':
      return 0x00050000 + errno;
    case 'SCMP_ACT_LOG':
      return 0x7ffc0000;
    case 'SCMP_ACT_TRAP':
      return 0x00030000;
    case 'SCMP_ACT_KILL':
    case 'SCMP_ACT_KILL_THREAD':
      return 0;
    case 'SCMP_ACT_KILL_PROCESS':
      return 0x80000000;
    default:
      return null;
  }
}
