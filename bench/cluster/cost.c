#include "cost.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A machine with 273 GB/s and about 50 TFLOP/s in matrix multiplications (docs/scale-out.md). */
static const struct sim_settings defaults = {
	.flops = 50e12,
	.bytes = 273e9,
	.launch = 2e-6,
	.work = 1,
	.slow = 1,
	.devices = 1,
	.memory = 64e9,
};

static const struct setting {
	const char *name;
	size_t offset;
	double min, max;
} table[] = {
	{"flops", offsetof(struct sim_settings, flops), 1e6, 1e18},
	{"bytes", offsetof(struct sim_settings, bytes), 1e6, 1e15},
	{"launch", offsetof(struct sim_settings, launch), 0, 1},
	{"work", offsetof(struct sim_settings, work), 1e-6, 1e6},
	{"slow", offsetof(struct sim_settings, slow), 1e-6, 1e6},
	{"devices", offsetof(struct sim_settings, devices), 1, 16},
	{"memory", offsetof(struct sim_settings, memory), 1e6, 1e15},
	{"compute", offsetof(struct sim_settings, compute), 0, 1},
};

/* Parses NAME=NUMBER at *text and moves past it. */
static bool setting_take(const char **text, struct sim_settings *out)
{
	size_t length = strcspn(*text, "=,");

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const struct setting *s = &table[i];
		if (strlen(s->name) != length || strncmp(*text, s->name, length) != 0 || (*text)[length] != '=')
			continue;
		const char *number = *text + length + 1;
		char *end;
		errno = 0;
		double value = strtod(number, &end);
		if (errno || end == number || (*end && *end != ',') || !(value >= s->min && value <= s->max))
			return false;
		memcpy((char *)out + s->offset, &value, sizeof(value));
		*text = end;
		return true;
	}
	return false;
}

bool sim_settings_parse(const char *text, struct sim_settings *out, const char **bad)
{
	struct sim_settings s = defaults;

	while (text && *text) {
		*bad = text;
		if (!setting_take(&text, &s))
			return false;
		text += *text == ',';
	}
	*out = s;
	return true;
}

static bool is_view(enum ggml_op op)
{
	return op == GGML_OP_NONE || op == GGML_OP_RESHAPE || op == GGML_OP_VIEW || op == GGML_OP_PERMUTE ||
	       op == GGML_OP_TRANSPOSE;
}

static bool is_matrix_product(enum ggml_op op)
{
	return op == GGML_OP_MUL_MAT || op == GGML_OP_MUL_MAT_ID;
}

static double operations(const struct sim_settings *s, const struct ggml_tensor *node)
{
	double elements = (double)ggml_nelements(node);

	if (is_matrix_product(node->op))
		return s->work * 2 * elements * (double)node->src[0]->ne[0];
	if (node->op == GGML_OP_FLASH_ATTN_EXT)
		return 4 * (double)ggml_nelements(node->src[0]) * (double)node->src[1]->ne[1];
	return elements;
}

/* Bytes read and written. Of a table of rows, only the rows in use count. */
static double traffic(const struct sim_settings *s, const struct ggml_tensor *node)
{
	if (node->op == GGML_OP_GET_ROWS)
		return 2 * (double)ggml_nbytes(node);
	if (node->op == GGML_OP_SET_ROWS)
		return 2 * (double)ggml_nbytes(node->src[0]);
	double bytes = (double)ggml_nbytes(node);
	for (int i = 0; i < GGML_MAX_SRC; i++)
		if (node->src[i])
			bytes += (double)ggml_nbytes(node->src[i]);
	if (is_matrix_product(node->op))
		bytes += (s->work - 1) * (double)ggml_nbytes(node->src[0]);
	return bytes;
}

double sim_node_seconds(const struct sim_settings *s, const struct ggml_tensor *node)
{
	if (is_view(node->op) || ggml_nelements(node) == 0)
		return 0;
	double arithmetic = operations(s, node) / s->flops, memory = traffic(s, node) / s->bytes;
	return s->slow * ((arithmetic > memory ? arithmetic : memory) + s->launch);
}
