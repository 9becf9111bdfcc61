#include "ggml/opmap.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "ggml/numbers.h"

#define MAX_DIALECTS 32

/* A dialect's tables, not the dialect, make a map: dialects share tables. */
struct entry {
	const struct gw_names *ops;
	const struct gw_names *types;
	bool early_ops;
	struct gw_opmap map;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry entries[MAX_DIALECTS];
static size_t n_entries;

static const char *op_name(uint32_t op)
{
	return ggml_op_name((enum ggml_op)op);
}

/* Types without a block size are dead numbers, whatever their name. */
static const char *type_name(uint32_t type)
{
	return ggml_blck_size((enum ggml_type)type) ? ggml_type_name((enum ggml_type)type) : NULL;
}

static void fill(uint32_t *to_local, uint32_t *to_wire, const struct gw_names *table, uint32_t n_local,
	const char *(*name)(uint32_t))
{
	for (uint32_t i = 0; i < GW_OPMAP_MAX; i++)
		to_local[i] = to_wire[i] = GW_NO_NUMBER;
	for (uint32_t local = 0; local < n_local && local < GW_OPMAP_MAX; local++) {
		uint32_t wire = gw_names_find(table, name(local));
		if (wire >= GW_OPMAP_MAX)
			continue;
		to_wire[local] = wire;
		to_local[wire] = local;
	}
}

static const char *const expanding_early[] = {"MUL_MAT_ID", "FLASH_ATTN_EXT", NULL};
static const char *const expanding_8_0[] = {
	"CUMSUM", "MUL_MAT", "MUL_MAT_ID", "ARGSORT", "TOP_K", "FLASH_ATTN_EXT", NULL};

static void fill_expanding(struct gw_opmap *m, const struct gw_numbers *local, const char *const *names)
{
	for (; *names; names++)
		m->may_expand[gw_names_find(local->ops, *names)] = true;
}

static void fill_rules(struct gw_opmap *m, const struct gw_numbers *local)
{
	for (uint32_t op = 0; op < local->ops->count; op++)
		m->rules[op] = gw_params_rule(op_name(op));
}

/* ggml's own functions do not check the numbers: local holds how many there are. */
static void build(struct entry *e, const struct gw_dialect *dialect)
{
	const struct gw_numbers *local = gw_numbers_get(NULL);

	assert(local);
	e->ops = dialect->ops;
	e->types = dialect->types;
	e->early_ops = dialect->early_ops;
	e->map.wire_glus = dialect->early_ops ? &gw_glus_6 : &gw_glus_7;
	e->map.local_glus = local->glus;
	fill(e->map.op_to_local, e->map.op_to_wire, dialect->ops, local->ops->count, op_name);
	fill(e->map.type_to_local, e->map.type_to_wire, dialect->types, local->n_types, type_name);
	fill_expanding(&e->map, local, dialect->early_ops ? expanding_early : expanding_8_0);
	if (dialect->early_ops || local->dialect->early_ops)
		fill_rules(&e->map, local);
}

const struct gw_opmap *gw_opmap_for(const struct gw_dialect *dialect)
{
	size_t i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < n_entries; i++)
		if (entries[i].ops == dialect->ops && entries[i].types == dialect->types &&
			entries[i].early_ops == dialect->early_ops)
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

static enum gw_status translate(const struct gw_opmap *m, enum ggml_op op, bool to_wire, const int32_t in[GW_PARAMS],
	int32_t out[GW_PARAMS], struct gw_error *err)
{
	const struct gw_params_rule *rule = (uint32_t)op < GW_OPMAP_MAX ? m->rules[op] : NULL;

	if (rule)
		return gw_params_translate(rule, to_wire ? m->local_glus : m->wire_glus,
			to_wire ? m->wire_glus : m->local_glus, in, out, err);
	memcpy(out, in, GW_PARAMS * sizeof(out[0]));
	return GW_OK;
}

enum gw_status gw_opmap_params_to_wire(const struct gw_opmap *m, enum ggml_op op, const int32_t in[GW_PARAMS],
	int32_t out[GW_PARAMS], struct gw_error *err)
{
	return translate(m, op, true, in, out, err);
}

enum gw_status gw_opmap_params_to_local(const struct gw_opmap *m, enum ggml_op op, const int32_t in[GW_PARAMS],
	int32_t out[GW_PARAMS], struct gw_error *err)
{
	return translate(m, op, false, in, out, err);
}

bool gw_opmap_may_expand(const struct gw_opmap *m, enum ggml_op op)
{
	return (uint32_t)op < GW_OPMAP_MAX && m->may_expand[op];
}
