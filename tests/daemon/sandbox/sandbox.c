/* What code in a worker cannot do. Each attempt runs in a child that has entered the sandbox. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/in_sandbox.h"

static char directory[64], cache[80], outside[96];

static int setup(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/ggwire-sandbox-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(cache, sizeof(cache), "%s/cache", directory);
	assert_int_equal(mkdir(cache, 0755), 0);
	snprintf(outside, sizeof(outside), "%s/outside", directory);
	int fd = open(outside, O_CREAT | O_WRONLY, 0666);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "secret", 6), 6);
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	char path[128];
	snprintf(path, sizeof(path), "%s/kept", cache);
	unlink(path);
	unlink(outside);
	rmdir(cache);
	rmdir(directory);
	return 0;
}

static void attempt_it(enum gw_sandbox_kind kind, int (*attempt)(void))
{
	in_sandbox(&(struct gw_sandbox){.mode = GW_SANDBOX_REQUIRE, .kind = kind, .cache_dir = cache}, attempt);
}

static int write_outside(void)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/new", directory);
	return denied(open(outside, O_WRONLY)) || denied(open(outside, O_RDWR)) ||
	       denied(open(path, O_CREAT | O_RDONLY, 0644)) || denied(truncate(outside, 0)) ||
	       denied(unlink(outside)) || denied(chmod(outside, 0777)) || denied(symlink(outside, path)) ||
	       denied(mkdir(path, 0755));
}

static int read_outside(void)
{
	return denied(open(outside, O_RDONLY)) || denied(open("/etc/passwd", O_RDONLY));
}

static int use_cache(void)
{
	char temporary[128], path[128];
	snprintf(temporary, sizeof(temporary), "%s/.ggwire-XXXXXX", cache);
	snprintf(path, sizeof(path), "%s/kept", cache);
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0 || write(fd, "weights", 7) != 7 || close(fd) || rename(temporary, path))
		return 1;
	char back[8];
	fd = open(path, O_RDONLY);
	return fd < 0 || read(fd, back, sizeof(back)) != 7;
}

/* A driver's cache of compiled kernels. setup sets $XDG_CACHE_HOME to its directory. */
static int use_driver_cache(void)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/mesa_shader_cache/kernel", directory);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	return fd < 0 || write(fd, "kernel", 6) != 6 || denied(open(outside, O_RDONLY));
}

static int run_programs(void)
{
	char *const argv[] = {(char *)"true", NULL};
	/* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork): must be denied */
	return denied(execv("/bin/true", argv)) || denied(fork()) || denied(vfork()) ||
	       denied(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, NULL, 0));
}

static int connect_somewhere(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int pair[2];
	return denied(socket(AF_INET, SOCK_STREAM, 0)) || denied(socket(AF_INET6, SOCK_DGRAM, 0)) ||
	       denied(socket(AF_PACKET, SOCK_RAW, 0)) || denied(socket(AF_UNIX, SOCK_STREAM, 0)) ||
	       denied(connect(0, (struct sockaddr *)&un, sizeof(un))) ||
	       denied(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}

static int connect_with_drivers(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd < 0 || denied(socket(AF_INET, SOCK_STREAM, 0)) || denied(socket(AF_INET6, SOCK_STREAM, 0)) ||
	       denied(socket(AF_VSOCK, SOCK_STREAM, 0)) || denied(socket(AF_PACKET, SOCK_RAW, 0));
}

static int reach_others(void)
{
	return denied(kill(getppid(), SIGKILL)) || denied(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)) ||
	       denied(mount("none", directory, "tmpfs", 0, NULL)) || denied(syscall(SYS_unshare, 0x10000000)) ||
	       denied(syscall(SYS_bpf, 0, NULL, 0)) || denied(syscall(SYS_io_uring_setup, 1, NULL)) ||
	       denied(syscall(SYS_pidfd_open, getppid(), 0)) || denied(setuid(0));
}

/* The supervisor runs as the same user as its workers, so without the sandbox the kernel would allow this. */
static int change_others(void)
{
	const struct rlimit limit = {1, 1};
	const struct sched_param param = {0};
	const struct iovec part = {NULL, 0};
	cpu_set_t cpus;
	pid_t other = getppid();
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	return denied(prlimit(other, RLIMIT_NOFILE, &limit, NULL)) ||
	       denied(setpriority(PRIO_PROCESS, (id_t)other, 19)) || denied(setpriority(PRIO_USER, 0, 19)) ||
	       denied(sched_setscheduler(other, SCHED_IDLE, &param)) || denied(sched_setparam(other, &param)) ||
	       denied(sched_setaffinity(other, sizeof(cpus), &cpus)) ||
	       denied(syscall(SYS_sched_setattr, other, NULL, 0)) || denied(syscall(SYS_ioprio_set, 1, other, 0)) ||
	       denied(syscall(SYS_kcmp, other, other, 0, 0, 0)) ||
	       denied(process_vm_readv(other, &part, 1, &part, 1, 0)) ||
	       denied(syscall(SYS_migrate_pages, other, 0, NULL, NULL)) ||
	       denied(syscall(SYS_move_pages, other, 0, NULL, NULL, NULL, 0)) || denied(setpgid(0, 0));
}

/* Memory, messages and keys that outlive a process, and events for which the kernel signals other processes. */
static int use_what_others_see(void)
{
	int fd = open("/dev/null", O_RDONLY);
	return fd < 0 || denied(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600)) || denied(semget(IPC_PRIVATE, 1, 0600)) ||
	       denied(msgget(IPC_PRIVATE, 0600)) || denied(syscall(SYS_mq_open, "ggwire", O_CREAT, 0600, NULL)) ||
	       denied(syscall(SYS_add_key, "user", "ggwire", "x", 1, -3)) ||
	       denied(syscall(SYS_keyctl, 0, -3, 0, 0, 0)) || denied(fcntl(fd, F_SETOWN, getppid())) ||
	       denied(fcntl(fd, F_SETSIG, SIGKILL)) || denied(fcntl(fd, F_NOTIFY, 1));
}

/* Terminal calls that insert input or read the screen. */
static int steer_terminals(void)
{
	char letter = 'x', code = 6; /* argument of TIOCLINUX: read the screen */
	int process = getppid();
	return denied(ioctl(STDIN_FILENO, TIOCSTI, &letter)) || denied(ioctl(STDIN_FILENO, TIOCLINUX, &code)) ||
	       denied(ioctl(STDIN_FILENO, FIOSETOWN, &process)) || denied(ioctl(STDIN_FILENO, TIOCCONS, 0));
}

/* A worker cannot undo its binding to the supervisor, or the protection of its memory. */
static int loosen_bonds(void)
{
	return denied(prctl(PR_SET_PDEATHSIG, 0)) || denied(prctl(PR_SET_DUMPABLE, 1)) ||
	       denied(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0)) || denied(syscall(SYS_userfaultfd, 0)) ||
	       denied(syscall(SYS_memfd_secret, 0));
}

static int begin_well(void)
{
	struct rlimit core;
	if (getrlimit(RLIMIT_CORE, &core) || core.rlim_cur || core.rlim_max)
		return 1;
	char text[16] = "";
	int fd = open("/proc/self/oom_score_adj", O_RDONLY);
	return fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || atoi(text) < 500;
}

static void *answer(void *arg)
{
	*(int *)arg = 42;
	return NULL;
}

/* Calls that kernels and drivers need. */
static int work_on(void)
{
	pthread_t thread;
	int result = 0;
	void *memory = malloc((size_t)8 << 20);
	int fd = open("/dev/null", O_RDWR);
	if (!memory || fd < 0 || pthread_create(&thread, NULL, answer, &result) || pthread_join(thread, NULL))
		return 1;
	FILE *cpus = fopen("/proc/cpuinfo", "re");
	return result != 42 || !cpus || signal(SIGABRT, SIG_IGN) == SIG_ERR || raise(SIGABRT) != 0;
}

static void cannot_write_other_files(void **state)
{
	(void)state;
	attempt_it(GW_SANDBOX_CPU, write_outside);
}

static void cannot_read_other_files(void **state)
{
	(void)state;
	attempt_it(GW_SANDBOX_CPU, read_outside);
}

static void can_use_the_cache(void **state)
{
	(void)state;
	attempt_it(GW_SANDBOX_CPU, use_cache);
}

static void drivers_can_use_their_cache(void **state)
{
	(void)state;
	char shaders[96], kernel[128];
	snprintf(shaders, sizeof(shaders), "%s/mesa_shader_cache", directory);
	snprintf(kernel, sizeof(kernel), "%s/kernel", shaders);
	assert_int_equal(mkdir(shaders, 0700), 0);
	setenv("XDG_CACHE_HOME", directory, 1);
	attempt_it(GW_SANDBOX_DRIVERS, use_driver_cache);
	unsetenv("XDG_CACHE_HOME");
	assert_int_equal(unlink(kernel), 0);
	assert_int_equal(rmdir(shaders), 0);
}

static void cannot_run_programs(void **state)
{
	(void)state;
	attempt_it(GW_SANDBOX_CPU, run_programs);
	attempt_it(GW_SANDBOX_DRIVERS, run_programs);
}

static void cannot_connect(void **state)
{
	(void)state;
	attempt_it(GW_SANDBOX_CPU, connect_somewhere);
	attempt_it(GW_SANDBOX_DRIVERS, connect_with_drivers);
}

static void cannot_reach_other_processes_or_the_kernel(void **state)
{
	(void)state;
	attempt_it(GW_SANDBOX_CPU, reach_others);
	attempt_it(GW_SANDBOX_DRIVERS, reach_others);
}

static void cannot_change_other_processes(void **state)
{
	(void)state;
	attempt_it(GW_SANDBOX_CPU, change_others);
	attempt_it(GW_SANDBOX_DRIVERS, change_others);
}

static void cannot_use_what_other_processes_see(void **state)
{
	(void)state;
	attempt_it(GW_SANDBOX_CPU, use_what_others_see);
	attempt_it(GW_SANDBOX_DRIVERS, use_what_others_see);
}

static void cannot_steer_terminals(void **state)
{
	(void)state;
	attempt_it(GW_SANDBOX_CPU, steer_terminals);
	attempt_it(GW_SANDBOX_DRIVERS, steer_terminals);
}

static void cannot_loosen_its_bonds(void **state)
{
	(void)state;
	attempt_it(GW_SANDBOX_CPU, loosen_bonds);
	attempt_it(GW_SANDBOX_DRIVERS, loosen_bonds);
}

static void begins_without_core_dumps_and_first_to_end(void **state)
{
	(void)state;
	attempt_it(GW_SANDBOX_CPU, begin_well);
}

static void can_compute(void **state)
{
	(void)state;
	attempt_it(GW_SANDBOX_CPU, work_on);
	attempt_it(GW_SANDBOX_DRIVERS, work_on);
}

static void sandbox_can_be_turned_off(void **state)
{
	(void)state;
	char in_force[GW_SANDBOX_TEXT];
	const struct gw_sandbox sandbox = {.mode = GW_SANDBOX_OFF};
	assert_int_equal(gw_sandbox_enter(&sandbox, in_force, NULL), GW_OK);
	assert_string_equal(in_force, "off");
	int fd = open(outside, O_WRONLY);
	assert_true(fd >= 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cannot_write_other_files, setup, teardown),
		cmocka_unit_test_setup_teardown(cannot_read_other_files, setup, teardown),
		cmocka_unit_test_setup_teardown(can_use_the_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(drivers_can_use_their_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(cannot_run_programs, setup, teardown),
		cmocka_unit_test_setup_teardown(cannot_connect, setup, teardown),
		cmocka_unit_test_setup_teardown(cannot_reach_other_processes_or_the_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(cannot_change_other_processes, setup, teardown),
		cmocka_unit_test_setup_teardown(cannot_use_what_other_processes_see, setup, teardown),
		cmocka_unit_test_setup_teardown(cannot_steer_terminals, setup, teardown),
		cmocka_unit_test_setup_teardown(cannot_loosen_its_bonds, setup, teardown),
		cmocka_unit_test_setup_teardown(begins_without_core_dumps_and_first_to_end, setup, teardown),
		cmocka_unit_test_setup_teardown(can_compute, setup, teardown),
		cmocka_unit_test_setup_teardown(sandbox_can_be_turned_off, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
