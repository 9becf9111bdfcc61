/* Messages over the control socket: whole ones pass, anything else is refused. */
#include "daemon/workers/control.h"

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

/* What is refused must not leave its descriptor open. */
static void descriptor_where_none_belongs_is_closed(void **state)
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
	const size_t left = offsetof(struct gw_control_msg, u) + sizeof(struct gw_error);
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
	memset(msg.u.error.text, 'x', sizeof(msg.u.error.text));
	assert_int_equal(gw_control_send(there, false, &msg, -1, NULL), GW_OK);
	assert_int_equal(receive(), GW_ERR_PROTOCOL);
}

static void other_end_gone_is_told(void **state)
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
		cmocka_unit_test_setup_teardown(descriptor_where_none_belongs_is_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(client_without_descriptor_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_sizes_and_types_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(strings_without_end_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(other_end_gone_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(full_socket_does_not_block, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
