/* Which addresses may connect. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "daemon/clients/allow.h"

static bool permits(const struct gw_allow *allow, const char *text)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr_in in = {.sin_family = AF_INET};
	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return gw_allow_permits(allow, (const struct sockaddr *)&in);
	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	return gw_allow_permits(allow, (const struct sockaddr *)&in6);
}

static void networks_hold_their_addresses(void **state)
{
	(void)state;
	static const struct {
		const char *list, *peer;
		bool expected;
	} cases[] = {
		{"192.0.2.0/24", "192.0.2.255", true},
		{"192.0.2.0/24", "192.0.3.0", false},
		{"192.0.2.0/24", "::ffff:192.0.2.7", true},
		{"::ffff:192.0.2.0/120", "192.0.2.7", true},
		{"192.0.2.0/25", "192.0.2.127", true},
		{"192.0.2.0/25", "192.0.2.128", false},
		{"192.0.2.9", "192.0.2.9", true},
		{"192.0.2.9", "192.0.2.8", false},
		{"0.0.0.0/0", "203.0.113.1", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "2001:db8::1", true},
		{"::/0", "203.0.113.1", true},
		{"2001:db8::/32", "2001:db8:ffff::1", true},
		{"2001:db8::/32", "2001:db9::1", false},
		{"::1", "::1", true},
		{"::1", "127.0.0.1", false},
		{"10.0.0.0/8,::1,192.0.2.1", "::1", true},
		{"10.0.0.0/8,::1,192.0.2.1", "192.0.2.1", true},
		{"10.0.0.0/8,::1,192.0.2.1", "192.0.2.2", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct gw_allow allow;
		memset(&allow, 0, sizeof(allow));
		assert_int_equal(gw_allow_parse(&allow, cases[i].list, NULL), GW_OK);
		if (permits(&allow, cases[i].peer) != cases[i].expected)
			fail_msg("%s, %s", cases[i].list, cases[i].peer);
	}
}

static void an_empty_list_allows_everyone(void **state)
{
	(void)state;
	static const struct gw_allow none;
	assert_true(permits(&none, "203.0.113.1"));
	assert_true(permits(&none, "2001:db8::1"));
}

static void unix_sockets_are_always_allowed(void **state)
{
	(void)state;
	static struct gw_allow allow;
	const struct sockaddr_un un = {.sun_family = AF_UNIX};
	assert_int_equal(gw_allow_parse(&allow, "192.0.2.1", NULL), GW_OK);
	assert_true(gw_allow_permits(&allow, (const struct sockaddr *)&un));
}

static void invalid_networks_are_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {"", ",", "192.0.2.0/24,", "example.org", "192.0.2.0/33", "192.0.2.0/",
		"192.0.2.0/-1", "192.0.2.0/0x8", "192.0.2.1/24", "2001:db8::/129", "2001:db8::1/64", "192.0.2", "[::1]",
		"192.0.2.0/24 ", "192.0.2.0/99999999999",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111:2222:3333"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		static struct gw_allow allow;
		struct gw_error err;
		memset(&allow, 0, sizeof(allow));
		if (gw_allow_parse(&allow, texts[i], &err) != GW_ERR_INVALID || !err.text[0])
			fail_msg("'%s'", texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_hold_their_addresses),
		cmocka_unit_test(an_empty_list_allows_everyone),
		cmocka_unit_test(unix_sockets_are_always_allowed),
		cmocka_unit_test(invalid_networks_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
