/* Which endpoints are valid, and that formatting restores the parsed text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transport/list/endpoint.h"
#include "transport/tcp/tcp.h"
#include "transport/tcp/unix.h"

static const struct {
	const char *text;
	const struct gw_transport_kind *kind;
	const char *host;
	uint16_t port;
	bool local;
} good[] = {
	{"127.0.0.1:50052", &gw_tcp_transport, "127.0.0.1", 50052, true},
	{"127.8.9.10:1", &gw_tcp_transport, "127.8.9.10", 1, true},
	{"192.0.2.7:65535", &gw_tcp_transport, "192.0.2.7", 65535, false},
	{"0.0.0.0:50052", &gw_tcp_transport, "0.0.0.0", 50052, false},
	{"localhost:80", &gw_tcp_transport, "localhost", 80, true},
	{"LocalHost:80", &gw_tcp_transport, "LocalHost", 80, true},
	{"localhost.example:80", &gw_tcp_transport, "localhost.example", 80, false},
	{"gpu-1.example:50052", &gw_tcp_transport, "gpu-1.example", 50052, false},
	{"[::1]:50052", &gw_tcp_transport, "::1", 50052, true},
	{"[::]:50052", &gw_tcp_transport, "::", 50052, false},
	{"[2001:db8::7]:9", &gw_tcp_transport, "2001:db8::7", 9, false},
	{"[fe80::1%eth0]:9", &gw_tcp_transport, "fe80::1%eth0", 9, false},
	{"[::ffff:127.0.0.1]:9", &gw_tcp_transport, "::ffff:127.0.0.1", 9, true},
	{"unix:/run/ggwire.sock", &gw_unix_transport, "/run/ggwire.sock", 0, true},
	{"unix:relative:with:colons", &gw_unix_transport, "relative:with:colons", 0, true},
};

static const char *const bad[] = {
	"",
	":",
	"host:",
	":50052",
	"host:0",
	"host:65536",
	"host:99999",
	"host:123456",
	"host:-1",
	"host:+1",
	"host: 1",
	"host:1 ",
	"host:0x10",
	"host:http",
	" host:1",
	"ho st:1",
	"host\n:1",
	"http://host:1",
	"user@host:1",
	"::1:50052",
	"2001:db8::7:9",
	"[::1]50052",
	"[::1]:",
	"[::1:50052",
	"[]:1",
	"[host]:1",
	"[127.0.0.1]:1",
	"[fe80::1%]:1",
	"[::1]]:1",
	"unix:",
};

static void accepts_what_users_write(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct gw_endpoint ep;
		char text[GW_ENDPOINT_MAX + 16];
		assert_int_equal(gw_endpoint_parse(good[i].text, false, &ep, NULL), GW_OK);
		assert_ptr_equal(ep.kind, good[i].kind);
		assert_string_equal(ep.host, good[i].host);
		assert_int_equal(ep.port, good[i].port);
		assert_int_equal(gw_endpoint_is_local(&ep), good[i].local);
		gw_endpoint_format(&ep, text, sizeof(text));
		assert_string_equal(text, good[i].text);
	}
}

static void default_port_is_the_stock_servers(void **state)
{
	(void)state;
	struct gw_endpoint ep;
	assert_int_equal(gw_endpoint_parse("gpu-1.example", false, &ep, NULL), GW_OK);
	assert_string_equal(ep.host, "gpu-1.example");
	assert_int_equal(ep.port, 50052);
	assert_int_equal(gw_endpoint_parse("[2001:db8::7]", true, &ep, NULL), GW_OK);
	assert_string_equal(ep.host, "2001:db8::7");
	assert_int_equal(ep.port, 50052);
}

static void refuses_and_quotes_the_rest(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct gw_endpoint ep;
		struct gw_error err = {0};
		char quoted[GW_ENDPOINT_MAX + 2] = "\"";
		memset(&ep, 0x5a, sizeof(ep));
		const struct gw_endpoint before = ep;
		assert_int_equal(gw_endpoint_parse(bad[i], false, &ep, &err), GW_ERR_INVALID);
		assert_int_equal(err.status, GW_ERR_INVALID);
		assert_non_null(strstr(err.text, strcat(strcat(quoted, bad[i]), "\"")));
		assert_memory_equal(&ep, &before, sizeof(ep));
	}
}

static void port_0_is_for_listening(void **state)
{
	(void)state;
	struct gw_endpoint ep;
	assert_int_equal(gw_endpoint_parse("127.0.0.1:0", true, &ep, NULL), GW_OK);
	assert_int_equal(ep.port, 0);
	assert_int_equal(gw_endpoint_parse("127.0.0.1:0", false, &ep, NULL), GW_ERR_INVALID);
}

static void bounds_lengths(void **state)
{
	(void)state;
	char text[2 * GW_ENDPOINT_MAX];
	struct gw_endpoint ep;
	memset(text, 'a', sizeof(text));
	strcpy(text + sizeof(text) - 4, ":80");
	assert_int_equal(gw_endpoint_parse(text, false, &ep, NULL), GW_ERR_INVALID);
	assert_int_equal(gw_endpoint_parse(text + GW_ENDPOINT_MAX, false, &ep, NULL), GW_OK);
	memcpy(text, "unix:", 5);
	text[5 + 107] = '\0';
	assert_int_equal(gw_endpoint_parse(text, false, &ep, NULL), GW_OK);
	text[5 + 107] = 'a';
	text[5 + 108] = '\0';
	assert_int_equal(gw_endpoint_parse(text, false, &ep, NULL), GW_ERR_INVALID);
}

static void lists_are_split(void **state)
{
	(void)state;
	static const char *const parts[] = {"a:1", "b:2", "", "d", "unix:/c", ""};
	char list[] = " a:1,b:2 , ,d unix:/c ,", *rest = list, *nothing = NULL;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		assert_string_equal(gw_endpoint_next(&rest), parts[i]);
	assert_null(gw_endpoint_next(&rest));
	assert_null(gw_endpoint_next(&nothing));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_what_users_write),
		cmocka_unit_test(default_port_is_the_stock_servers),
		cmocka_unit_test(refuses_and_quotes_the_rest),
		cmocka_unit_test(lists_are_split),
		cmocka_unit_test(port_0_is_for_listening),
		cmocka_unit_test(bounds_lengths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
