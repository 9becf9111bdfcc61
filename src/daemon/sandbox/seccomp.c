/* The filter of system calls. It names what is dangerous rather than what is needed: drivers of devices use calls that
 * nobody has listed. */
#include "daemon/sandbox/sandbox.h"

#ifdef GGWIRE_SECCOMP

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Denied whatever the arguments are. Names that a libseccomp does not know are passed over. */
static const char *const denied[] = {
	/* other programs and processes */
	"execve",
	"execveat",
	"fork",
	"vfork",
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	"process_madvise",
	"pidfd_open",
	"pidfd_getfd",
	"kcmp",
	"tkill",
	"rt_sigqueueinfo",
	"rt_tgsigqueueinfo",
	"pidfd_send_signal",
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

/* Denied where no driver needs them, to speak with the kernel or with a daemon of its own. */
static const char *const denied_without_drivers[] = {"socket", "connect", "socketpair", "bind"};

static bool deny_all(scmp_filter_ctx ctx, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);
		if (number == __NR_SCMP_ERROR)
			continue;
		int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), number, 0);
		if (rc && rc != -EDOM && rc != -EACCES)
			return false;
	}
	return true;
}

/* Processes: clone makes threads only, signals go to this process only. clone3 has its flags in memory, where a filter
 * cannot look; the C library goes on with clone when there is none. */
static bool deny_processes(scmp_filter_ctx ctx)
{
	const scmp_datum_t self = (scmp_datum_t)getpid();
	return !seccomp_rule_add(
		       ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)) &&
	       !seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) &&
	       !seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(kill), 1, SCMP_A0(SCMP_CMP_NE, self, 0)) &&
	       !seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_NE, self, 0)) &&
	       /* Input that a terminal takes for its user's. */
	       !seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
		       SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, TIOCSTI));
}

/* Every family but those that do not leave the machine. */
static bool deny_networks(scmp_filter_ctx ctx)
{
	for (int family = 0; family <= AF_NETLINK; family++) {
		if (family == AF_UNIX || family == AF_NETLINK)
			continue;
		if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
			    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family, 0)))
			return false;
	}
	return !seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_NETLINK, 0));
}

static bool build(scmp_filter_ctx ctx, bool drivers)
{
	/* Threads that a driver has started already are bound too. */
	if (seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1))
		return false;
	if (!deny_all(ctx, denied, sizeof(denied) / sizeof(denied[0])) || !deny_processes(ctx))
		return false;
	if (drivers)
		return deny_networks(ctx);
	return deny_all(
		ctx, denied_without_drivers, sizeof(denied_without_drivers) / sizeof(denied_without_drivers[0]));
}

bool gw_sandbox_seccomp(bool drivers)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx)
		return false;
	bool ok = build(ctx, drivers) && !seccomp_load(ctx);
	seccomp_release(ctx);
	return ok;
}

#else

bool gw_sandbox_seccomp(bool drivers)
{
	(void)drivers;
	return false;
}

#endif
