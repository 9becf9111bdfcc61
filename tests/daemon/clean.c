/* No client can read what another client wrote, even if the server reuses workers. */
#include "device/marker.h"
#include "device/rig.h"

#include "daemon/serving.h"

static struct serving s;

static int teardown(void **state)
{
	(void)state;
	serving_end(&s);
	return 0;
}

static void the_next_client_finds_nothing(void **state)
{
	(void)state;
	serving_start(&s, (const char *const[]){"-d", "CPU", "-p", "0", NULL});
	for (int i = 0; i < 3; i++) {
		struct gw_client *c = serving_connect(&s);
		marker_write(c, true);
		gw_client_close(c);
		serving_await(&s, " left worker ");
		c = serving_connect(&s);
		marker_expect_none(c, true);
		gw_client_close(c);
		serving_await(&s, " left worker ");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_next_client_finds_nothing, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
