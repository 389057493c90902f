/** A seccomp section of an OCI runtime configuration (OCI runtime spec, config-linux: Seccomp). */
export interface SeccompSection {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly SeccompRule[];
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArgument[];
}

export interface SeccompArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: string;
}

const ALLOW = 'SCMP_ACT_ALLOW';
const ERRNO = 'SCMP_ACT_ERRNO';
const EPERM = 1;
const ENOSYS = 38;

/** clone(2) flags that make a namespace (all but CLONE_NEWTIME, which shares bits with the exit signal). */
const NAMESPACE_FLAGS = 0x7e020000;
const AF_VSOCK = 40;
/** personality(2) values that are harmless: PER_LINUX, UNAME26 variants, PER_LINUX32, and the query. */
const PERSONALITIES: readonly number[] = [0x0, 0x0008, 0x20000, 0x20008, 0xffffffff];

/** System calls by what they are about. A container without further capabilities may use all of these. */
const ALLOWED: Readonly<Record<string, string>> = {
  files: `access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
    fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync
    fgetxattr file_getattr file_setattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs
    fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64 getxattr getxattrat lchown lchown32
    lgetxattr link linkat listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 mkdir
    mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 pipe pipe2 readlink readlinkat
    removexattr removexattrat rename renameat renameat2 rmdir setxattr setxattrat stat stat64 statfs statfs64 statx
    symlink symlinkat sync sync_file_range syncfs truncate truncate64 umask unlink unlinkat utime utimensat
    utimensat_time64 utimes listmount statmount`,
  readingAndWriting: `io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit pread64
    preadv preadv2 pwrite64 pwritev pwritev2 read readahead readv sendfile sendfile64 splice tee vmsplice write writev
    cachestat`,
  waiting: `epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
    eventfd2 poll ppoll ppoll_time64 pselect6 pselect6_time64 select _newselect signalfd signalfd4 timerfd_create
    timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 inotify_add_watch inotify_init inotify_init1
    inotify_rm_watch fanotify_mark`,
  memory: `brk get_mempolicy_unused madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2
    mlockall mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect
    process_madvise_unused process_mrelease remap_file_pages`,
  processes: `capget capset execve execveat exit exit_group fork getegid getegid32 geteuid geteuid32 getgid getgid32
    getgroups getgroups32 getpgid getpgrp getpid getppid getpriority getresgid getresgid32 getresuid getresuid32
    getrlimit get_robust_list getrusage getsid gettid get_thread_area getuid getuid32 kill pidfd_open pidfd_send_signal
    pause prctl prlimit64 restart_syscall rseq sched_getaffinity sched_getattr sched_getparam sched_get_priority_max
    sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity
    sched_setattr sched_setparam sched_setscheduler sched_yield setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32
    setgroups setgroups32 setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid
    setreuid32 setrlimit set_robust_list setsid set_thread_area set_tid_address setuid setuid32 tgkill tkill ugetrlimit
    vfork wait4 waitid waitpid seccomp landlock_add_rule landlock_create_ruleset landlock_restrict_self ioprio_get
    ioprio_set lsm_get_self_attr lsm_list_modules lsm_set_self_attr uretprobe`,
  signals: `rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
    rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn alarm getitimer setitimer`,
  time: `adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
    clock_nanosleep clock_nanosleep_time64 gettimeofday nanosleep time timer_create timer_delete timer_getoverrun
    timer_gettime timer_gettime64 timer_settime timer_settime64 times`,
  synchronisation: `futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake`,
  sockets: `accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg
    recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair`,
  ipc: `ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
    mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget`,
  system: `getcpu getrandom ioctl sysinfo uname arch_prctl modify_ldt`,
};

/** Names above that only keep a place in the table. */
const UNUSED_SUFFIX = '_unused';

/** System calls that come with a capability. */
const BY_CAPABILITY: Readonly<Record<string, string>> = {
  CAP_DAC_READ_SEARCH: 'open_by_handle_at',
  CAP_SYS_ADMIN: `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr
    move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2
    unshare`,
  CAP_SYS_BOOT: 'reboot',
  CAP_SYS_CHROOT: 'chroot',
  CAP_SYS_MODULE: 'delete_module init_module finit_module',
  CAP_SYS_PACCT: 'acct',
  CAP_SYS_PTRACE: 'kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace',
  CAP_SYS_RAWIO: 'iopl ioperm',
  CAP_SYS_TIME: 'settimeofday stime clock_settime clock_settime64',
  CAP_SYS_TTY_CONFIG: 'vhangup',
  CAP_SYS_NICE: 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node',
  CAP_SYSLOG: 'syslog',
  CAP_BPF: 'bpf',
  CAP_PERFMON: 'perf_event_open',
};

const ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  amd64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
  arm: ['SCMP_ARCH_ARM'],
  s390x: ['SCMP_ARCH_S390X', 'SCMP_ARCH_S390'],
  ppc64le: ['SCMP_ARCH_PPC64LE'],
  riscv64: ['SCMP_ARCH_RISCV64'],
};

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '' && !word.endsWith(UNUSED_SUFFIX));
}

/**
 * The seccomp filter of a container: everything that ordinary programs need is allowed, what reaches beyond the
 * container is refused with EPERM unless a capability is there for it (the same allowances as Docker's default).
 * clone3 answers ENOSYS, so that C libraries fall back to clone, whose flags a filter can look at.
 */
export function defaultSeccomp(architecture: string, capabilities: readonly string[]): SeccompSection {
  const granted = capabilities.flatMap((name) => words(BY_CAPABILITY[name] ?? ''));
  const isAdmin = capabilities.includes('CAP_SYS_ADMIN');
  const names = new Set([
    ...Object.values(ALLOWED).flatMap(words),
    'ptrace',
    'process_vm_readv',
    'process_vm_writev',
  ]);
  granted.forEach((name) => names.add(name));
  const rules: SeccompRule[] = [
    { names: [...names].sort(), action: ALLOW },
    ...PERSONALITIES.map((value): SeccompRule => ({
      names: ['personality'],
      action: ALLOW,
      args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
    })),
    { names: ['socket'], action: ALLOW, args: [{ index: 0, value: AF_VSOCK, op: 'SCMP_CMP_NE' }] },
  ];
  if (!isAdmin) {
    rules.push(
      {
        names: ['clone'],
        action: ALLOW,
        args: [
          {
            index: architecture === 's390x' ? 1 : 0,
            value: NAMESPACE_FLAGS,
            valueTwo: 0,
            op: 'SCMP_CMP_MASKED_EQ',
          },
        ],
      },
      { names: ['clone3'], action: ERRNO, errnoRet: ENOSYS },
    );
  }
  return {
    defaultAction: ERRNO,
    defaultErrnoRet: EPERM,
    architectures: ARCHITECTURES[architecture] ?? [],
    syscalls: rules,
  };
}
