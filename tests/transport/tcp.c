/* Connecting and listening: refusals, time-outs and error messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/list/endpoint.h"
#include "transport/list/transports.h"

static char path[64];

static struct gw_endpoint endpoint(const char *text)
{
	struct gw_endpoint ep;
	assert_int_equal(gw_endpoint_parse(text, true, &ep, NULL), GW_OK);
	return ep;
}

static struct gw_endpoint unix_endpoint(void)
{
	char text[80];
	snprintf(text, sizeof(text), "unix:%s", path);
	return endpoint(text);
}

static int make_path(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/gw-test-tcp-%ld.sock", (long)getpid());
	unlink(path);
	return 0;
}

static int remove_path(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);
	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void listener_reports_its_port(void **state)
{
	(void)state;
	struct gw_endpoint ep = endpoint("127.0.0.1:0"), bound;
	int fd;
	assert_int_equal(gw_transport_listen(&ep, 1, &fd, &bound, NULL), GW_OK);
	assert_true(bound.port != 0);
	assert_string_equal(bound.host, "127.0.0.1");
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	/* The next server can use the port at once. */
	assert_int_equal(gw_transport_listen(&bound, 1, &fd, NULL, NULL), GW_OK);
	close(fd);
}

static void refused_connection_names_the_address(void **state)
{
	(void)state;
	struct gw_endpoint ep = endpoint("127.0.0.1:0"), bound;
	struct gw_transport *t = NULL;
	struct gw_error err = {0};
	int fd;
	assert_int_equal(gw_transport_listen(&ep, 1, &fd, &bound, NULL), GW_OK);
	close(fd);
	assert_int_equal(gw_transport_dial(&bound, 5000, &t, &err), GW_ERR_SYSTEM);
	assert_null(t);
	assert_non_null(strstr(err.text, "127.0.0.1:"));
	assert_non_null(strstr(err.text, strerror(ECONNREFUSED)));
}

static void taken_port_is_an_error(void **state)
{
	(void)state;
	struct gw_endpoint ep = endpoint("127.0.0.1:0"), bound;
	struct gw_error err = {0};
	char name[GW_ENDPOINT_MAX + 16];
	int fd, other = -1;
	assert_int_equal(gw_transport_listen(&ep, 1, &fd, &bound, NULL), GW_OK);
	assert_int_equal(gw_transport_listen(&bound, 1, &other, NULL, &err), GW_ERR_SYSTEM);
	assert_int_equal(other, -1);
	gw_endpoint_format(&bound, name, sizeof(name));
	assert_non_null(strstr(err.text, name));
	close(fd);
}

static void unknown_host_is_not_found(void **state)
{
	(void)state;
	struct gw_endpoint ep = endpoint("no-such-host.invalid:1");
	struct gw_transport *t = NULL;
	struct gw_error err = {0};
	assert_int_equal(gw_transport_dial(&ep, 5000, &t, &err), GW_ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "no-such-host.invalid"));
}

/* A listener with a full backlog drops connection attempts: a connect without an answer that needs no network. */
static void silence_ends_at_the_timeout(void **state)
{
	(void)state;
	struct gw_endpoint ep = endpoint("127.0.0.1:0"), bound;
	struct gw_transport *taken[8] = {0}, *t;
	struct gw_error err = {0};
	enum gw_status status = GW_OK;
	size_t n = 0;
	int fd;
	assert_int_equal(gw_transport_listen(&ep, 0, &fd, &bound, NULL), GW_OK);
	uint64_t start = 0;
	while (n < 8 && !status) {
		start = gw_clock_ns();
		status = gw_transport_dial(&bound, 200, &t, &err);
		if (!status)
			taken[n++] = t;
	}
	uint64_t ms = (gw_clock_ns() - start) / 1000000;
	for (size_t i = 0; i < n; i++)
		taken[i]->ops->close(taken[i]);
	close(fd);
	assert_int_equal(status, GW_ERR_TIMEOUT);
	assert_true(ms >= 190 && ms <= 3000);
	assert_non_null(strstr(err.text, "no answer"));
}

static void unix_silence_ends_at_the_timeout(void **state)
{
	(void)state;
	struct gw_endpoint ep = unix_endpoint();
	struct gw_transport *taken[8] = {0}, *t;
	enum gw_status status = GW_OK;
	size_t n = 0;
	int fd;
	assert_int_equal(gw_transport_listen(&ep, 0, &fd, NULL, NULL), GW_OK);
	uint64_t start = 0;
	while (n < 8 && !status) {
		start = gw_clock_ns();
		status = gw_transport_dial(&ep, 200, &t, NULL);
		if (!status)
			taken[n++] = t;
	}
	uint64_t ms = (gw_clock_ns() - start) / 1000000;
	for (size_t i = 0; i < n; i++)
		taken[i]->ops->close(taken[i]);
	close(fd);
	assert_int_equal(status, GW_ERR_TIMEOUT);
	assert_true(ms >= 190 && ms <= 3000);
}

static void stale_unix_socket_is_replaced(void **state)
{
	(void)state;
	struct gw_endpoint ep = unix_endpoint();
	int fd;
	assert_int_equal(gw_transport_listen(&ep, 1, &fd, NULL, NULL), GW_OK);
	close(fd);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(gw_transport_listen(&ep, 1, &fd, NULL, NULL), GW_OK);
	close(fd);
}

static void live_unix_socket_is_left_alone(void **state)
{
	(void)state;
	struct gw_endpoint ep = unix_endpoint();
	struct gw_transport *t;
	struct gw_error err = {0};
	int fd, other = -1;
	assert_int_equal(gw_transport_listen(&ep, 4, &fd, NULL, NULL), GW_OK);
	assert_int_equal(gw_transport_listen(&ep, 4, &other, NULL, &err), GW_ERR_INVALID);
	assert_int_equal(other, -1);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(gw_transport_dial(&ep, 1000, &t, NULL), GW_OK);
	t->ops->close(t);
	close(fd);
}

static void other_files_are_left_alone(void **state)
{
	(void)state;
	struct gw_endpoint ep = unix_endpoint();
	struct gw_error err = {0};
	struct stat st;
	int other = -1;
	int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	close(file);
	assert_int_equal(gw_transport_listen(&ep, 1, &other, NULL, &err), GW_ERR_INVALID);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void missing_unix_socket_names_the_path(void **state)
{
	(void)state;
	struct gw_endpoint ep = unix_endpoint();
	struct gw_transport *t = NULL;
	struct gw_error err = {0};
	assert_int_equal(gw_transport_dial(&ep, 1000, &t, &err), GW_ERR_SYSTEM);
	assert_non_null(strstr(err.text, path));
}

static void sockets_are_tuned_and_named(void **state)
{
	(void)state;
	struct gw_endpoint ep = endpoint("127.0.0.1:0"), bound;
	struct gw_transport *t;
	char name[GW_ENDPOINT_MAX + 16];
	int fd;
	assert_int_equal(gw_transport_listen(&ep, 1, &fd, &bound, NULL), GW_OK);
	int conn = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(bound.port)};
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(conn, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(gw_transport_from_fd(conn, &t, NULL), GW_OK);
	assert_int_equal(option(conn, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(option(conn, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(option(conn, IPPROTO_TCP, TCP_KEEPIDLE), 15);
	gw_endpoint_format(&bound, name, sizeof(name));
	assert_string_equal(t->peer, name);
	t->ops->close(t);
	close(fd);
}

static void only_sockets_are_wrapped(void **state)
{
	(void)state;
	struct gw_transport *t = NULL;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(gw_transport_from_fd(fd, &t, NULL), GW_ERR_NOT_FOUND);
	assert_null(t);
	assert_int_equal(close(fd), 0);
}

static void accepts_waiting_connections_and_adopts_listeners(void **state)
{
	(void)state;
	struct gw_endpoint eps[] = {endpoint("127.0.0.1:0"), unix_endpoint()}, bound, adopted;
	for (size_t i = 0; i < 2; i++) {
		struct gw_transport *near, *far;
		char name[128];
		int fd, conn = -1;
		assert_int_equal(gw_transport_listen(&eps[i], 4, &fd, &bound, NULL), GW_OK);
		assert_true(gw_transport_adopt(fd, &adopted));
		assert_ptr_equal(adopted.kind, bound.kind);
		assert_string_equal(adopted.host, bound.host);
		assert_int_equal(adopted.port, bound.port);
		assert_int_equal(gw_transport_accept(fd, &conn), GW_ERR_NOT_FOUND);
		assert_int_equal(gw_transport_dial(&bound, 1000, &near, NULL), GW_OK);
		assert_int_equal(gw_transport_accept(fd, &conn), GW_OK);
		assert_true(fcntl(conn, F_GETFD) & FD_CLOEXEC);
		gw_transport_peer_name(conn, name, sizeof(name));
		assert_int_equal(gw_transport_from_fd(conn, &far, NULL), GW_OK);
		assert_string_equal(far->peer, name);
		assert_ptr_equal(far->ops, near->ops);
		near->ops->close(near);
		far->ops->close(far);
		close(fd);
		assert_int_equal(gw_transport_accept(fd, &conn), GW_ERR_SYSTEM);
	}
	char name[64];
	gw_transport_peer_name(-1, name, sizeof(name));
	assert_string_equal(name, "(not connected)");
	assert_false(gw_transport_adopt(-1, &adopted));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listener_reports_its_port),
		cmocka_unit_test(refused_connection_names_the_address),
		cmocka_unit_test(taken_port_is_an_error),
		cmocka_unit_test(unknown_host_is_not_found),
		cmocka_unit_test(silence_ends_at_the_timeout),
		cmocka_unit_test_setup_teardown(unix_silence_ends_at_the_timeout, make_path, remove_path),
		cmocka_unit_test_setup_teardown(stale_unix_socket_is_replaced, make_path, remove_path),
		cmocka_unit_test_setup_teardown(live_unix_socket_is_left_alone, make_path, remove_path),
		cmocka_unit_test_setup_teardown(other_files_are_left_alone, make_path, remove_path),
		cmocka_unit_test_setup_teardown(missing_unix_socket_names_the_path, make_path, remove_path),
		cmocka_unit_test(sockets_are_tuned_and_named),
		cmocka_unit_test(only_sockets_are_wrapped),
		cmocka_unit_test_setup_teardown(
			accepts_waiting_connections_and_adopts_listeners, make_path, remove_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
