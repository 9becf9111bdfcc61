/* The server checks row numbers before every use by a kernel, wherever they come from. */
#include "device/rig.h"

#include <stdlib.h>
#include <string.h>

#include "device/fake_device.h"
#include "device/rules/graph_indices.h"
#include "rpc/commands.h"

#define TENSORS 16

/* A client, and a graph built with ggml's constructors and laid out in the client's buffer. */
struct world {
	struct ggml_context *ctx;
	struct gw_server *server;
	struct rig rig;
	struct gw_client *client;
	struct rig_buffer buffer;
	struct ggml_tensor *made[TENSORS];
	struct gw_wire_tensor t[TENSORS];
	uint64_t nodes[TENSORS];
	uint32_t n;
	uint32_t n_nodes;
	uint64_t used; /* bytes in use */
};

static int setup(void **out)
{
	static struct world w;
	struct gw_server_options options = rig_options();

	w = (struct world){.server = rig_server(&options)};
	w.ctx = ggml_init((struct ggml_init_params){.mem_size = (size_t)1 << 20, .no_alloc = true});
	w.client = rig_client(&w.rig, w.server);
	w.buffer = rig_alloc(w.client, 1 << 20);
	*out = &w;
	return w.ctx ? 0 : -1;
}

static int teardown(void **in)
{
	struct world *w = *in;

	ggml_free(w->ctx);
	gw_server_free(w->server);
	return 0;
}

static struct ggml_tensor *tensor(struct world *w, enum ggml_type type, int64_t a, int64_t b, int64_t c, int64_t d)
{
	return ggml_new_tensor_4d(w->ctx, type, a, b, c, d);
}

static struct ggml_tensor *f32(struct world *w, int64_t a, int64_t b, int64_t c, int64_t d)
{
	return tensor(w, GGML_TYPE_F32, a, b, c, d);
}

static struct gw_wire_tensor *wire_of(struct world *w, const struct ggml_tensor *made)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->made[i] == made)
			return &w->t[i];
	return NULL;
}

static uint64_t id_of(struct world *w, const struct ggml_tensor *made)
{
	return made ? wire_of(w, made)->id : 0;
}

static void describe(struct world *w, struct ggml_tensor *made)
{
	struct gw_wire_tensor *t = &w->t[w->n];

	*t = rig_tensor((uint32_t)made->type, &w->buffer, w->used, (uint32_t)made->ne[0], 1);
	w->made[w->n++] = made;
	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		t->ne[i] = (uint32_t)made->ne[i];
		t->nb[i] = (uint32_t)made->nb[i];
	}
	t->op = (uint32_t)made->op;
	memcpy(t->op_params, made->op_params, sizeof(t->op_params));
	for (int i = 0; i < GGML_MAX_SRC; i++)
		t->src[i] = id_of(w, made->src[i]);
	if (made->view_src) {
		t->view_src = id_of(w, made->view_src);
		t->view_offs = made->view_offs;
		t->data = wire_of(w, made->view_src)->data + made->view_offs;
	} else {
		w->used += (ggml_nbytes(made) + 63) / 64 * 64;
	}
	if (made->op != GGML_OP_NONE)
		w->nodes[w->n_nodes++] = t->id;
}

/* Lays out all tensors in the order of their creation. */
static void lay_out(struct world *w)
{
	for (struct ggml_tensor *t = ggml_get_first_tensor(w->ctx); t; t = ggml_get_next_tensor(w->ctx, t))
		describe(w, t);
}

static void set(struct world *w, const struct ggml_tensor *made, const void *data, size_t size)
{
	rig_set(w->client, wire_of(w, made), 0, data, size);
}

static void set_all(struct world *w, const struct ggml_tensor *made, float value)
{
	float data[1024];

	assert_true(ggml_nbytes(made) <= sizeof(data));
	for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++)
		data[i] = value;
	set(w, made, data, ggml_nbytes(made));
}

static void compute(struct world *w)
{
	rig_compute(w->client, 1, w->nodes, w->n_nodes, w->t, w->n);
}

static float first_of(struct world *w, const struct ggml_tensor *made)
{
	float value;

	rig_get(w->client, wire_of(w, made), 0, &value, sizeof(value));
	return value;
}

/* Expects the server to end the connection with this reason. A client that leaves first stops what is computed. */
static void ends(struct world *w, const char *why)
{
	uint8_t byte;
	uint64_t ticket = 0;

	(void)gw_client_get_tensor(w->client, &(struct gw_wire_get_req){.tensor = w->t[0], .size = 1},
		&(struct gw_dest){&byte, 1, 1, 1}, &ticket, NULL);
	assert_int_not_equal(gw_client_drain(w->client, ticket), GW_OK);
	gw_client_close(w->client);
	rig_join(&w->rig);
	if (!strstr(w->rig.why.text, why))
		fail_msg("'%s', not '%s'", w->rig.why.text, why);
}

static struct ggml_tensor *scan(struct world *w, struct ggml_tensor *ids)
{
	return ggml_ssm_scan(w->ctx, f32(w, 16, 4, 1, 2), f32(w, 4, 1, 3, 1), f32(w, 1, 3, 1, 1), f32(w, 16, 1, 1, 1),
		f32(w, 16, 1, 3, 1), f32(w, 16, 1, 3, 1), ids, 1);
}

static void existing_states_are_read(void **in)
{
	struct world *w = *in;
	struct ggml_tensor *ids = tensor(w, GGML_TYPE_I32, 1, 1, 1, 1), *n = scan(w, ids);

	lay_out(w);
	for (int i = 0; i < 6; i++)
		set_all(w, n->src[i], 0.0f);
	set(w, ids, &(int32_t){1}, 4);
	compute(w);
	assert_float_equal(first_of(w, n), 0.0f, 0.0f);
	rig_leave(&w->rig, w->client);
}

/* The kernel would read the state from any address. */
static void states_that_are_not_there(void **in)
{
	struct world *w = *in;
	struct ggml_tensor *ids = tensor(w, GGML_TYPE_I32, 1, 1, 1, 1);

	scan(w, ids);
	lay_out(w);
	set(w, ids, &(int32_t){3}, 4);
	compute(w);
	ends(w, "SSM_SCAN asks for row 3 of 2");
}

/* The kernel would write as far ahead as the stride of the states says. */
static void states_with_large_strides_are_refused(void **in)
{
	struct world *w = *in;
	struct ggml_tensor *n = scan(w, tensor(w, GGML_TYPE_I32, 1, 1, 1, 1));

	n->src[0]->nb[3] = 1 << 16;
	lay_out(w);
	w->used = 1 << 20;
	wire_of(w, n)->data = w->buffer.base + (1 << 19);
	compute(w);
	ends(w, "SSM_SCAN 't': src 0 needs contiguous elements");
}

static void experts_that_are_not_there(void **in)
{
	struct world *w = *in;
	struct ggml_tensor *ids = tensor(w, GGML_TYPE_I32, 2, 1, 1, 1);
	const int32_t chosen[] = {1, -1};

	ggml_mul_mat_id(w->ctx, f32(w, 8, 8, 4, 1), f32(w, 8, 1, 1, 1), ids);
	lay_out(w);
	set(w, ids, chosen, sizeof(chosen));
	compute(w);
	ends(w, "MUL_MAT_ID asks for row -1 of 4");
}

static void numbers_that_change_are_looked_at_again(void **in)
{
	struct world *w = *in;
	struct ggml_tensor *table = f32(w, 4, 3, 1, 1), *ids = tensor(w, GGML_TYPE_I32, 1, 1, 1, 1);
	struct ggml_tensor *n = ggml_get_rows(w->ctx, table, ids);

	lay_out(w);
	set_all(w, table, 5.0f);
	for (int32_t row = 0; row < 3; row++) {
		set(w, ids, &row, sizeof(row));
		if (row == 0)
			compute(w);
		else
			rig_recompute(w->client, 1);
		assert_float_equal(first_of(w, n), 5.0f, 0.0f);
	}
	set(w, ids, &(int32_t){3}, 4);
	rig_recompute(w->client, 1);
	ends(w, "GET_ROWS asks for row 3 of 3");
}

static struct ggml_tensor *rows_by_arithmetic(struct world *w, struct ggml_tensor *table, struct ggml_tensor *x)
{
	struct ggml_tensor *ids = ggml_cast(w->ctx, ggml_scale(w->ctx, x, 2.0f), GGML_TYPE_I32);

	return ggml_sqr(w->ctx, ggml_get_rows(w->ctx, table, ids));
}

static void computed_numbers_are_looked_at_in_between(void **in)
{
	struct world *w = *in;
	struct ggml_tensor *table = f32(w, 4, 3, 1, 1), *x = f32(w, 1, 1, 1, 1), *n = rows_by_arithmetic(w, table, x);

	lay_out(w);
	set_all(w, table, 5.0f);
	set_all(w, x, 1.0f);
	compute(w);
	assert_float_equal(first_of(w, n), 25.0f, 0.0f);
	set_all(w, x, 2.0f);
	rig_recompute(w->client, 1);
	ends(w, "GET_ROWS asks for row 4 of 3");
}

static struct gw_index_plan plan_of(struct ggml_tensor **nodes, uint32_t n)
{
	struct gw_index_plan plan;

	assert_int_equal(gw_index_plan_make(nodes, n, &plan, NULL), GW_OK);
	return plan;
}

static void expect(struct ggml_tensor **nodes, uint32_t n, size_t checks, size_t cuts)
{
	struct gw_index_plan plan = plan_of(nodes, n);

	assert_int_equal(plan.n_checks, checks);
	assert_int_equal(plan.n_cuts, cuts);
	gw_index_plan_free(&plan);
}

/* For tests that only plan: addresses that are never dereferenced. */
static struct ggml_tensor *at(struct ggml_tensor *t, uintptr_t address)
{
	t->data = (void *)address;
	return t;
}

/* The indices of sorted router scores need no check. */
static void sorted_numbers_are_vouched_for(void **in)
{
	struct world *w = *in;
	struct ggml_tensor *scores = at(f32(w, 8, 4, 1, 1), 0x1000),
			   *sorted = at(ggml_argsort(w->ctx, scores, GGML_SORT_ORDER_DESC), 0x2000);
	struct ggml_tensor *ids = at(ggml_view_2d(w->ctx, sorted, 2, 4, sorted->nb[1], 0), 0x2000);
	struct ggml_tensor *up = at(
		ggml_mul_mat_id(w->ctx, at(f32(w, 8, 8, 8, 1), 0x3000), at(f32(w, 8, 1, 4, 1), 0x8000), ids), 0x9000);
	struct ggml_tensor *few = at(
		ggml_mul_mat_id(w->ctx, at(f32(w, 8, 8, 7, 1), 0x3000), at(f32(w, 8, 1, 4, 1), 0x8000), ids), 0xa000);
	struct ggml_tensor *over = at(ggml_sqr(w->ctx, at(f32(w, 4, 1, 1, 1), 0x1000)), 0x2010);

	expect((struct ggml_tensor *[]){sorted, ids, up}, 3, 0, 0);
	/* There are fewer experts than scores. */
	expect((struct ggml_tensor *[]){sorted, ids, few}, 3, 1, 1);
	/* On some devices ARGMAX returns -1 for a row of NaN. */
	struct ggml_tensor *best = at(ggml_argmax(w->ctx, scores), 0x2000),
			   *row = at(ggml_get_rows(w->ctx, at(f32(w, 4, 8, 1, 1), 0x3000), best), 0x9000);
	expect((struct ggml_tensor *[]){best, row}, 2, 1, 1);
	/* Another node overwrites the indices. */
	expect((struct ggml_tensor *[]){sorted, over, ids, up}, 4, 1, 1);
	/* Overwriting them before the sort does no harm. */
	expect((struct ggml_tensor *[]){over, sorted, ids, up}, 4, 0, 0);
	/* The view reaches beyond the sorted indices. */
	ids->data = (void *)0x1ff8;
	expect((struct ggml_tensor *[]){sorted, ids, up}, 3, 1, 1);
	gw_client_close(w->client);
	rig_join(&w->rig);
}

/* The indices of a layer are checked once for all of its operations, and one split of the graph serves every check
 * whose indices are computed by then. */
static void checks_and_splits_are_shared(void **in)
{
	struct world *w = *in;
	struct ggml_tensor *ids = at(tensor(w, GGML_TYPE_I32, 2, 4, 1, 1), 0x2000),
			   *made = at(ggml_cast(w->ctx, at(f32(w, 2, 4, 1, 1), 0x1000), GGML_TYPE_I32), 0x2800);
	struct ggml_tensor *experts = at(f32(w, 8, 8, 8, 1), 0x3000), *x = at(f32(w, 8, 1, 4, 1), 0x8000);
	struct ggml_tensor *a = at(ggml_mul_mat_id(w->ctx, experts, x, ids), 0x9000);
	struct ggml_tensor *b = at(ggml_mul_mat_id(w->ctx, experts, x, ids), 0xa000);
	struct ggml_tensor *c = at(ggml_mul_mat_id(w->ctx, experts, x, made), 0xb000);
	struct ggml_tensor *d = at(ggml_mul_mat_id(w->ctx, experts, x, made), 0xc000);

	expect((struct ggml_tensor *[]){a, b}, 2, 1, 0);
	expect((struct ggml_tensor *[]){made, a, c, b, d}, 5, 2, 1);
	gw_client_close(w->client);
	rig_join(&w->rig);
}

/* The server reads indices back from memory that this process cannot see. */
static void numbers_in_device_memory(void **in)
{
	struct world *w = *in;
	struct fake *fake;
	ggml_backend_buffer_t buffer =
		ggml_backend_buft_alloc_buffer(ggml_backend_dev_buffer_type(fake_device(&fake)), 4096);
	struct ggml_tensor *ids = tensor(w, GGML_TYPE_I32, 2, 1, 1, 1);
	struct ggml_tensor *n = at(ggml_get_rows(w->ctx, at(f32(w, 4, 3, 1, 1), 0x1000), ids), 0x3000);
	struct gw_error err = {0};

	assert_false(ggml_backend_buffer_is_host(buffer));
	ids->buffer = buffer;
	ids->data = ggml_backend_buffer_get_base(buffer);
	struct gw_index_plan plan = plan_of(&n, 1);
	ggml_backend_tensor_set(ids, (const int32_t[]){0, 2}, 0, 8);
	assert_int_equal(gw_index_plan_check(&plan, 0, &err), GW_OK);
	ggml_backend_tensor_set(ids, (const int32_t[]){0, 3}, 0, 8);
	assert_int_equal(gw_index_plan_check(&plan, 0, &err), GW_ERR_PROTOCOL);
	assert_string_equal(err.text, "GET_ROWS asks for row 3 of 3");
	gw_index_plan_free(&plan);
	ggml_backend_buffer_free(buffer);
	gw_client_close(w->client);
	rig_join(&w->rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(existing_states_are_read),
		TEST(states_that_are_not_there),
		TEST(states_with_large_strides_are_refused),
		TEST(experts_that_are_not_there),
		TEST(numbers_that_change_are_looked_at_again),
		TEST(computed_numbers_are_looked_at_in_between),
		TEST(sorted_numbers_are_vouched_for),
		TEST(checks_and_splits_are_shared),
		TEST(numbers_in_device_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
