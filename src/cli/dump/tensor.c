#include "cli/dump/tensor.h"

#include <inttypes.h>

void gw_dump_text(FILE *to, const char *text, size_t size)
{
	putc('\'', to);
	for (size_t i = 0; i < size && text[i]; i++)
		putc(text[i] < 0x20 || text[i] > 0x7e ? '?' : text[i], to);
	putc('\'', to);
}

const char *gw_dump_op(const struct gw_dialect *dialect, uint32_t op)
{
	const char *name = gw_names_get(dialect->ops, op);
	return name ? name : "unknown operation";
}

/* The dimensions, without the ones at the end. */
static void dump_shape(FILE *to, const uint32_t ne[GW_WIRE_DIMS])
{
	int n = GW_WIRE_DIMS;
	while (n > 1 && ne[n - 1] == 1)
		n--;
	for (int i = 0; i < n; i++)
		fprintf(to, "%s%" PRIu32, i ? ", " : "[", ne[i]);
	putc(']', to);
}

void gw_dump_tensor(FILE *to, const struct gw_dialect *dialect, const struct gw_wire_tensor *t)
{
	const char *type = gw_names_get(dialect->types, t->type);
	gw_dump_text(to, t->name, sizeof(t->name));
	fprintf(to, " %s ", type ? type : "of unknown type");
	dump_shape(to, t->ne);
	if (t->buffer != 0)
		fprintf(to, " at 0x%" PRIx64, t->data);
}
