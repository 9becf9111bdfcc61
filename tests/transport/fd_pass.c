/* Messages with a descriptor: valid ones arrive, all others are refused, and no descriptor leaks. */
#include "transport/fd_pass.h"

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
static size_t open_before;

static size_t n_open(void)
{
	size_t n = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int setup(void **state)
{
	int fds[2];
	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -1;
	here = fds[0];
	there = fds[1];
	open_before = n_open();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(n_open(), open_before);
	close(here);
	close(there);
	return 0;
}

/* A message of size bytes with n descriptors, which gw_fd_send may be unable to send. */
static void send_with(const void *bytes, size_t size, size_t n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} ancillary = {0};
	struct iovec iov = {(void *)bytes, size};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ancillary};
	mh.msg_controllen = CMSG_SPACE(n * sizeof(int));
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	for (size_t i = 0; i < n; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &here, sizeof(int));
	assert_int_equal(sendmsg(there, &mh, 0), size);
}

static void messages_arrive_as_sent(void **state)
{
	char got[4];
	int fd = 99;
	(void)state;
	assert_int_equal(gw_fd_recv(here, false, got, 4, &fd), GW_ERR_TIMEOUT);
	assert_int_equal(gw_fd_send(there, false, "abcd", 4, -1), GW_OK);
	assert_int_equal(gw_fd_recv(here, true, got, 4, &fd), GW_OK);
	assert_memory_equal(got, "abcd", 4);
	assert_int_equal(fd, -1);
}

static void a_descriptor_arrives_and_closes_on_exec(void **state)
{
	char got[1];
	struct stat a, b;
	int fd;
	(void)state;
	assert_int_equal(gw_fd_send(there, true, "x", 1, there), GW_OK);
	assert_int_equal(gw_fd_recv(here, true, got, 1, &fd), GW_OK);
	assert_int_equal(fstat(fd, &a) | fstat(there, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void other_sizes_are_refused(void **state)
{
	char got[4];
	int fd = 99;
	(void)state;
	for (size_t n = 1; n <= 8; n++) {
		send_with("abcdefgh", n, 1);
		enum gw_status st = gw_fd_recv(here, false, got, 4, &fd);
		assert_int_equal(st, n == 4 ? GW_OK : GW_ERR_PROTOCOL);
		if (st == GW_OK)
			close(fd);
	}
}

/* In a buffer for one descriptor, alignment leaves room for two. */
static void more_than_one_descriptor_is_refused(void **state)
{
	char got[4];
	int fd = 99;
	(void)state;
	for (size_t n = 2; n <= 8; n++) {
		send_with("abcd", 4, n);
		assert_int_equal(gw_fd_recv(here, false, got, 4, &fd), GW_ERR_PROTOCOL);
		assert_int_equal(n_open(), open_before);
	}
	assert_int_equal(fd, 99);
}

static void an_unexpected_descriptor_is_refused(void **state)
{
	char got[4];
	(void)state;
	send_with("abcd", 4, 1);
	assert_int_equal(gw_fd_recv(here, false, got, 4, NULL), GW_ERR_PROTOCOL);
	assert_int_equal(gw_fd_send(there, false, "abcd", 4, -1), GW_OK);
	assert_int_equal(gw_fd_recv(here, false, got, 4, NULL), GW_OK);
}

static void a_full_socket_differs_from_a_closed_one(void **state)
{
	char got[4];
	enum gw_status st;
	(void)state;
	do
		st = gw_fd_send(there, false, "abcd", 4, -1);
	while (st == GW_OK);
	assert_int_equal(st, GW_ERR_TIMEOUT);
	shutdown(here, SHUT_RDWR);
	assert_int_equal(gw_fd_send(there, false, "abcd", 4, -1), GW_ERR_LOST);
	assert_int_equal(gw_fd_send(there, true, "abcd", 4, -1), GW_ERR_LOST);
	assert_int_equal(gw_fd_recv(there, true, got, 4, NULL), GW_ERR_CLOSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_arrive_as_sent),
		TEST(a_descriptor_arrives_and_closes_on_exec),
		TEST(other_sizes_are_refused),
		TEST(more_than_one_descriptor_is_refused),
		TEST(an_unexpected_descriptor_is_refused),
		TEST(a_full_socket_differs_from_a_closed_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
