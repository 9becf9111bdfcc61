/* What top shows fits the screen: a narrow one has fewer columns, and those of least use are left out first. */
#include "cli/top/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char said[4096];
static size_t widest;
static unsigned alarms;

static void keep(void *user, enum gw_top_style style, const char *text)
{
	size_t len = strlen(said);
	(void)user;
	snprintf(said + len, sizeof(said) - len, "%s\n", text);
	if (strlen(text) > widest)
		widest = strlen(text);
	alarms += style == GW_TOP_ALARM;
}

static struct gw_ext_status_client clients[3] = {
	{.address = "192.0.2.200:50123",
		.endpoint = "192.0.2.1:50052",
		.buffer_bytes = 300 << 20,
		.connected_ms = 5000},
	{.address = "192.0.2.201:50124", .flags = GW_EXT_CLIENT_SELF},
	{.address = "192.0.2.202:50125", .flags = GW_EXT_CLIENT_TOOL},
};
static struct gw_ext_status_device device = {.name = "CPU", .total = 1000, .free = 400};

static struct gw_watch_view view(void)
{
	struct gw_watch_view v = {.reached = true, .told = true};
	v.status = (struct gw_ext_status){.n_clients = 3, .clients = clients, .n_devices = 1, .devices = &device};
	snprintf(v.about.text, sizeof(v.about.text), "ggwire 0.1.0, TCP");
	return v;
}

static void show(const struct gw_watch_view *v, unsigned width)
{
	said[0] = '\0';
	widest = 0;
	alarms = 0;
	gw_top_lines("box", v, width, keep, NULL);
}

static void every_width_fits(void **state)
{
	(void)state;
	const struct gw_watch_view v = view();
	for (unsigned width = 60; width <= 120; width++) {
		show(&v, width);
		if (widest > width)
			fail_msg("%zu columns instead of %u:\n%s", widest, width, said);
	}
}

static void columns_of_least_use_go_first(void **state)
{
	(void)state;
	static const char *const by_rank[] = {"SINCE", "VIA", "TIME", "OUT/S", "IN/S", "HELD", "TOK/S", "GRAPH/S"};
	const struct gw_watch_view v = view();
	size_t gone = 0;
	for (unsigned width = GW_TOP_WIDTH; width >= 20; width--) {
		show(&v, width);
		assert_non_null(strstr(said, "CLIENT"));
		for (size_t i = 0; i < 8; i++)
			if (i < gone && strstr(said, by_rank[i]))
				fail_msg("%s is back at width %u:\n%s", by_rank[i], width, said);
		while (gone < 8 && !strstr(said, by_rank[gone]))
			gone++;
		for (size_t i = gone; i < 8; i++)
			assert_non_null(strstr(said, by_rank[i]));
	}
	assert_int_equal(gone, 8);
}

static void the_usual_screen_has_all(void **state)
{
	(void)state;
	const struct gw_watch_view v = view();
	show(&v, GW_TOP_WIDTH);
	assert_non_null(
		strstr(said, "  CLIENT                VIA       IN/S     OUT/S GRAPH/S TOK/S    TIME      HELD SINCE\n"
			     "  192.0.2.200:50123     tcp          -         -       -     -       - 300.0 MiB 5 s"));
	/* Without the last column, it fits the usual screen. */
	show(&v, 80);
	assert_non_null(
		strstr(said, "  192.0.2.200:50123     tcp          -         -       -     -       - 300.0 MiB\n"));
	/* Neither the one that asks nor other tools are listed. */
	assert_null(strstr(said, "192.0.2.201"));
	assert_null(strstr(said, "192.0.2.202"));
	assert_int_equal(alarms, 0);
}

static void rates_are_those_between_two_answers(void **state)
{
	(void)state;
	struct gw_ext_status_client then = clients[0];
	struct gw_watch_view v = view();
	v.has_before = true;
	v.before = (struct gw_ext_status){.time_ms = 1000, .n_clients = 1, .clients = &then};
	v.status.time_ms = 3000;
	clients[0].count[GW_COUNT_GRAPHS] = 100;
	clients[0].count[GW_COUNT_TOKENS] = 25;
	show(&v, GW_TOP_WIDTH);
	assert_non_null(strstr(said, "   50.0  12.5 "));
	clients[0].count[GW_COUNT_TOKENS] = 5000;
	show(&v, GW_TOP_WIDTH);
	assert_non_null(strstr(said, "   50.0  2500 "));
	clients[0].count[GW_COUNT_GRAPHS] = clients[0].count[GW_COUNT_TOKENS] = 0;
}

static void what_is_wrong_stands_out(void **state)
{
	(void)state;
	struct gw_watch_view v = view();
	device.free = 1;
	show(&v, GW_TOP_WIDTH);
	device.free = 400;
	assert_int_equal(alarms, 1);
	v.reached = false;
	snprintf(v.why, sizeof(v.why), "connection refused");
	show(&v, GW_TOP_WIDTH);
	assert_int_equal(alarms, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_width_fits),
		cmocka_unit_test(columns_of_least_use_go_first),
		cmocka_unit_test(the_usual_screen_has_all),
		cmocka_unit_test(rates_are_those_between_two_answers),
		cmocka_unit_test(what_is_wrong_stands_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
