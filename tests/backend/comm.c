/* The client pairs two servers and requests all-reduces from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/comm.h"
#include "backend/remote_device.h"
#include "backend/scene.h"
#include "wire/cursor.h"
#include "wire/message.h"

static struct scene pair[2];
static ggml_backend_t backends[2];
static struct ggml_tensor *tensors[2];

static int open_pair(uint8_t extensions)
{
	for (size_t i = 0; i < 2; i++) {
		memset(&pair[i], 0, sizeof(pair[i]));
		fake_init(&pair[i].fake);
		pair[i].fake.joins = true;
		pair[i].fake.extensions = extensions;
		scene_open(&pair[i]);
		backends[i] = pair[i].backend;
		tensors[i] = pair[i].sum;
		tensors[i]->flags |= GGML_TENSOR_FLAG_COMPUTE;
	}
	return 0;
}

static int open_stock(void **state)
{
	(void)state;
	return open_pair(0);
}

static int open_ggwire(void **state)
{
	(void)state;
	return open_pair(1);
}

static int close_pair(void **state)
{
	(void)state;
	scene_close(&pair[0]);
	scene_close(&pair[1]);
	return 0;
}

static size_t count(size_t i, unsigned cmd)
{
	float value;
	/* The reply to this read arrives after those to all earlier requests. */
	ggml_backend_tensor_get(pair[i].a, &value, 0, sizeof(value));
	return fake_count(&pair[i].fake, cmd);
}

static const char *endpoint(size_t i)
{
	return ((const struct gw_remote_device *)pair[i].dev)->remote->endpoint;
}

static void expect_host(size_t i, const char *host)
{
	const struct fake_request *r = fake_request(&pair[i].fake, GW_CMD_COMM_INIT, 0);
	char expected[GW_WIRE_COMM_HOST] = {0};
	snprintf(expected, sizeof(expected), "%s", host);
	assert_non_null(r);
	assert_int_equal(r->size, 80);
	assert_int_equal(gw_le32(r->body), 0);
	assert_int_equal(gw_le32(r->body + 4), i);
	assert_int_equal(gw_le32(r->body + 8), 2);
	assert_int_equal(gw_le32(r->body + 12), atoi(strchr(endpoint(0), ':') + 1) + 1000);
	assert_memory_equal(r->body + 16, expected, sizeof(expected));
}

static void stock_servers_are_asked_as_stock_clients_do(void **state)
{
	(void)state;
	void *comm = gw_comm_init(backends, 2);
	assert_non_null(comm);
	expect_host(0, "");
	expect_host(1, "fake");
	gw_comm_free(comm);
	assert_int_equal(count(0, GW_CMD_COMM_FREE), 1);
	assert_int_equal(count(1, GW_CMD_COMM_FREE), 1);
}

static void a_ggwire_server_learns_the_other_ones_address(void **state)
{
	(void)state;
	void *comm = gw_comm_init(backends, 2);
	assert_non_null(comm);
	expect_host(0, "fake");
	expect_host(1, "fake");
	gw_comm_free(comm);
}

static void expect_reduced(size_t i)
{
	const struct fake_request *r = fake_request(&pair[i].fake, GW_CMD_COMM_ALLREDUCE, 0);
	struct gw_wire_allreduce_req req;
	assert_non_null(r);
	assert_int_equal(r->size, 300);
	assert_true(gw_wire_allreduce_req_decode(&gw_dialect_8_0, r->body, r->size, &req));
	assert_int_equal(req.device, 0);
	assert_int_equal(req.tensor.data, (uint64_t)(uintptr_t)tensors[i]->data);
	assert_int_equal(req.tensor.ne[0], 8);
}

static void both_servers_get_the_all_reduce(void **state)
{
	(void)state;
	void *comm = gw_comm_init(backends, 2);
	assert_true(gw_comm_allreduce(comm, tensors));
	assert_int_equal(count(0, GW_CMD_COMM_ALLREDUCE), 1);
	assert_int_equal(count(1, GW_CMD_COMM_ALLREDUCE), 1);
	expect_reduced(0);
	expect_reduced(1);
	gw_comm_free(comm);
}

/* ggml's fallback treats such a tensor as zeros. The protocol cannot express that. */
static void uncomputed_tensors_are_not_reduced(void **state)
{
	(void)state;
	void *comm = gw_comm_init(backends, 2);
	for (size_t i = 0; i < 2; i++) {
		tensors[i]->flags &= ~GGML_TENSOR_FLAG_COMPUTE;
		assert_false(gw_comm_allreduce(comm, tensors));
		tensors[i]->flags |= GGML_TENSOR_FLAG_COMPUTE;
	}
	assert_int_equal(count(0, GW_CMD_COMM_ALLREDUCE), 0);
	assert_int_equal(count(1, GW_CMD_COMM_ALLREDUCE), 0);
	gw_comm_free(comm);
}

static void other_tensors_are_left_to_ggml(void **state)
{
	(void)state;
	void *comm = gw_comm_init(backends, 2);
	struct ggml_tensor half = *tensors[1], other_type = *tensors[1], rows = *tensors[1];
	struct ggml_tensor *swapped[] = {tensors[1], tensors[0]};
	half.ne[0] = 4;
	other_type.type = GGML_TYPE_I32;
	rows.ne[0] = rows.ne[1] = 2;
	rows.ne[2] = 2;
	rows.nb[1] = 16;
	struct ggml_tensor *bad[] = {&half, &other_type, &rows};
	for (size_t i = 0; i < 3; i++)
		assert_false(gw_comm_allreduce(comm, (struct ggml_tensor *[]){tensors[0], bad[i]}));
	assert_false(gw_comm_allreduce(comm, swapped));
	assert_int_equal(count(0, GW_CMD_COMM_ALLREDUCE), 0);
	gw_comm_free(comm);
}

static void one_no_undoes_the_others_yes(void **state)
{
	(void)state;
	pair[0].fake.joins = false;
	assert_null(gw_comm_init(backends, 2));
	assert_int_equal(count(0, GW_CMD_COMM_FREE), 0);
	assert_int_equal(count(1, GW_CMD_COMM_FREE), 1);
	pair[0].fake.joins = true;
	pair[1].fake.joins = false;
	assert_null(gw_comm_init(backends, 2));
	assert_int_equal(count(0, GW_CMD_COMM_FREE), 1);
	assert_int_equal(count(1, GW_CMD_COMM_FREE), 1);
	pair[1].fake.joins = true;
	gw_comm_free(gw_comm_init(backends, 2));
}

static void two_contexts_share_it(void **state)
{
	(void)state;
	ggml_backend_t more[] = {ggml_backend_dev_init(pair[0].dev, NULL), ggml_backend_dev_init(pair[1].dev, NULL)};
	ggml_backend_t other_way[] = {backends[1], backends[0]};
	void *first = gw_comm_init(backends, 2), *second = gw_comm_init(more, 2);
	assert_non_null(first);
	assert_ptr_equal(first, second);
	assert_null(gw_comm_init(other_way, 2));
	assert_int_equal(count(0, GW_CMD_COMM_INIT), 1);
	gw_comm_free(first);
	assert_int_equal(count(0, GW_CMD_COMM_FREE), 0);
	assert_true(gw_comm_allreduce(second, tensors));
	gw_comm_free(second);
	assert_int_equal(count(0, GW_CMD_COMM_FREE), 1);
	ggml_backend_free(more[0]);
	ggml_backend_free(more[1]);
}

static void pairs_are_two_servers(void **state)
{
	(void)state;
	ggml_backend_t same[] = {backends[0], backends[0], backends[1]};
	assert_null(gw_comm_init(same, 2));
	assert_null(gw_comm_init(same, 3));
	assert_null(gw_comm_init(backends, 1));
	setenv("GGML_RPC_NO_COMM", "1", 1);
	assert_null(gw_comm_init(backends, 2));
	unsetenv("GGML_RPC_NO_COMM");
	assert_int_equal(count(0, GW_CMD_COMM_INIT), 0);
}

static void a_lost_server_is_left_to_ggml(void **state)
{
	(void)state;
	void *comm = gw_comm_init(backends, 2);
	float value;
	(void)count(1, FAKE_ANY);
	pair[1].fake.die_at = pair[1].fake.count;
	ggml_backend_tensor_get(pair[1].a, &value, 0, sizeof(value));
	assert_false(gw_comm_allreduce(comm, tensors));
	assert_int_equal(count(0, GW_CMD_COMM_ALLREDUCE), 0);
	gw_comm_free(comm);
}

int main(void)
{
	/* The first fake has no port from which the second server could be reached. */
	static struct fake first;
	fake_init(&first);
	(void)fake_device(&first);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stock_servers_are_asked_as_stock_clients_do, open_stock, close_pair),
		cmocka_unit_test_setup_teardown(a_ggwire_server_learns_the_other_ones_address, open_ggwire, close_pair),
		cmocka_unit_test_setup_teardown(both_servers_get_the_all_reduce, open_stock, close_pair),
		cmocka_unit_test_setup_teardown(uncomputed_tensors_are_not_reduced, open_stock, close_pair),
		cmocka_unit_test_setup_teardown(other_tensors_are_left_to_ggml, open_stock, close_pair),
		cmocka_unit_test_setup_teardown(one_no_undoes_the_others_yes, open_stock, close_pair),
		cmocka_unit_test_setup_teardown(two_contexts_share_it, open_stock, close_pair),
		cmocka_unit_test_setup_teardown(pairs_are_two_servers, open_stock, close_pair),
		cmocka_unit_test_setup_teardown(a_lost_server_is_left_to_ggml, open_stock, close_pair),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
