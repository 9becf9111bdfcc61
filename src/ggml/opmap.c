#include "ggml/opmap.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#define MAX_DIALECTS 32

/* A dialect's tables, not the dialect, make a map: dialects share tables. */
struct entry {
	const struct gw_names *ops;
	const struct gw_names *types;
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

/* ggml's own functions do not check the numbers: they are those of the headers, as the self-check has found. */
static void build(struct entry *e, const struct gw_dialect *dialect)
{
	e->ops = dialect->ops;
	e->types = dialect->types;
	fill(e->map.op_to_local, e->map.op_to_wire, dialect->ops, GGML_OP_COUNT, op_name);
	fill(e->map.type_to_local, e->map.type_to_wire, dialect->types, GGML_TYPE_COUNT, type_name);
}

const struct gw_opmap *gw_opmap_for(const struct gw_dialect *dialect)
{
	size_t i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < n_entries; i++)
		if (entries[i].ops == dialect->ops && entries[i].types == dialect->types)
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
