/* What servers that can be linked are asked: for their links, to add up, and to copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/backend.h"
#include "backend/backend_state.h"
#include "backend/comm.h"
#include "backend/remote_device.h"
#include "backend/scene.h"
#include "base/clock.h"
#include "wire/extension.h"
#include "wire/peers.h"

#define N 3

static struct scene scenes[N];
static ggml_backend_t backends[N];
static struct ggml_tensor *tensors[N];

static void open_scene(size_t i, uint32_t server_flags)
{
	memset(&scenes[i], 0, sizeof(scenes[i]));
	fake_init(&scenes[i].fake);
	scenes[i].fake.joins = true;
	scenes[i].fake.extensions = 3;
	scenes[i].fake.server_flags = server_flags;
	scene_open(&scenes[i]);
	backends[i] = scenes[i].backend;
	tensors[i] = scenes[i].sum;
	tensors[i]->flags |= GGML_TENSOR_FLAG_COMPUTE;
}

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < N; i++)
		open_scene(i, GW_EXT_SERVER_LINKS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < N; i++)
		scene_close(&scenes[i]);
	return 0;
}

static size_t count(size_t i, unsigned cmd)
{
	float value;
	/* What was asked before has come when this is answered. */
	ggml_backend_tensor_get(scenes[i].a, &value, 0, sizeof(value));
	return fake_count(&scenes[i].fake, cmd);
}

static struct gw_peers_link_req step(size_t i, size_t index)
{
	struct gw_peers_link_req req;
	(void)count(i, FAKE_ANY);
	const struct fake_request *r = fake_request(&scenes[i].fake, GW_CMD_EXT_LINK, index);
	assert_non_null(r);
	assert_true(gw_peers_link_req_decode(r->body, r->size, &req));
	return req;
}

static void both_ends_of_a_link_have_its_secrets(void **state)
{
	(void)state;
	void *comm = gw_comm_init(backends, 2);
	static const uint8_t zeros[GW_PEERS_SECRET];
	assert_non_null(comm);
	const struct gw_peers_link_req expect = step(0, 0), open = step(1, 0), accept = step(0, 1),
				       confirm = step(1, 1);
	assert_int_equal(expect.step, GW_PEERS_EXPECT);
	assert_int_equal(open.step, GW_PEERS_OPEN);
	assert_int_equal(accept.step, GW_PEERS_ACCEPT);
	assert_int_equal(confirm.step, GW_PEERS_CONFIRM);
	const char *endpoint = ((const struct gw_remote_device *)scenes[0].dev)->remote->endpoint;
	assert_string_equal(open.host, "fake");
	assert_int_equal(open.port, atoi(strchr(endpoint, ':') + 1));
	assert_memory_equal(expect.secret, open.secret, GW_PEERS_SECRET);
	assert_memory_equal(accept.proof, confirm.proof, GW_PEERS_SECRET);
	assert_memory_not_equal(expect.secret, zeros, GW_PEERS_SECRET);
	assert_memory_not_equal(expect.secret, expect.proof, GW_PEERS_SECRET);
	gw_comm_free(comm);
	/* The link stays. */
	comm = gw_comm_init(backends, 2);
	assert_int_equal(count(0, GW_CMD_EXT_LINK), 2);
	assert_int_equal(count(0, GW_CMD_COMM_INIT), 0);
	gw_comm_free(comm);
}

static void all_are_told_their_part(void **state)
{
	struct gw_peers_reduce_req req;
	(void)state;
	tensors[1]->flags &= ~GGML_TENSOR_FLAG_COMPUTE;
	void *comm = gw_comm_init(backends, N);
	assert_non_null(comm);
	assert_true(gw_comm_allreduce(comm, tensors));
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(count(i, GW_CMD_EXT_ALLREDUCE), 1);
		const struct fake_request *r = fake_request(&scenes[i].fake, GW_CMD_EXT_ALLREDUCE, 0);
		assert_true(gw_peers_reduce_req_decode(r->body, r->size, &req));
		assert_int_equal(req.n, 1);
		assert_int_equal(req.elements, 8);
		assert_int_equal(req.steps, 1);
		assert_int_equal(req.format, GW_PEERS_F32);
		assert_int_equal(req.operands[0].computed, i != 1);
		assert_int_equal(req.operands[0].data, (uint64_t)(uintptr_t)tensors[i]->data);
		r = fake_request(&scenes[i].fake, GW_CMD_EXT_GROUP, 0);
		struct gw_peers_group_req group;
		assert_true(gw_peers_group_req_decode(r->body, r->size, &group));
		assert_int_equal(group.size, N);
		assert_int_equal(group.self, i);
		assert_int_equal(group.group, req.group);
	}
	gw_comm_free(comm);
	assert_int_equal(count(0, GW_CMD_EXT_GROUP), 2);
}

/* Another server may need it before it can reply. */
static void what_is_held_back_leaves_before_a_wait(void **state)
{
	enum {
		REDUCES = 50,
		WAIT_MS = 20000
	};
	float value;
	(void)state;
	void *comm = gw_comm_init(backends, N);
	assert_non_null(comm);
	for (int k = 0; k < REDUCES; k++)
		assert_true(gw_comm_allreduce(comm, tensors));
	ggml_backend_tensor_get(scenes[0].a, &value, 0, sizeof(value));
	uint64_t until = gw_clock_deadline(WAIT_MS);
	for (size_t i = 0; i < N; i++)
		while (fake_count(&scenes[i].fake, GW_CMD_EXT_ALLREDUCE) < REDUCES)
			assert_true(gw_clock_ns() < until);
	gw_comm_free(comm);
}

/* Nothing of it passes through the client, which waits for nothing. */
static void a_copy_goes_from_server_to_server(void **state)
{
	struct gw_peers_copy_req out, in;
	(void)state;
	ggml_backend_tensor_copy_async(backends[0], backends[1], scenes[0].a, scenes[1].b);
	ggml_backend_tensor_copy_async(backends[1], backends[0], scenes[1].a, scenes[0].b);
	size_t gets = fake_count(&scenes[0].fake, GW_CMD_GET_TENSOR) + fake_count(&scenes[1].fake, GW_CMD_GET_TENSOR);
	assert_int_equal(gets, 0);
	assert_int_equal(count(0, GW_CMD_EXT_SEND), 1);
	assert_int_equal(count(1, GW_CMD_EXT_RECEIVE), 1);
	assert_int_equal(count(0, GW_CMD_EXT_LINK), 2);
	assert_int_equal(count(1, GW_CMD_EXT_SEND), 1);
	const struct fake_request *r = fake_request(&scenes[0].fake, GW_CMD_EXT_SEND, 0);
	assert_true(gw_peers_copy_req_decode(r->body, r->size, &out));
	r = fake_request(&scenes[1].fake, GW_CMD_EXT_RECEIVE, 0);
	assert_true(gw_peers_copy_req_decode(r->body, r->size, &in));
	assert_int_equal(out.size, 32);
	assert_int_equal(in.size, 32);
	assert_int_equal(out.data, (uint64_t)(uintptr_t)scenes[0].a->data);
	assert_int_equal(in.data, (uint64_t)(uintptr_t)scenes[1].b->data);
}

static void what_cannot_be_linked_goes_through_the_client(void **state)
{
	float got[8];
	(void)state;
	scenes[1].fake.joins = false;
	ggml_backend_tensor_copy_async(backends[0], backends[1], scenes[0].a, scenes[1].b);
	ggml_backend_tensor_copy_async(backends[0], backends[1], scenes[0].a, scenes[1].b);
	ggml_backend_tensor_get(scenes[1].b, got, 0, sizeof(got));
	assert_int_equal(fake_count(&scenes[0].fake, GW_CMD_EXT_SEND), 0);
	assert_int_equal(fake_count(&scenes[0].fake, GW_CMD_GET_TENSOR), 2);
	assert_int_equal(fake_count(&scenes[1].fake, GW_CMD_SET_TENSOR), 2);
	/* It was tried once. */
	assert_int_equal(fake_count(&scenes[0].fake, GW_CMD_EXT_LINK), 1);
	assert_null(gw_comm_init(backends, N));
}

static void the_user_can_forbid_it(void **state)
{
	(void)state;
	setenv("GGML_RPC_NO_COMM", "1", 1);
	assert_null(gw_comm_init(backends, N));
	ggml_backend_tensor_copy_async(backends[0], backends[1], scenes[0].a, scenes[1].b);
	unsetenv("GGML_RPC_NO_COMM");
	assert_int_equal(count(0, GW_CMD_EXT_LINK), 0);
}

/* A stock server among them: as without links. */
static void one_that_makes_no_links_is_enough(void **state)
{
	struct scene other = {0};
	(void)state;
	fake_init(&other.fake);
	scene_open(&other);
	ggml_backend_t mixed[] = {backends[0], backends[1], other.backend};
	assert_null(gw_comm_init(mixed, 3));
	ggml_backend_tensor_copy_async(backends[0], other.backend, scenes[0].a, other.b);
	assert_int_equal(count(0, GW_CMD_EXT_LINK), 0);
	scene_close(&other);
}

static void reopen(size_t i, uint32_t server_flags)
{
	scene_close(&scenes[i]);
	open_scene(i, server_flags);
}

/* A server that would encrypt the link and one that would not have none between them, and neither is asked. */
static void keys_for_some_servers_link_none(void **state)
{
	(void)state;
	reopen(0, GW_EXT_SERVER_TLS_LINKS);
	for (size_t k = 0; k < 2; k++)
		ggml_backend_tensor_copy_async(backends[0], backends[1], scenes[0].a, scenes[1].b);
	assert_int_equal(count(0, GW_CMD_EXT_LINK), 0);
	assert_int_equal(count(1, GW_CMD_EXT_LINK), 0);
	/* Both copies, and the one of count(). */
	assert_int_equal(fake_count(&scenes[0].fake, GW_CMD_GET_TENSOR), 2 + 1);
	assert_null(gw_comm_init(backends, N));
}

static void keep_encrypted(size_t i, bool keep)
{
	const struct gw_remote_conn *conn = gw_backend_of(backends[i])->conn;
	((struct gw_transport *)(uintptr_t)gw_client_transport(conn->client))->keep_encrypted = keep;
}

/* Encrypted links leave TLS for RDMA only if the user of this client allows it. */
static void links_stay_encrypted_unless_the_user_allows_rdma(void **state)
{
	(void)state;
	for (size_t kept = 0; kept < 3; kept++) {
		for (size_t i = 0; i < 2; i++) {
			reopen(i, GW_EXT_SERVER_TLS_LINKS);
			keep_encrypted(i, kept == i + 1);
		}
		void *comm = gw_comm_init(backends, 2);
		assert_non_null(comm);
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(step(i % 2, i / 2).plain_rdma, kept == 0);
		gw_comm_free(comm);
	}
}

int main(void)
{
	/* The first fake has no port from which another one follows. */
	static struct fake first;
	fake_init(&first);
	(void)fake_device(&first);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_ends_of_a_link_have_its_secrets, setup, teardown),
		cmocka_unit_test_setup_teardown(all_are_told_their_part, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_held_back_leaves_before_a_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(a_copy_goes_from_server_to_server, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_linked_goes_through_the_client, setup, teardown),
		cmocka_unit_test_setup_teardown(the_user_can_forbid_it, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_makes_no_links_is_enough, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_for_some_servers_link_none, setup, teardown),
		cmocka_unit_test_setup_teardown(links_stay_encrypted_unless_the_user_allows_rdma, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
