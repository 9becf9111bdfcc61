/* Stopped servers, whose kernel still accepts connections: their clients notice, and the servers of others go on. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/serving.h"

static struct serving s;

static int setup(void **state)
{
	(void)state;
	serving_start(&s, (const char *const[]){"-p", "0", "--log-level", "debug", NULL});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kill(s.pid, SIGCONT);
	serving_end(&s);
	return 0;
}

static struct gw_client *connect_client(pid_t *worker)
{
	struct gw_client *c = serving_connect(&s);
	const char *line = serving_await(&s, "served by worker ");
	*worker = (pid_t)atol(strstr(line, "worker ") + strlen("worker "));
	assert_int_equal(gw_client_keep_alive(c), GW_OK);
	assert_true(serving_answers(c));
	return c;
}

static void a_stopped_worker_is_lost_to_its_client_only(void **state)
{
	(void)state;
	pid_t stopped, other;
	struct gw_client *a = connect_client(&stopped);
	struct gw_client *b = connect_client(&other);
	assert_int_equal(kill(stopped, SIGSTOP), 0);
	assert_false(serving_answers(a));
	assert_true(gw_client_lost(a));
	assert_true(serving_answers(b));
	gw_client_close(a);
	assert_int_equal(kill(stopped, SIGCONT), 0);
	/* The worker learns what happened to its client as soon as it continues. */
	serving_await(&s, "client 127.0.0.1");
	assert_true(serving_answers(b));
	gw_client_close(b);
}

static void clients_outlast_a_stopped_supervisor(void **state)
{
	(void)state;
	pid_t worker;
	char endpoint[GW_ENDPOINT_MAX + 16];
	struct gw_client *c = connect_client(&worker), *late = NULL;
	struct gw_error err = {0};
	serving_endpoint(&s, endpoint, sizeof(endpoint));
	assert_int_equal(kill(s.pid, SIGSTOP), 0);
	assert_true(serving_answers(c));
	assert_int_equal(gw_client_connect(endpoint, &late, &err), GW_ERR_TIMEOUT);
	assert_non_null(strstr(err.text, "does not answer"));
	assert_true(serving_answers(c));
	assert_int_equal(kill(s.pid, SIGCONT), 0);
	late = serving_connect(&s);
	assert_true(serving_answers(late));
	gw_client_close(late);
	gw_client_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_stopped_worker_is_lost_to_its_client_only, setup, teardown),
		cmocka_unit_test_setup_teardown(clients_outlast_a_stopped_supervisor, setup, teardown),
	};
	setenv("GGML_RPC_TIMEOUT", "1", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
