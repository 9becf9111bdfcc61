#include "daemon/serving.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "transport/list/endpoint.h"
#include "wire/message.h"

extern char **environ;

static pid_t launch(const char *name, const char *const *args, int *out)
{
	char *argv[32] = {(char *)name};
	for (size_t i = 0; args[i]; i++)
		argv[i + 1] = (char *)args[i];
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	posix_spawn_file_actions_t files;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, fds[1], STDERR_FILENO);
	pid_t pid;
	assert_int_equal(posix_spawn(&pid, GGWIRE_PROGRAM, &files, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&files);
	close(fds[1]);
	*out = fds[0];
	return pid;
}

pid_t serving_launch(const char *const *args, int *out)
{
	return launch("ggwire", args, out);
}

void serving_sleep_ms(int ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	nanosleep(&t, NULL);
}

/* The exit status of a process that ends within ms milliseconds. Otherwise kills it and returns -1. */
static int reap(pid_t pid, int ms)
{
	uint64_t end = gw_clock_ns() + (uint64_t)ms * GW_NS_PER_MS;
	int status;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (gw_clock_ns() > end) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
		serving_sleep_ms(5);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int serving_run(const char *name, const char *const *args, char *out, size_t size)
{
	int fd;
	pid_t pid = launch(name, args, &fd);
	size_t len = 0;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	while (len + 1 < size && poll(&p, 1, SERVING_WAIT_MS) > 0) {
		ssize_t n = read(fd, out + len, size - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	out[len] = 0;
	close(fd);
	return reap(pid, SERVING_WAIT_MS);
}

void serving_start_verb(struct serving *s, const char *const *args, const char *text)
{
	s->len = s->mark = 0;
	s->log[0] = 0;
	s->pid = launch("ggwire", args, &s->pipe);
	serving_await(s, text);
	s->mark = 0;
}

void serving_start(struct serving *s, const char *const *args)
{
	/* Ignores the configuration file of this machine. A later --config overrides this one. */
	const char *all[32] = {"serve", "--config", "/dev/null"};
	for (size_t i = 0; args[i]; i++)
		all[i + 3] = args[i];
	serving_start_verb(s, all, "ready");
}

static bool read_more(struct serving *s, int timeout_ms)
{
	struct pollfd p = {.fd = s->pipe, .events = POLLIN};
	if (timeout_ms <= 0 || poll(&p, 1, timeout_ms) <= 0)
		return false;
	ssize_t n = read(s->pipe, s->log + s->len, sizeof(s->log) - 1 - s->len);
	if (n <= 0)
		return false;
	s->len += (size_t)n;
	s->log[s->len] = 0;
	return true;
}

/* The next complete line that contains the text, or NULL. */
static const char *find_line(struct serving *s, const char *text)
{
	char *line = s->log + s->mark;
	for (char *end; (end = strchr(line, '\n')); line = end + 1) {
		char *found = strstr(line, text);
		if (!found || found > end)
			continue;
		s->mark = (size_t)(end + 1 - s->log);
		return line;
	}
	return NULL;
}

const char *serving_await(struct serving *s, const char *text)
{
	uint64_t end = gw_clock_ns() + SERVING_WAIT_MS * GW_NS_PER_MS;
	for (;;) {
		const char *line = find_line(s, text);
		if (line)
			return line;
		uint64_t now = gw_clock_ns();
		if (now >= end || !read_more(s, (int)((end - now) / GW_NS_PER_MS))) {
			serving_end(s);
			fail_msg("no line with '%s' in:\n%s", text, s->log);
		}
	}
}

void serving_endpoint(struct serving *s, char *out, size_t size)
{
	static const char label[] = "  endpoint       : ";
	const char *line = strstr(s->log, label);
	assert_non_null(line);
	line += sizeof(label) - 1;
	snprintf(out, size, "%.*s", (int)strcspn(line, ", \n"), line);
}

int serving_stop(struct serving *s, int signo, int ms)
{
	kill(s->pid, signo);
	int rc = reap(s->pid, ms);
	s->pid = 0;
	while (read_more(s, 200))
		;
	close(s->pipe);
	return rc;
}

void serving_end(struct serving *s)
{
	if (s->pid)
		serving_stop(s, SIGKILL, 5000);
}

static pid_t parent_of(const char *pid)
{
	char path[64], text[512];
	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return 0;
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	/* The format is "pid (name) state ppid", and the name may contain any character. */
	const char *after = strrchr(text, ')');
	return after && strlen(after) > 4 && after[2] != 'Z' ? (pid_t)atol(after + 4) : 0;
}

size_t serving_children(pid_t pid, pid_t *out, size_t max)
{
	size_t n = 0;
	DIR *proc = opendir("/proc");
	assert_non_null(proc);
	for (struct dirent *e; (e = readdir(proc));) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' || parent_of(e->d_name) != pid)
			continue;
		if (n < max)
			out[n] = (pid_t)atol(e->d_name);
		n++;
	}
	closedir(proc);
	return n;
}

size_t serving_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(text, 1, size - 1, file) : 0;
	if (file)
		fclose(file);
	text[n] = '\0';
	return n;
}

size_t serving_children_of_kind(pid_t pid, const char *kind, pid_t *out, size_t max)
{
	pid_t all[64];
	size_t n = serving_children(pid, all, 64), found = 0;
	for (size_t i = 0; i < n && i < 64; i++) {
		char line[128];
		size_t len = serving_proc(all[i], "cmdline", line, sizeof(line));
		/* The program's name, a NUL, and the word. */
		if (len < strlen(line) + 2 || strcmp(line + strlen(line) + 1, kind) != 0)
			continue;
		if (found < max)
			out[found] = all[i];
		found++;
	}
	return found;
}

size_t serving_descriptors(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
	size_t n = 0;
	DIR *dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

unsigned long serving_switches(pid_t pid)
{
	char path[64], line[256];
	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	unsigned long sum = 0;
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "ctxt_switches:"))
			sum += (unsigned long)atol(strchr(line, ':') + 1);
	fclose(f);
	return sum;
}

struct gw_client *serving_connect(struct serving *s)
{
	char endpoint[GW_ENDPOINT_MAX];
	struct gw_client *c;
	struct gw_error err;
	serving_endpoint(s, endpoint, sizeof(endpoint));
	if (gw_client_connect(endpoint, &c, &err))
		fail_msg("%s", err.text);
	return c;
}

static bool allocates(struct gw_client *c)
{
	uint8_t body[GW_WIRE_MAX_FIXED], reply[16];
	struct gw_wire_alloc_req req = {.size = 4096};
	struct gw_wire_alloc_rsp rsp;
	struct iovec part = {.iov_base = body, .iov_len = gw_wire_alloc_req_encode(&req, body)};
	return gw_client_call(c, GW_CMD_ALLOC_BUFFER, &part, 1, reply, sizeof(reply)) == GW_OK &&
	       gw_wire_alloc_rsp_decode(reply, sizeof(reply), &rsp) && rsp.buffer != 0;
}

bool serving_answers(struct gw_client *c)
{
	uint8_t reply[4];
	uint32_t count;
	return gw_client_call(c, GW_CMD_DEVICE_COUNT, NULL, 0, reply, sizeof(reply)) == GW_OK &&
	       gw_wire_count_rsp_decode(reply, sizeof(reply), &count) && count > 0 && allocates(c);
}

int serving_dial(uint16_t port, const char *from)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, from, &address.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(port);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static uint16_t port_of(struct serving *s)
{
	char text[GW_ENDPOINT_MAX];
	struct gw_endpoint ep;
	serving_endpoint(s, text, sizeof(text));
	assert_int_equal(gw_endpoint_parse(text, false, &ep, NULL), GW_OK);
	return ep.port;
}

int serving_socket(struct serving *s)
{
	return serving_dial(port_of(s), "127.0.0.1");
}

bool serving_sees_end(int fd)
{
	char bytes[64];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	/* A reason may come first. */
	while (poll(&p, 1, SERVING_WAIT_MS) > 0)
		if (read(fd, bytes, sizeof(bytes)) <= 0)
			return true;
	return false;
}
