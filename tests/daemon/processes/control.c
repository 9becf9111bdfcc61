/* Messages over the control socket: valid messages arrive, all others are refused, and no descriptor leaks. */
#include "daemon/processes/control.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int here, there;
static struct gw_control_msg msg, got;
static int fd;

static int setup(void **state)
{
	(void)state;
	memset(&msg, 0, sizeof(msg));
	memset(&got, 0, sizeof(got));
	fd = -1;
	return gw_control_pair(&here, &there, NULL) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	close(here);
	if (there >= 0)
		close(there);
	return 0;
}

static enum gw_status receive(void)
{
	return gw_control_recv(here, false, &got, &fd, NULL);
}

static void messages_arrive_as_sent(void **state)
{
	(void)state;
	msg.type = GW_CONTROL_SETUP;
	msg.u.setup.n_threads = 7;
	strcpy(msg.u.setup.devices, "CPU,GPU0");
	memset(msg.u.setup.cache_dir, 'x', GW_CONTROL_PATH - 1);
	assert_int_equal(gw_control_send(there, false, &msg, -1, NULL), GW_OK);
	assert_int_equal(receive(), GW_OK);
	assert_int_equal(got.type, GW_CONTROL_SETUP);
	assert_int_equal(got.u.setup.n_threads, 7);
	assert_string_equal(got.u.setup.devices, "CPU,GPU0");
	assert_int_equal(strlen(got.u.setup.cache_dir), GW_CONTROL_PATH - 1);
	assert_int_equal(fd, -1);
	assert_int_equal(receive(), GW_ERR_TIMEOUT);
}

static void descriptor_arrives_and_closes_on_exec(void **state)
{
	(void)state;
	int pipes[2];
	struct stat a, b;
	assert_int_equal(pipe(pipes), 0);
	msg.type = GW_CONTROL_CLIENT;
	assert_int_equal(gw_control_send(there, false, &msg, pipes[0], NULL), GW_OK);
	assert_int_equal(receive(), GW_OK);
	assert_int_equal(fstat(pipes[0], &a) | fstat(fd, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
}

/* The receiver must close the descriptor of a refused message. */
static void unexpected_descriptor_is_closed(void **state)
{
	(void)state;
	int pipes[2];
	char byte;
	assert_int_equal(pipe(pipes), 0);
	msg.type = GW_CONTROL_READY;
	assert_int_equal(gw_control_send(there, false, &msg, pipes[1], NULL), GW_OK);
	close(pipes[1]);
	assert_int_equal(receive(), GW_ERR_PROTOCOL);
	assert_int_equal(fd, -1);
	assert_int_equal(read(pipes[0], &byte, 1), 0);
	close(pipes[0]);
}

static size_t open_descriptors(void)
{
	size_t n = 0;
	DIR *dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static uint64_t seed = 88172645463325252u;

static unsigned draw(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % below);
}

#define HOSTILE_FDS 8

/* Draws the size of a message, correct for the type in half of the cases. */
static size_t draw_size(int type)
{
	static const size_t bodies[] = {sizeof(struct gw_control_setup), sizeof(struct gw_control_client),
		sizeof(struct gw_control_device), 0, sizeof(struct gw_error), sizeof(struct gw_control_left), 0, 0};
	const size_t n = sizeof(bodies) / sizeof(bodies[0]);
	bool right = draw(2) && type >= 0 && (size_t)type < n;
	if (!draw(16))
		return draw(9);
	return offsetof(struct gw_control_msg, u) + bodies[right ? (size_t)type : draw((unsigned)n)] +
	       (draw(8) ? 0 : draw(9));
}

/* Adds a control header with some descriptors. Returns its size in bytes. */
static size_t put_descriptors(struct cmsghdr *c, int passed)
{
	int fds[HOSTILE_FDS];
	unsigned n = draw(2) ? 1 : 1 + draw(HOSTILE_FDS);
	for (unsigned i = 0; i < HOSTILE_FDS; i++)
		fds[i] = passed;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	return CMSG_SPACE(n * sizeof(int));
}

/* Sends what a compromised worker might: any bytes, with any number of descriptors in any number of headers. */
static void send_anything(int passed)
{
	static char bytes[sizeof(struct gw_control_msg) + 64];
	union {
		struct cmsghdr align;
		char bytes[2 * CMSG_SPACE(HOSTILE_FDS * sizeof(int))];
	} ancillary = {0};
	const int type = (int)draw(GW_CONTROL_TYPES + 2) - 1;
	memcpy(bytes, &type, sizeof(type));
	struct iovec iov = {.iov_base = bytes, .iov_len = draw_size(type)};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ancillary};
	for (unsigned headers = draw(3); headers > 0; headers--)
		mh.msg_controllen +=
			put_descriptors((struct cmsghdr *)(void *)(ancillary.bytes + mh.msg_controllen), passed);
	/* The kernel refuses some combinations. */
	(void)!sendmsg(there, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool brings_descriptor(enum gw_control_type type)
{
	return type == GW_CONTROL_CLIENT || type == GW_CONTROL_CACHE || type == GW_CONTROL_PAIRING ||
	       type == GW_CONTROL_PAIRED;
}

/* No message of a worker can make the receiver leak a descriptor, whether it expects descriptors or not. */
static void whatever_comes_no_descriptor_is_left_open(void **state)
{
	(void)state;
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	const size_t before = open_descriptors();
	size_t accepted = 0, refused = 0;
	for (int i = 0; i < 40000; i++) {
		send_anything(pipes[0]);
		fd = -1;
		bool takes = draw(2);
		enum gw_status status = gw_control_recv(here, false, &got, takes ? &fd : NULL, NULL);
		if (status == GW_OK)
			accepted++;
		else
			refused++;
		assert_true(fd < 0 || (takes && status == GW_OK && brings_descriptor(got.type)));
		if (fd >= 0)
			close(fd);
	}
	assert_true(accepted > 1000 && refused > 1000);
	assert_int_equal(open_descriptors(), before);
	close(pipes[0]);
	close(pipes[1]);
}

static void client_without_descriptor_is_refused(void **state)
{
	(void)state;
	msg.type = GW_CONTROL_CLIENT;
	assert_int_equal(gw_control_send(there, false, &msg, -1, NULL), GW_OK);
	assert_int_equal(receive(), GW_ERR_PROTOCOL);
}

static void wrong_sizes_and_types_are_refused(void **state)
{
	(void)state;
	static char big[sizeof(struct gw_control_msg) + 1];
	const size_t left = offsetof(struct gw_control_msg, u) + sizeof(struct gw_control_left);
	const struct {
		int type;
		size_t size;
	} bad[] = {
		{GW_CONTROL_READY, 1},
		{GW_CONTROL_READY, left},
		{GW_CONTROL_LEFT, left - 1},
		{GW_CONTROL_LEFT, left + 1},
		{GW_CONTROL_SETUP, sizeof(big)},
		{GW_CONTROL_TYPES, left},
		{-1, left},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(big, &bad[i].type, sizeof(bad[i].type));
		assert_int_equal(send(there, big, bad[i].size, 0), (ssize_t)bad[i].size);
		assert_int_equal(receive(), GW_ERR_PROTOCOL);
	}
}

static void strings_without_end_are_refused(void **state)
{
	(void)state;
	char *const texts[] = {msg.u.device.name, msg.u.device.description};
	for (size_t i = 0; i < 2; i++) {
		memset(&msg, 0, sizeof(msg));
		msg.type = GW_CONTROL_DEVICE;
		memset(texts[i], 'x', GW_CONTROL_TEXT);
		assert_int_equal(gw_control_send(there, false, &msg, -1, NULL), GW_OK);
		assert_int_equal(receive(), GW_ERR_PROTOCOL);
	}
	msg.type = GW_CONTROL_LEFT;
	memset(msg.u.left.why.text, 'x', sizeof(msg.u.left.why.text));
	assert_int_equal(gw_control_send(there, false, &msg, -1, NULL), GW_OK);
	assert_int_equal(receive(), GW_ERR_PROTOCOL);
}

static void closed_peer_is_reported(void **state)
{
	(void)state;
	close(there);
	there = -1;
	assert_int_equal(receive(), GW_ERR_CLOSED);
	msg.type = GW_CONTROL_READY;
	assert_int_equal(gw_control_send(here, false, &msg, -1, NULL), GW_ERR_LOST);
}

static void full_socket_does_not_block(void **state)
{
	(void)state;
	enum gw_status status = GW_OK;
	msg.type = GW_CONTROL_SETUP;
	for (int i = 0; i < 100000 && !status; i++)
		status = gw_control_send(there, false, &msg, -1, NULL);
	assert_int_equal(status, GW_ERR_TIMEOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(messages_arrive_as_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(descriptor_arrives_and_closes_on_exec, setup, teardown),
		cmocka_unit_test_setup_teardown(unexpected_descriptor_is_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(whatever_comes_no_descriptor_is_left_open, setup, teardown),
		cmocka_unit_test_setup_teardown(client_without_descriptor_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_sizes_and_types_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(strings_without_end_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(closed_peer_is_reported, setup, teardown),
		cmocka_unit_test_setup_teardown(full_socket_does_not_block, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
