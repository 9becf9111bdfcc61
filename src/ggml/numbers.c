#include "ggml/numbers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "ggml/bind.h"
#include "ggml/layout.h"

#define MAX_OPS 256

/* What our GGML_OP_ constants are: ggml/constants.h. */
static const struct gw_names *const ours = &gw_ops_101;

/* Fewest first. */
static const struct gw_names *const numberings[] = {&gw_ops_96, &gw_ops_97, &gw_ops_98, &gw_ops_101};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct gw_numbers numbers;
static uint32_t known[MAX_OPS];
static atomic_bool is_known; /* spares most calls the once */
static struct gw_error failure;

/* ggml's functions do not check their arguments. Names are compared in ascending order, so that a different numbering
 * is noticed before the end of the shorter one. */
static bool is_numbering(const struct gw_names *ops)
{
	for (uint32_t i = 0; i < ops->count; i++)
		if (strcmp(ops->names[i], ggml_op_name((enum ggml_op)i)) != 0)
			return false;
	return true;
}

static const struct gw_names *find_ops(void)
{
	for (size_t i = 0; i < sizeof(numberings) / sizeof(numberings[0]); i++)
		if (is_numbering(numberings[i]))
			return numberings[i];
	return NULL;
}

/* ggml must not be asked about a number beyond its last type. Q2_0 is older than the numbering with 98 operations. */
static uint32_t count_types(const struct gw_names *ops)
{
	bool q2_0 = ops->count > gw_ops_97.count && strcmp(ggml_type_name(GGML_TYPE_Q2_0), "q2_0") == 0;
	return q2_0 ? gw_types_43.count : gw_types_42.count;
}

/* "0.27.0", perhaps with a suffix. */
static struct gw_version parse_release(const char *text)
{
	struct gw_version v = {0};

	if (!text || sscanf(text, "%hhu.%hhu.%hhu", &v.major, &v.minor, &v.patch) != 3)
		return (struct gw_version){0};
	return v;
}

/* The first releases that speak a version, as far as they are known: docs/protocol.md, "Versions". */
static const struct {
	struct gw_version release, protocol;
} spoken[] = {
	{{0, 9, 0}, {4, 0, 0}},
	{{0, 14, 0}, {4, 0, 1}},
	{{0, 16, 0}, {4, 0, 2}},
	{{0, 17, 0}, {4, 0, 3}},
	{{0, 19, 0}, {5, 0, 0}},
	{{0, 21, 0}, {5, 1, 0}},
	{{0, 23, 0}, {6, 0, 0}},
	{{0, 25, 0}, {7, 0, 0}},
	{{0, 27, 0}, {8, 0, 0}},
};

/* Among the versions with these operations, the one of this release; the oldest if none matches. */
static const struct gw_dialect *find_dialect(const struct gw_names *ops, struct gw_version release)
{
	const struct gw_dialect *found = NULL;

	for (size_t i = 0; i < sizeof(spoken) / sizeof(spoken[0]); i++) {
		const struct gw_dialect *d = gw_dialect_for(spoken[i].protocol, NULL);
		if (d->ops == ops && (!found || gw_version_at_least(release, spoken[i].release)))
			found = d;
	}
	return found;
}

static bool variants_match(void)
{
	for (uint32_t i = 0; i < gw_unaries_22.count; i++)
		if (strcmp(gw_unaries_22.names[i], ggml_unary_op_name((enum ggml_unary_op)i)) != 0)
			return false;
	for (uint32_t i = 0; i < numbers.glus->count; i++)
		if (strcmp(numbers.glus->names[i], ggml_glu_op_name((enum ggml_glu_op)i)) != 0)
			return false;
	return true;
}

static void refuse(const char *why)
{
	gw_error_set(&failure, GW_ERR_UNSUPPORTED, "%s %s; ggwire knows ggml 0.15 to 0.27", gw_ggml_text(), why);
}

static void find_out(void)
{
	numbers.ops = find_ops();
	if (!numbers.ops) {
		refuse("numbers operations in an unknown way");
		return;
	}
	numbers.n_types = count_types(numbers.ops);
	numbers.glus = ggml_swiglu_clamp ? &gw_glus_7 : &gw_glus_6;
	numbers.release = parse_release(ggml_version());
	numbers.dialect = find_dialect(numbers.ops, numbers.release);
	if (!variants_match())
		refuse("numbers the variants of UNARY or GLU in an unknown way");
	for (uint32_t i = 0; i < MAX_OPS; i++)
		known[i] = gw_names_find(ours, gw_names_get(numbers.ops, i));
	atomic_store(&is_known, failure.status == GW_OK);
}

const struct gw_numbers *gw_numbers_get(struct gw_error *err)
{
	if (!gw_ggml_is_bound() && gw_ggml_bind(NULL, err) != GW_OK)
		return NULL;
	pthread_once(&once, find_out);
	if (failure.status == GW_OK)
		return &numbers;
	if (err)
		*err = failure;
	return NULL;
}

enum ggml_op gw_op_known(enum ggml_op running)
{
	if ((!atomic_load(&is_known) && !gw_numbers_get(NULL)) || (uint32_t)running >= MAX_OPS ||
		known[running] == GW_NO_NUMBER)
		return GGML_OP_COUNT;
	return (enum ggml_op)known[running];
}
