#include "ggml/opmap.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "ggml/delta_state.h"
#include "ggml/numbers.h"

#define MAX_DIALECTS 32

struct entry {
	const struct gw_dialect *dialect;
	struct gw_opmap map;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry entries[MAX_DIALECTS];
static size_t n_entries;

static const char *op_name(uint32_t op)
{
	return ggml_op_name((enum ggml_op)op);
}

/* A type without a block size is unused, whatever its name. */
static const char *type_name(uint32_t type)
{
	return ggml_blck_size((enum ggml_type)type) ? ggml_type_name((enum ggml_type)type) : NULL;
}

static void fill(uint32_t *table, uint32_t n, const struct gw_names *wire, uint32_t n_local,
	const char *(*name)(uint32_t), bool to_wire)
{
	for (uint32_t i = 0; i < n; i++)
		table[i] = GW_NO_NUMBER;
	for (uint32_t local = 0; local < n_local && local < n; local++) {
		uint32_t number = gw_names_find(wire, name(local));
		if (number < n)
			table[to_wire ? local : number] = to_wire ? number : local;
	}
}

static const char *const expanding_early[] = {"MUL_MAT_ID", "FLASH_ATTN_EXT", NULL};
static const char *const expanding_6_0[] = {
	"CUMSUM", "MUL_MAT", "MUL_MAT_ID", "ARGSORT", "TOP_K", "FLASH_ATTN_EXT", NULL};

static void fill_expanding(struct gw_opmap *m, const struct gw_numbers *local, const char *const *names)
{
	for (; *names; names++)
		m->may_expand[gw_names_find(local->ops, *names)] = true;
}

static void fill_rules(struct gw_opmap *m, const struct gw_numbers *local)
{
	for (uint32_t op = 0; op < local->ops->count; op++) {
		const struct gw_params_rule *rule = gw_params_rule(op_name(op));
		m->rules[op] = rule;
		m->same_params[op] = gw_params_are_same(rule, &m->here, &m->server) &&
				     gw_params_are_same(rule, &m->client, &m->here);
	}
}

/* Types and GLU variants were only ever added, so the newest table covers every client. */
static void fill_sides(struct gw_opmap *m, const struct gw_dialect *dialect, const struct gw_numbers *local)
{
	static const struct gw_version has_7_glus = {7, 0, 0}, has_one_state_layout = {4, 0, 2};
	bool new_glus = gw_version_at_least(dialect->version, has_7_glus);

	m->here = (struct gw_side){.protocol = local->dialect->version, .ggml = local->release, .glus = local->glus};
	m->server = (struct gw_side){.protocol = dialect->version, .glus = new_glus ? &gw_glus_7 : &gw_glus_6};
	m->client = (struct gw_side){.protocol = dialect->version, .glus = &gw_glus_7};
	m->old_states = !gw_version_at_least(dialect->version, has_one_state_layout);
}

/* ggml's own functions do not check the numbers: local holds how many there are. */
static void build(struct entry *e, const struct gw_dialect *dialect)
{
	const struct gw_numbers *local = gw_numbers_get(NULL);
	struct gw_opmap *m = &e->map;

	assert(local);
	e->dialect = dialect;
	fill_sides(m, dialect, local);
	fill(m->op_to_local, GW_OPMAP_MAX, dialect->ops, local->ops->count, op_name, false);
	fill(m->op_to_wire, GW_OPMAP_MAX, dialect->ops, local->ops->count, op_name, true);
	fill(m->type_to_local, GW_OPMAP_MAX, &gw_types_43, local->n_types, type_name, false);
	fill(m->type_to_wire, GW_OPMAP_MAX, dialect->types, local->n_types, type_name, true);
	fill_expanding(m, local, dialect->asks_more_sizes ? expanding_6_0 : expanding_early);
	fill_rules(m, local);
}

const struct gw_opmap *gw_opmap_for(const struct gw_dialect *dialect)
{
	size_t i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < n_entries; i++)
		if (entries[i].dialect == dialect)
			break;
	if (i == n_entries) {
		assert(n_entries < MAX_DIALECTS);
		build(&entries[n_entries++], dialect);
	}
	pthread_mutex_unlock(&lock);
	return &entries[i].map;
}

static uint32_t look_up(const uint32_t *table, uint32_t number)
{
	return number < GW_OPMAP_MAX ? table[number] : GW_NO_NUMBER;
}

uint32_t gw_opmap_op_local(const struct gw_opmap *m, uint32_t wire)
{
	return look_up(m->op_to_local, wire);
}

uint32_t gw_opmap_op_wire(const struct gw_opmap *m, enum ggml_op op)
{
	return look_up(m->op_to_wire, (uint32_t)op);
}

uint32_t gw_opmap_type_local(const struct gw_opmap *m, uint32_t wire)
{
	return look_up(m->type_to_local, wire);
}

uint32_t gw_opmap_type_wire(const struct gw_opmap *m, enum ggml_type type)
{
	return look_up(m->type_to_wire, (uint32_t)type);
}

enum gw_status gw_opmap_params_to_wire(
	const struct gw_opmap *m, const struct ggml_tensor *t, int32_t out[GW_PARAMS], struct gw_error *err)
{
	const struct gw_params_rule *rule = m->rules[t->op];

	if (m->same_params[t->op]) {
		memcpy(out, t->op_params, GW_PARAMS * sizeof(*out));
		return GW_OK;
	}
	enum gw_status status = gw_params_check_node(rule, &m->here, t, err);
	if (status == GW_OK)
		status = gw_params_check_node(rule, &m->server, t, err);
	return status == GW_OK ? gw_params_translate(rule, &m->here, &m->server, t->op_params, out, err) : status;
}

enum gw_status gw_opmap_node_to_local(
	const struct gw_opmap *m, struct ggml_tensor *node, struct ggml_tensor *spare, struct gw_error *err)
{
	const struct gw_params_rule *rule = m->rules[node->op];
	int32_t params[GW_PARAMS];

	if (m->same_params[node->op] && !m->old_states)
		return GW_OK;
	enum gw_status status = gw_params_check_node(rule, &m->here, node, err);
	if (status == GW_OK)
		status = gw_params_translate(rule, &m->client, &m->here, node->op_params, params, err);
	if (status != GW_OK)
		return status;
	memcpy(node->op_params, params, sizeof(params));
	return m->old_states ? gw_delta_state_adapt(node, spare, err) : GW_OK;
}

bool gw_opmap_needs_spare(const struct gw_opmap *m, enum ggml_op op)
{
	return m->old_states && gw_op_known(op) == GGML_OP_GATED_DELTA_NET;
}

bool gw_opmap_may_expand(const struct gw_opmap *m, enum ggml_op op)
{
	return (uint32_t)op < GW_OPMAP_MAX && m->may_expand[op];
}
