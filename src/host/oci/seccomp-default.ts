/**
 * The facts of Docker's default seccomp profile: which system calls a container may make. Everything else fails with EPERM.
 * Source: the profile that dockerd 28.5 hands to runc, observed per capability; see docs.docker.com, "Seccomp security profiles".
 */

/**
 * Allowed to everyone, with any arguments. Those that only 32-bit machines have come first, then the others from the highest number on
 * x86-64 to the lowest: libseccomp inserts each rule into a list that it searches from its low end. In alphabetical order it takes 8 ms
 * instead of 1 to take these in, at every start of a container.
 */
export const ALLOWED_SYSCALLS: readonly string[] = words(`
  getxattrat listmount listxattrat mseal recv removexattrat riscv_hwprobe send setxattrat statmount uretprobe
  sched_rr_get_interval_time64 futex_time64 rt_sigtimedwait_time64 semtimedop_time64 mq_timedreceive_time64
  mq_timedsend_time64 recvmmsg_time64 io_pgetevents_time64 ppoll_time64 pselect6_time64 utimensat_time64
  timerfd_settime64 timerfd_gettime64 timer_settime64 timer_gettime64 clock_nanosleep_time64 clock_getres_time64
  clock_adjtime64 clock_gettime64 fstatat64 fadvise64_64 fstatfs64 statfs64 sendfile64 fcntl64 setfsgid32
  setfsuid32 setgid32 setuid32 chown32 getresgid32 setresgid32 getresuid32 setresuid32 fchown32 setgroups32
  getgroups32 setregid32 setreuid32 getegid32 geteuid32 getgid32 getuid32 lchown32 fstat64 lstat64 stat64
  ftruncate64 truncate64 mmap2 ugetrlimit _newselect _llseek sigprocmask sigreturn ipc socketcall waitpid
  futex_requeue futex_wait futex_wake map_shadow_stack fchmodat2 cachestat futex_waitv process_mrelease
  memfd_secret landlock_restrict_self landlock_add_rule landlock_create_ruleset epoll_pwait2 faccessat2 openat2
  close_range pidfd_open pidfd_send_signal rseq io_pgetevents statx pkey_free pkey_alloc pkey_mprotect pwritev2
  preadv2 copy_file_range mlock2 membarrier execveat memfd_create getrandom seccomp renameat2 sched_getattr
  sched_setattr getcpu sendmmsg syncfs clock_adjtime name_to_handle_at prlimit64 fanotify_mark recvmmsg
  rt_tgsigqueueinfo pwritev preadv inotify_init1 pipe2 dup3 epoll_create1 eventfd2 signalfd4 accept4
  timerfd_gettime timerfd_settime fallocate eventfd timerfd_create signalfd epoll_pwait utimensat vmsplice
  sync_file_range tee splice get_robust_list set_robust_list ppoll pselect6 faccessat fchmodat readlinkat symlinkat
  linkat renameat unlinkat newfstatat futimesat fchownat mknodat mkdirat openat inotify_rm_watch inotify_add_watch
  inotify_init ioprio_get ioprio_set waitid mq_getsetattr mq_notify mq_timedreceive mq_timedsend mq_unlink mq_open
  utimes tgkill epoll_ctl epoll_wait exit_group clock_nanosleep clock_getres clock_gettime timer_delete
  timer_getoverrun timer_gettime timer_settime timer_create fadvise64 semtimedop restart_syscall set_tid_address
  getdents64 remap_file_pages epoll_wait_old epoll_ctl_old epoll_create get_thread_area io_cancel io_submit
  io_getevents io_destroy io_setup set_thread_area sched_getaffinity sched_setaffinity futex time tkill
  fremovexattr lremovexattr removexattr flistxattr llistxattr listxattr fgetxattr lgetxattr getxattr fsetxattr
  lsetxattr setxattr readahead gettid sync setrlimit adjtimex prctl munlockall mlockall munlock mlock
  sched_rr_get_interval sched_get_priority_min sched_get_priority_max sched_getscheduler sched_setscheduler
  sched_getparam sched_setparam setpriority getpriority fstatfs statfs mknod utime sigaltstack rt_sigsuspend
  rt_sigqueueinfo rt_sigtimedwait rt_sigpending capset capget getsid setfsgid setfsuid getpgid getresgid setresgid
  getresuid setresuid setgroups getgroups setregid setreuid setsid getpgrp getppid setpgid getegid geteuid setgid
  setuid getgid getuid times sysinfo getrusage getrlimit gettimeofday umask lchown fchown chown fchmod chmod
  readlink symlink unlink link creat rmdir mkdir rename fchdir chdir getcwd getdents ftruncate truncate fdatasync
  fsync flock fcntl msgctl msgrcv msgsnd msgget shmdt semctl semop semget uname kill wait4 exit execve vfork fork
  getsockopt setsockopt socketpair getpeername getsockname listen bind shutdown recvmsg sendmsg recvfrom sendto
  accept connect sendfile getpid setitimer alarm getitimer nanosleep pause dup2 dup shmctl shmat shmget madvise
  mincore msync mremap sched_yield select pipe access writev readv pwrite64 pread64 ioctl rt_sigreturn
  rt_sigprocmask rt_sigaction brk munmap mprotect mmap lseek poll lstat fstat stat close open write read
`);

/** Allowed in addition to who has the capability. */
export const ALLOWED_WITH_CAPABILITY: Readonly<Record<string, readonly string[]>> = {
  CAP_DAC_READ_SEARCH: ['open_by_handle_at'],
  CAP_SYS_ADMIN: words(`
    bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules
    lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname
    sethostname setns syslog umount umount2 unshare
  `),
  CAP_SYS_BOOT: ['reboot'],
  CAP_SYS_CHROOT: ['chroot'],
  CAP_SYS_MODULE: ['delete_module', 'init_module', 'finit_module'],
  CAP_SYS_PACCT: ['acct'],
  CAP_SYS_PTRACE: ['kcmp', 'pidfd_getfd', 'process_madvise', 'process_vm_readv', 'process_vm_writev', 'ptrace'],
  CAP_SYS_RAWIO: ['iopl', 'ioperm'],
  CAP_SYS_TIME: ['settimeofday', 'stime', 'clock_settime', 'clock_settime64'],
  CAP_SYS_TTY_CONFIG: ['vhangup'],
  CAP_SYS_NICE: ['get_mempolicy', 'mbind', 'set_mempolicy', 'set_mempolicy_home_node'],
  CAP_SYSLOG: ['syslog'],
  CAP_BPF: ['bpf'],
  CAP_PERFMON: ['perf_event_open'],
};

/** Allowed from Linux 4.8 on, where seccomp filters also see what a tracer changed. */
export const ALLOWED_SINCE_4_8: readonly string[] = ['process_vm_readv', 'process_vm_writev', 'ptrace'];

export interface ArchitectureFacts {
  /** libseccomp names, native one first. */
  architectures: string[];
  syscalls: string[];
}

/** What depends on the machine, by Node's `process.arch`. */
export const BY_ARCHITECTURE: Readonly<Record<string, ArchitectureFacts>> = {
  x64: {
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    syscalls: ['arch_prctl', 'modify_ldt'],
  },
  ia32: { architectures: ['SCMP_ARCH_X86'], syscalls: ['modify_ldt'] },
  arm64: {
    architectures: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
    syscalls: words('arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2'),
  },
  arm: {
    architectures: ['SCMP_ARCH_ARM'],
    syscalls: words('arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2'),
  },
  riscv64: { architectures: ['SCMP_ARCH_RISCV64'], syscalls: ['riscv_flush_icache'] },
  ppc64: { architectures: ['SCMP_ARCH_PPC64LE'], syscalls: ['sync_file_range2', 'swapcontext'] },
  s390x: {
    architectures: ['SCMP_ARCH_S390X', 'SCMP_ARCH_S390'],
    syscalls: words('s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr'),
  },
};

/** personality(2) is allowed with these only: PER_LINUX, PER_LINUX32, both with UNAME26, and the query 0xffffffff. */
export const ALLOWED_PERSONALITIES: readonly number[] = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

/** AF_VSOCK: sockets of this family would reach the hypervisor, so socket(2) is allowed with all others. */
export const FORBIDDEN_SOCKET_FAMILY = 40;

/** The CLONE_NEW* flags: clone(2) is allowed without any of them unless the container has CAP_SYS_ADMIN. */
export const NAMESPACE_CLONE_FLAGS = 0x7e020000;

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
