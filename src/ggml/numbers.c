#include "ggml/numbers.h"

#include <pthread.h>
#include <string.h>

#include "ggml/layout.h"

#define MAX_OPS 256

/* What the GGML_OP_ constants of this build are. */
static const struct gw_names *const headers = &gw_ops_101;
_Static_assert(GGML_OP_COUNT == 101 && GGML_TYPE_COUNT == 43, "headers of a numbering that has no table yet");

/* Fewest first. */
static const struct gw_names *const numberings[] = {&gw_ops_96, &gw_ops_97, &gw_ops_98, &gw_ops_101};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct gw_numbers numbers;
static uint32_t known[MAX_OPS];
static struct gw_error failure;

/* ggml's own functions do not check their arguments. Names are compared in ascending order: a numbering with other
 * operations than ggml's differs from it before the end of the shorter one. */
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

/* Q2_0 and SWIGLU_CLAMP came last, the former not before backend API 3. */
static uint32_t count_types(void)
{
	bool q2_0 = ggml_backend_buft_alloc_buffer_n && ggml_validate_row_data(GGML_TYPE_Q2_0, "", 0);
	return q2_0 ? gw_types_43.count : gw_types_42.count;
}

static const struct gw_dialect *find_dialect(void)
{
	const struct gw_dialect *found = NULL, *d;
	for (size_t i = 0; (d = gw_dialect_at(i)); i++)
		if (d->ops == numbers.ops && d->types->count == numbers.n_types)
			found = d;
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

static void find_out(void)
{
	numbers.ops = find_ops();
	if (!numbers.ops) {
		gw_error_set(&failure, GW_ERR_UNSUPPORTED, "operations are numbered as in no known version");
		return;
	}
	numbers.n_types = count_types();
	numbers.dialect = find_dialect();
	if (!numbers.dialect) {
		gw_error_set(&failure, GW_ERR_UNSUPPORTED, "no known version has these operations and types");
		return;
	}
	numbers.glus = numbers.dialect->early_ops ? &gw_glus_6 : &gw_glus_7;
	if (!variants_match())
		gw_error_set(
			&failure, GW_ERR_UNSUPPORTED, "variants of UNARY and GLU are numbered as in no known version");
	for (uint32_t i = 0; i < MAX_OPS; i++)
		known[i] = gw_names_find(headers, gw_names_get(numbers.ops, i));
}

const struct gw_numbers *gw_numbers_get(struct gw_error *err)
{
	pthread_once(&once, find_out);
	if (failure.status == GW_OK)
		return &numbers;
	if (err)
		*err = failure;
	return NULL;
}

enum ggml_op gw_op_known(enum ggml_op running)
{
	if (!gw_numbers_get(NULL) || (uint32_t)running >= MAX_OPS || known[running] == GW_NO_NUMBER)
		return GGML_OP_COUNT;
	return (enum ggml_op)known[running];
}
