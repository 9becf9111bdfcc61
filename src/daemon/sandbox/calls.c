#ifdef GGWIRE_SECCOMP

#include "daemon/sandbox/calls.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define N(table) (sizeof(table) / sizeof((table)[0]))

/* Of headers that may be older than the kernel. */
#ifndef TCGETS2
#define TCGETS2 TCGETS
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

static const char *const common_names[] = {
	/* what the C library and any program need */
	"arch_prctl",
	"brk",
	"clock_getres",
	"clock_gettime",
	"clock_nanosleep",
	"close",
	"exit",
	"exit_group",
	"fstat",
	"futex",
	"getcpu",
	"getegid",
	"geteuid",
	"getgid",
	"getpid",
	"getppid",
	"getrandom",
	"getrlimit",
	"getrusage",
	"gettid",
	"gettimeofday",
	"getuid",
	"lseek",
	"madvise",
	"membarrier",
	"mmap",
	"mprotect",
	"mremap",
	"munmap",
	"nanosleep",
	"newfstatat",
	"read",
	"readv",
	"restart_syscall",
	"riscv_flush_icache",
	"riscv_hwprobe",
	"rseq",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sched_getaffinity",
	"sched_yield",
	"set_robust_list",
	"sigaltstack",
	"statx",
	"sysinfo",
	"time",
	"uname",
	"write",
	"writev",
	/* connections that are there already */
	"epoll_create1",
	"epoll_ctl",
	"epoll_pwait",
	"epoll_wait",
	"getpeername",
	"getsockname",
	"getsockopt",
	"poll",
	"ppoll",
	"pselect6",
	"recvfrom",
	"recvmsg",
	"select",
	"sendmsg",
	"sendto",
	"shutdown",
};

static const struct gw_sandbox_value common_values[] = {
	{"fcntl", 1, F_GETFD},
	{"fcntl", 1, F_SETFD},
	{"fcntl", 1, F_GETFL},
	{"fcntl", 1, F_SETFL},
	{"ioctl", 1, FIONREAD},
	{"ioctl", 1, TCGETS},
	{"ioctl", 1, (uint32_t)TCGETS2},
	{"prctl", 0, PR_GET_NAME},
	{"prctl", 0, PR_SET_NAME},
	{"prctl", 0, PR_SET_VMA},
	{"prlimit64", 0, 0},
};

const struct gw_sandbox_calls gw_sandbox_common_calls = {
	common_names, N(common_names), common_values, N(common_values)};

static const char *const cpu_names[] = {
	/* files: which ones is Landlock's business */
	"access",
	"copy_file_range",
	"eventfd2",
	"faccessat",
	"faccessat2",
	"fadvise64",
	"fallocate",
	"fdatasync",
	"flock",
	"fstatfs",
	"fsync",
	"ftruncate",
	"getcwd",
	"getdents64",
	"link",
	"linkat",
	"lstat",
	"mkdir",
	"mkdirat",
	"open",
	"openat",
	"pipe2",
	"pread64",
	"preadv",
	"preadv2",
	"pwrite64",
	"pwritev",
	"pwritev2",
	"readlink",
	"readlinkat",
	"rename",
	"renameat",
	"renameat2",
	"sendfile",
	"stat",
	"statfs",
	"sync_file_range",
	"umask",
	"unlink",
	"unlinkat",
	"utimensat",
	/* memory and threads of this process */
	"get_mempolicy",
	"mbind",
	"mincore",
	"mlock",
	"mlock2",
	"msync",
	"munlock",
	"rt_sigtimedwait",
	"sched_getparam",
	"sched_getscheduler",
	"set_mempolicy",
};

static const struct gw_sandbox_value cpu_values[] = {
	{"fcntl", 1, F_DUPFD_CLOEXEC},
	{"fcntl", 1, F_GETLK},
	{"fcntl", 1, F_SETLK},
	{"fcntl", 1, F_SETLKW},
	{"ioctl", 1, TIOCGWINSZ},
};

const struct gw_sandbox_calls gw_sandbox_cpu_calls = {cpu_names, N(cpu_names), cpu_values, N(cpu_values)};

static const char *const http_names[] = {"accept4"};

const struct gw_sandbox_calls gw_sandbox_http_calls = {http_names, N(http_names), NULL, 0};

const struct gw_sandbox_option gw_sandbox_options[] = {
	{SOL_SOCKET, SO_KEEPALIVE},
	{SOL_SOCKET, SO_RCVTIMEO},
	{SOL_SOCKET, SO_SNDTIMEO},
	{IPPROTO_TCP, TCP_CORK},
	{IPPROTO_TCP, TCP_KEEPCNT},
	{IPPROTO_TCP, TCP_KEEPIDLE},
	{IPPROTO_TCP, TCP_KEEPINTVL},
	{IPPROTO_TCP, TCP_NODELAY},
	{IPPROTO_TCP, TCP_QUICKACK},
};
const size_t gw_sandbox_n_options = N(gw_sandbox_options);

static const char *const denied_names[] = {
	/* other programs and processes */
	"execve",
	"execveat",
	"fork",
	"vfork",
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	"process_madvise",
	"process_mrelease",
	"pidfd_open",
	"pidfd_getfd",
	"pidfd_send_signal",
	"kcmp",
	"tkill",
	"rt_sigqueueinfo",
	"rt_tgsigqueueinfo",
	"ioprio_set",
	"migrate_pages",
	"setpgid",
	"setsid",
	/* memory and messages that processes have in common */
	"shmget",
	"shmat",
	"shmctl",
	"shmdt",
	"semget",
	"semop",
	"semtimedop",
	"semctl",
	"msgget",
	"msgsnd",
	"msgrcv",
	"msgctl",
	"mq_open",
	"mq_unlink",
	"mq_timedsend",
	"mq_timedreceive",
	"mq_notify",
	"mq_getsetattr",
	"memfd_secret",
	/* other views of the system */
	"mount",
	"umount",
	"umount2",
	"mount_setattr",
	"move_mount",
	"open_tree",
	"open_tree_attr",
	"fsopen",
	"fsconfig",
	"fsmount",
	"fspick",
	"statmount",
	"listmount",
	"pivot_root",
	"chroot",
	"setns",
	"unshare",
	/* what a filter cannot see into */
	"io_uring_setup",
	"io_uring_enter",
	"io_uring_register",
	/* the kernel itself */
	"bpf",
	"perf_event_open",
	"userfaultfd",
	"vmsplice",
	"kexec_load",
	"kexec_file_load",
	"init_module",
	"finit_module",
	"delete_module",
	"create_module",
	"reboot",
	"swapon",
	"swapoff",
	"acct",
	"quotactl",
	"quotactl_fd",
	"syslog",
	"add_key",
	"request_key",
	"keyctl",
	"lookup_dcookie",
	"vhangup",
	"iopl",
	"ioperm",
	"modify_ldt",
	"uselib",
	"nfsservctl",
	"fanotify_init",
	"fanotify_mark",
	"settimeofday",
	"stime",
	"clock_settime",
	"clock_settime64",
	"clock_adjtime",
	"clock_adjtime64",
	"adjtimex",
	"sethostname",
	"setdomainname",
	/* files, past what their paths allow */
	"open_by_handle_at",
	"name_to_handle_at",
	"mknod",
	"mknodat",
	"chmod",
	"fchmod",
	"fchmodat",
	"fchmodat2",
	"chown",
	"fchown",
	"lchown",
	"fchownat",
	"setxattr",
	"lsetxattr",
	"fsetxattr",
	"setxattrat",
	"removexattr",
	"lremovexattr",
	"fremovexattr",
	"removexattrat",
	/* who this is */
	"setuid",
	"setgid",
	"setreuid",
	"setregid",
	"setresuid",
	"setresgid",
	"setfsuid",
	"setfsgid",
	"setgroups",
	"capset",
	/* connections from others */
	"listen",
	"accept",
	"accept4",
};

static const struct gw_sandbox_value denied_values[] = {
	/* signals of the kernel's, to any process of the user */
	{"fcntl", 1, F_SETOWN},
	{"fcntl", 1, F_SETOWN_EX},
	{"fcntl", 1, F_SETSIG},
	{"fcntl", 1, F_SETLEASE},
	{"fcntl", 1, F_NOTIFY},
	{"ioctl", 1, FIOSETOWN},
	{"ioctl", 1, SIOCSPGRP},
	/* input that a terminal takes for its user's, and its other powers */
	{"ioctl", 1, TIOCSTI},
	{"ioctl", 1, TIOCLINUX},
	{"ioctl", 1, TIOCCONS},
	{"ioctl", 1, TIOCSETD},
	{"ioctl", 1, TIOCSCTTY},
	{"ioctl", 1, TIOCSPGRP},
	/* what gw_sandbox_begin and the start of a worker have set */
	{"prctl", 0, PR_SET_DUMPABLE},
	{"prctl", 0, PR_SET_PDEATHSIG},
	{"prctl", 0, PR_SET_PTRACER},
	{"prctl", 0, PR_SET_MM},
};

const struct gw_sandbox_calls gw_sandbox_denied_calls = {
	denied_names, N(denied_names), denied_values, N(denied_values)};

const char *const gw_sandbox_own_only[] = {
	"prlimit64", "sched_setattr", "sched_setparam", "sched_setscheduler", "move_pages"};
const size_t gw_sandbox_n_own_only = N(gw_sandbox_own_only);

#endif
