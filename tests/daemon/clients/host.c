/* Which connections count as one host, and which connection is closed when there are too many. */
#include "daemon/clients/host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct gw_host host(const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct gw_host out;
	if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
		gw_host_of_address((const struct sockaddr *)&in, &out);
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
		gw_host_of_address((const struct sockaddr *)&in6, &out);
	}
	return out;
}

static bool same(const char *a, const char *b)
{
	const struct gw_host x = host(a), y = host(b);
	return gw_host_is_same(&x, &y);
}

static void addresses_of_one_machine_are_one_host(void **state)
{
	(void)state;
	assert_true(same("192.0.2.7", "192.0.2.7"));
	assert_false(same("192.0.2.7", "192.0.2.8"));
	assert_true(same("192.0.2.7", "::ffff:192.0.2.7"));
	assert_true(same("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
	assert_false(same("2001:db8:1:2::1", "2001:db8:1:3::1"));
	assert_false(same("0.0.0.0", "::"));
}

static void a_unix_socket_has_its_user(void **state)
{
	(void)state;
	int ends[2];
	struct gw_host a, b;
	uint32_t user;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	gw_host_of(ends[0], &a);
	gw_host_of(ends[1], &b);
	assert_int_equal(a.family, AF_UNIX);
	assert_true(gw_host_is_same(&a, &b));
	memcpy(&user, a.key, sizeof(user));
	assert_int_equal(user, getuid());
	close(ends[0]);
	close(ends[1]);
}

static void the_oldest_connection_of_the_largest_crowd_is_closed(void **state)
{
	(void)state;
	const struct gw_host a = host("192.0.2.1"), b = host("192.0.2.2"), c = host("192.0.2.3");
	const struct gw_host_arrival crowd[] = {{a, 1}, {b, 5}, {c, 2}, {b, 3}, {b, 4}, {c, 6}};
	assert_int_equal(gw_host_yields(crowd, 6), 3);
	assert_int_equal(gw_host_yields(crowd, 3), 0);
	assert_int_equal(gw_host_yields(crowd, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_one_machine_are_one_host),
		cmocka_unit_test(a_unix_socket_has_its_user),
		cmocka_unit_test(the_oldest_connection_of_the_largest_crowd_is_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
