/* Of what is announced, only an address that somebody can connect to is used, and one of each service. */
#include "discovery/found.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "transport/list/endpoint.h"

static struct gw_found_list list;

static int setup(void **state)
{
	(void)state;
	memset(&list, 0, sizeof(list));
	return 0;
}

static void only_addresses_become_endpoints(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		uint16_t port;
		unsigned interface;
		const char *endpoint; /* NULL: refused */
	} cases[] = {
		{"192.0.2.7", 50052, 2, "192.0.2.7:50052"},
		{"2001:db8::1", 50052, 2, "[2001:db8::1]:50052"},
		{"fe80::1", 50052, 1, "[fe80::1%lo]:50052"},
		{"fe80::1", 50052, 999999, NULL},
		{"192.0.2.7", 0, 2, NULL},
		{"0.0.0.0", 50052, 2, NULL},
		{"::", 50052, 2, NULL},
		{"224.0.0.251", 50052, 2, NULL},
		{"255.255.255.255", 50052, 2, NULL},
		{"ff02::fb", 50052, 2, NULL},
		{"evil.example", 50052, 2, NULL},
		{"unix:/run/x", 50052, 2, NULL},
		{"192.0.2.7:1,192.0.2.8", 50052, 2, NULL},
		{"", 50052, 2, NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gw_found f = {0};
		struct gw_endpoint ep;
		bool taken = gw_found_set_address(&f, cases[i].address, cases[i].port, cases[i].interface);
		if (taken != (cases[i].endpoint != NULL))
			fail_msg("case %zu, %s", i, cases[i].address);
		assert_string_equal(f.endpoint, taken ? cases[i].endpoint : "");
		assert_true(!taken || gw_endpoint_parse(f.endpoint, false, &ep, NULL) == GW_OK);
	}
}

static struct gw_found make(const char *name, const char *address)
{
	struct gw_found f = {.host = "box.local"};
	snprintf(f.name, sizeof(f.name), "%s", name);
	assert_true(gw_found_set_address(&f, address, 50052, 1));
	return f;
}

static void add(const char *name, const char *address)
{
	const struct gw_found f = make(name, address);
	gw_found_add(&list, &f);
}

static void a_service_is_one_server_with_its_best_address(void **state)
{
	(void)state;
	add("b", "fe80::1");
	add("b", "192.0.2.7");
	add("b", "2001:db8::1");
	add("a", "2001:db8::2");
	/* Another name for the same server. */
	add("c", "192.0.2.7");
	gw_found_sort(&list);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.items[0].endpoint, "[2001:db8::2]:50052");
	assert_string_equal(list.items[1].endpoint, "192.0.2.7:50052");
}

static void a_crowd_is_bounded_and_counted(void **state)
{
	(void)state;
	for (int i = 0; i < GW_FOUND_MAX + 10; i++) {
		char name[16], address[16];
		snprintf(name, sizeof(name), "n%d", i);
		snprintf(address, sizeof(address), "192.0.2.%d", i + 1);
		add(name, address);
	}
	assert_int_equal(list.n, GW_FOUND_MAX);
	assert_int_equal(list.left_out, 10);
}

/* Texts come with a length, may have any bytes, and need not end. */
static void texts_are_cut_and_end(void **state)
{
	(void)state;
	struct gw_found f = {0};
	char large[1000];
	memset(large, 'x', sizeof(large));
	gw_found_set(&f, "version", large, sizeof(large));
	assert_int_equal(strlen(f.version), GW_FOUND_TEXT - 1);
	gw_found_set(&f, "tls", "on", 1);
	assert_string_equal(f.tls, "o");
	gw_found_set(&f, "devices", "", 0);
	assert_string_equal(f.devices, "");
	struct gw_found before = f;
	gw_found_set(&f, "endpoint", "203.0.113.1:1", 13);
	gw_found_set(&f, "", "x", 1);
	assert_memory_equal(&f, &before, sizeof(f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(only_addresses_become_endpoints, setup),
		cmocka_unit_test_setup(a_service_is_one_server_with_its_best_address, setup),
		cmocka_unit_test_setup(a_crowd_is_bounded_and_counted, setup),
		cmocka_unit_test_setup(texts_are_cut_and_end, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
