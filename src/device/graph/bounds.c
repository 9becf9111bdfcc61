#include "device/graph/bounds.h"

#include "base/checked.h"
#include "device/rules/op_rules.h"

static enum gw_status outside(
	const struct gw_wire_tensor *t, uint64_t nbytes, const struct gw_buffer *buffer, struct gw_error *err)
{
	char text[GW_TENSOR_TEXT];

	return gw_error_set(err, GW_ERR_PROTOCOL,
		"tensor %s at 0x%llx of %llu bytes is not inside buffer %llu at 0x%llx of %llu bytes",
		gw_tensor_text(t, text), (unsigned long long)t->data, (unsigned long long)nbytes,
		(unsigned long long)buffer->handle, (unsigned long long)buffer->vbase,
		(unsigned long long)buffer->size);
}

enum gw_status gw_tensor_place(const struct gw_wire_tensor *t, uint64_t nbytes, const struct gw_buffer *buffer,
	bool empty_anywhere, struct ggml_tensor *out, struct gw_error *err)
{
	out->buffer = buffer->buffer;
	out->data = NULL;
	if (nbytes == 0 && t->data == 0)
		return GW_OK;
	if (t->data < buffer->vbase || !gw_range_ok(t->data - buffer->vbase, nbytes, buffer->size)) {
		if (nbytes > 0 || !empty_anywhere)
			return outside(t, nbytes, buffer, err);
		out->data = buffer->base;
		return GW_OK;
	}
	out->data = buffer->base ? buffer->base + (t->data - buffer->vbase) : NULL;
	return GW_OK;
}

enum gw_status gw_tensor_resolve(const struct gw_opmap *map, const struct gw_buffers *buffers,
	const struct gw_wire_tensor *t, struct gw_tensor *out, struct gw_error *err)
{
	gw_tensor_text(t, out->text);
	out->buffer = gw_buffers_find(buffers, t->buffer);
	if (!out->buffer)
		return gw_error_set(err, GW_ERR_PROTOCOL, "tensor %s is in unknown buffer %llu", out->text,
			(unsigned long long)t->buffer);
	enum gw_status st = gw_tensor_shape(map, t, &out->ggml, &out->nbytes, err);
	if (st != GW_OK)
		return st;
	return gw_tensor_place(t, out->nbytes, out->buffer, false, &out->ggml, err);
}

enum gw_status gw_view_check(const struct ggml_tensor *view, struct gw_error *err)
{
	const struct ggml_tensor *root = view->view_src;

	if (root->view_src)
		return gw_error_set(err, GW_ERR_PROTOCOL, "it views a view");
	if (!root->data || !view->data || gw_tensor_is_empty(view))
		return GW_OK;
	if (!gw_range_ok(view->view_offs, ggml_nbytes(view), ggml_nbytes(root)))
		return gw_error_set(err, GW_ERR_PROTOCOL, "view offset %zu + size %zu exceeds the %zu bytes it views",
			view->view_offs, ggml_nbytes(view), ggml_nbytes(root));
	if ((const uint8_t *)view->data != (const uint8_t *)root->data + view->view_offs)
		return gw_error_set(
			err, GW_ERR_PROTOCOL, "its address is not that of the viewed tensor + %zu", view->view_offs);
	return GW_OK;
}
