/* Assigns the peer of a connection to a trust domain. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "transport/list/transports.h"

static char text[GW_TRANSPORT_DOMAIN];

union address {
	struct sockaddr any;
	struct sockaddr_in in; /* its port has the same offset as in6's */
	struct sockaddr_in6 in6;
};

static socklen_t size_of(const union address *a)
{
	return a->any.sa_family == AF_INET ? sizeof(a->in) : sizeof(a->in6);
}

/* Connects from one address to a temporary listener on another, and determines the domain of the accepted socket. */
static void domain_over(const union address *listening, const union address *from, const union address *to)
{
	union address at = {.in = {0}}, target = *to;
	socklen_t size = sizeof(at);
	int off = 0;
	int l = socket(listening->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(l >= 0);
	(void)setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	assert_int_equal(bind(l, &listening->any, size_of(listening)), 0);
	assert_int_equal(listen(l, 1) | getsockname(l, &at.any, &size), 0);
	target.in.sin_port = at.in.sin_port;
	int c = socket(from->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(c, &from->any, size_of(from)), 0);
	assert_int_equal(connect(c, &target.any, size_of(to)), 0);
	int s = accept(l, NULL, NULL);
	assert_true(s >= 0);
	gw_transport_peer_domain(s, text, sizeof(text));
	close(s);
	close(c);
	close(l);
}

static union address local(uint32_t number)
{
	return (union address){.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + number)}};
}

static void the_address_counts_and_not_the_port(void **state)
{
	union address from = local(8), to = local(0);
	(void)state;
	domain_over(&to, &from, &to);
	assert_string_equal(text, "host-127.0.0.9");
}

static bool has_ipv6(void)
{
	struct sockaddr_in6 local = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&local, sizeof(local)) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

static void ipv4_addresses_are_equal_over_ipv6(void **state)
{
	union address to = local(0), listening = {.in6 = {.sin6_family = AF_INET6}};
	(void)state;
	if (!has_ipv6())
		skip();
	assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &listening.in6.sin6_addr), 1);
	domain_over(&listening, &to, &to);
	assert_string_equal(text, "host-127.0.0.1");
}

static void an_ipv6_address_is_written_short(void **state)
{
	union address from = {.in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}};
	(void)state;
	if (!has_ipv6())
		skip();
	domain_over(&from, &from, &from);
	assert_string_equal(text, "host-::1");
}

static void on_a_unix_socket_the_user_counts(void **state)
{
	char expected[GW_TRANSPORT_DOMAIN];
	int fds[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	gw_transport_peer_domain(fds[0], text, sizeof(text));
	snprintf(expected, sizeof(expected), "user-%u", (unsigned)getuid());
	assert_string_equal(text, expected);
	close(fds[0]);
	close(fds[1]);
}

static void unconnected_sockets_have_no_domain(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)state;
	gw_transport_peer_domain(fd, text, sizeof(text));
	assert_string_equal(text, "");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_address_counts_and_not_the_port),
		cmocka_unit_test(ipv4_addresses_are_equal_over_ipv6),
		cmocka_unit_test(an_ipv6_address_is_written_short),
		cmocka_unit_test(on_a_unix_socket_the_user_counts),
		cmocka_unit_test(unconnected_sockets_have_no_domain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
