/* Socket activation: the server accepts listening sockets from a service manager, and notifies it when it is ready and
 * when it stops. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/serving.h"

#define FIRST_FD 3

static struct serving s;
static char dir[64];
static char socket_path[96];

static int setup(void **state)
{
	(void)state;
	memset(&s, 0, sizeof(s));
	snprintf(dir, sizeof(dir), "/tmp/ggwire-activation.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(socket_path, sizeof(socket_path), "%s/socket", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	unlink(socket_path);
	rmdir(dir);
	return 0;
}

/* A listening socket on a free loopback port, in blocking mode like those of managers. */
static int listen_tcp(unsigned *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static int bind_unix(int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* In the child: moves the descriptors to 3 and following. */
static void place(const int *fds, size_t n)
{
	int high[4];
	for (size_t i = 0; i < n; i++)
		high[i] = fcntl(fds[i], F_DUPFD, 100);
	for (size_t i = 0; i < n; i++)
		dup2(high[i], FIRST_FD + (int)i);
}

struct start {
	int fds[4];
	size_t n;
	const char *pid; /* LISTEN_PID, or NULL for the correct one */
	const char *notify;
	const char *listen; /* --listen, or NULL */
};

/* Starts the server as a manager would. s receives its log. */
static void start(const struct start *how)
{
	int out[2];
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	s.pid = fork();
	assert_true(s.pid >= 0);
	if (s.pid == 0) {
		char pid[24], count[24];
		snprintf(pid, sizeof(pid), "%ld", (long)getpid());
		snprintf(count, sizeof(count), "%zu", how->n);
		setenv("LISTEN_PID", how->pid ? how->pid : pid, 1);
		setenv("LISTEN_FDS", count, 1);
		setenv("LISTEN_FDNAMES", "ggwire.socket", 1);
		if (how->notify)
			setenv("NOTIFY_SOCKET", how->notify, 1);
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		place(how->fds, how->n);
		execl(GGWIRE_PROGRAM, "ggwire", "serve", "--config", "/dev/null", how->listen ? "--listen" : NULL,
			how->listen, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	s.pipe = out[0];
}

static void answers(unsigned port)
{
	char text[32];
	struct gw_error err;
	struct gw_client *c;
	snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	if (gw_client_connect(text, &c, &err))
		fail_msg("%s", err.text);
	assert_true(serving_answers(c));
	gw_client_close(c);
}

static void given_sockets_are_served(void **state)
{
	(void)state;
	unsigned port[2];
	char expected[80];
	struct start how = {.n = 2};
	how.fds[0] = listen_tcp(&port[0]);
	how.fds[1] = listen_tcp(&port[1]);
	start(&how);
	/* The server does not listen on the default endpoint. */
	snprintf(expected, sizeof(expected), "  endpoint       : 127.0.0.1:%u, 127.0.0.1:%u\n", port[0], port[1]);
	serving_await(&s, "ready");
	assert_non_null(strstr(s.log, expected));
	answers(port[0]);
	answers(port[1]);
	close(how.fds[0]);
	close(how.fds[1]);
	assert_int_equal(serving_stop(&s, SIGTERM, SERVING_WAIT_MS), 0);
}

static void endpoints_asked_for_are_served_too(void **state)
{
	(void)state;
	unsigned port;
	struct start how = {.n = 1, .listen = "127.0.0.2:0"};
	how.fds[0] = listen_tcp(&port);
	start(&how);
	serving_await(&s, "127.0.0.2:");
	serving_await(&s, "ready");
	answers(port);
	close(how.fds[0]);
	assert_int_equal(serving_stop(&s, SIGTERM, SERVING_WAIT_MS), 0);
}

/* The manager created the file, and may start the server again on the same socket. */
static void an_inherited_unix_socket_is_not_removed(void **state)
{
	(void)state;
	struct start how = {.n = 1};
	how.fds[0] = bind_unix(SOCK_STREAM);
	assert_int_equal(listen(how.fds[0], 8), 0);
	start(&how);
	serving_await(&s, "ready");
	assert_non_null(strstr(s.log, socket_path));
	assert_int_equal(serving_stop(&s, SIGTERM, SERVING_WAIT_MS), 0);
	assert_int_equal(access(socket_path, F_OK), 0);
	close(how.fds[0]);
}

static void sockets_of_another_process_are_left_alone(void **state)
{
	(void)state;
	unsigned port;
	char name[32];
	struct start how = {.n = 1, .pid = "1", .listen = "127.0.0.1:0"};
	how.fds[0] = listen_tcp(&port);
	snprintf(name, sizeof(name), "127.0.0.1:%u\n", port);
	start(&how);
	serving_await(&s, "ready");
	assert_null(strstr(s.log, name));
	close(how.fds[0]);
	assert_int_equal(serving_stop(&s, SIGTERM, SERVING_WAIT_MS), 0);
}

static void sockets_that_do_not_listen_are_refused(void **state)
{
	(void)state;
	struct start how = {.n = 1};
	how.fds[0] = bind_unix(SOCK_DGRAM);
	start(&how);
	serving_await(&s, "descriptor 3 is not a listening TCP or Unix stream socket");
	assert_int_equal(serving_stop(&s, 0, SERVING_WAIT_MS), 1);
	close(how.fds[0]);
}

/* The next datagram, or "" if none arrives in time. */
static const char *receive(int fd)
{
	static char text[512];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	text[0] = 0;
	if (poll(&p, 1, SERVING_WAIT_MS) > 0) {
		ssize_t n = recv(fd, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = 0;
	}
	return text;
}

/* Checks the notifications of the server. notify is its NOTIFY_SOCKET; fd receives the datagrams. */
static void is_told(const char *notify, int fd)
{
	start(&(struct start){.notify = notify, .listen = "127.0.0.1:0"});
	assert_string_equal(receive(fd), "READY=1");
	/* READY means that the server accepts clients and has logged that. */
	serving_await(&s, "ready");
	assert_true(kill(s.pid, SIGTERM) == 0);
	assert_string_equal(receive(fd), "STOPPING=1");
	assert_int_equal(serving_stop(&s, 0, SERVING_WAIT_MS), 0);
}

static void the_manager_is_notified(void **state)
{
	(void)state;
	int fd = bind_unix(SOCK_DGRAM);
	is_told(socket_path, fd);
	close(fd);
}

static void the_manager_may_have_an_abstract_name(void **state)
{
	(void)state;
	char name[64];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int n = snprintf(name, sizeof(name), "@ggwire-test-%ld", (long)getpid());
	memcpy(address.sun_path + 1, name + 1, (size_t)n - 1);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	is_told(name, fd);
	close(fd);
}

/* Reads a file of a process below /proc. Returns 0 if it is empty or gone. */
static size_t read_proc(pid_t pid, const char *name, char *out, size_t size)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return 0;
	ssize_t len = read(file, out, size);
	close(file);
	return len > 0 ? (size_t)len : 0;
}

/* The environment of a process that has become a worker. A process that is just starting has an empty one, or still its
 * parent's. */
static size_t environment_of_worker(pid_t pid, char *out, size_t size)
{
	for (int i = 0; i < SERVING_WAIT_MS / 10; i++) {
		char command[64];
		size_t len = read_proc(pid, "cmdline", command, sizeof(command));
		size_t got = memmem(command, len, "worker", 6) ? read_proc(pid, "environ", out, size) : 0;
		if (got > 0)
			return got;
		serving_sleep_ms(10);
	}
	return 0;
}

/* Workers must not be able to send notifications for the server, or take its sockets for their own. */
static void workers_do_not_inherit_it(void **state)
{
	(void)state;
	static char environment[1 << 16];
	pid_t children[8];
	int fd = bind_unix(SOCK_DGRAM);
	start(&(struct start){.notify = socket_path, .listen = "127.0.0.1:0"});
	serving_await(&s, "ready");
	size_t n = serving_children(s.pid, children, 8);
	assert_true(n > 0);
	size_t len = environment_of_worker(children[0], environment, sizeof(environment));
	assert_non_null(memmem(environment, len, "GGML_NO_BACKTRACE=", 18));
	assert_null(memmem(environment, len, "NOTIFY_SOCKET", 13));
	assert_null(memmem(environment, len, "LISTEN_", 7));
	assert_int_equal(serving_stop(&s, SIGTERM, SERVING_WAIT_MS), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(given_sockets_are_served, setup, teardown),
		cmocka_unit_test_setup_teardown(endpoints_asked_for_are_served_too, setup, teardown),
		cmocka_unit_test_setup_teardown(an_inherited_unix_socket_is_not_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(sockets_of_another_process_are_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(sockets_that_do_not_listen_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(the_manager_is_notified, setup, teardown),
		cmocka_unit_test_setup_teardown(the_manager_may_have_an_abstract_name, setup, teardown),
		cmocka_unit_test_setup_teardown(workers_do_not_inherit_it, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
