#include "backend/encode.h"

#include <string.h>

#include "backend/buffer.h"
#include "ggml/numbers.h"

_Static_assert(GW_WIRE_DIMS == GGML_MAX_DIMS, "dimensions");
_Static_assert(GW_WIRE_SRC == GGML_MAX_SRC, "sources");
_Static_assert(GW_WIRE_OP_PARAMS * 4 == GGML_MAX_OP_PARAMS, "parameters");
_Static_assert(GW_WIRE_NAME == GGML_MAX_NAME, "names");

static uint64_t id_of(const struct ggml_tensor *t)
{
	return (uint64_t)(uintptr_t)t;
}

static enum gw_status no_number(const struct gw_remote_conn *conn, const struct ggml_tensor *t, const char *what,
	const char *name, struct gw_error *err)
{
	const struct gw_version *v = &conn->dialect->version;

	return gw_error_set(err, GW_ERR_UNSUPPORTED, "%s %s of tensor '%s' is not part of protocol %u.%u.%u", what,
		name, t->name, (unsigned)v->major, (unsigned)v->minor, (unsigned)v->patch);
}

/* Operations whose parameters are addresses of this process. */
static bool is_local_function(enum ggml_op number)
{
	enum ggml_op op = gw_op_known(number);

	return op == GGML_OP_MAP_CUSTOM1 || op == GGML_OP_MAP_CUSTOM2 || op == GGML_OP_MAP_CUSTOM3 ||
	       op == GGML_OP_CUSTOM;
}

static enum gw_status no_parameters(const struct gw_remote_conn *conn, const struct ggml_tensor *t,
	const struct gw_error *why, struct gw_error *err)
{
	const struct gw_version *v = &conn->dialect->version;

	return gw_error_set(err, GW_ERR_UNSUPPORTED,
		"operation %s of tensor '%s' cannot be expressed in protocol %u.%u.%u: %s", ggml_op_name(t->op),
		t->name, (unsigned)v->major, (unsigned)v->minor, (unsigned)v->patch, why->text);
}

static enum gw_status encode_op(const struct gw_remote_conn *conn, const struct ggml_tensor *t,
	struct gw_wire_tensor *out, struct gw_error *err)
{
	struct gw_error why;

	if (is_local_function(t->op))
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "operation %s of tensor '%s' calls this process",
			ggml_op_name(t->op), t->name);
	out->op = gw_opmap_op_wire(conn->opmap, t->op);
	if (out->op == GW_NO_NUMBER)
		return no_number(conn, t, "operation", ggml_op_name(t->op), err);
	if (gw_opmap_params_to_wire(conn->opmap, t, out->op_params, &why) != GW_OK)
		return no_parameters(conn, t, &why, err);
	return GW_OK;
}

enum gw_status gw_encode_check_node(
	const struct gw_remote_conn *conn, const struct ggml_tensor *t, struct gw_error *err)
{
	struct gw_wire_tensor ignored;

	return encode_op(conn, t, &ignored, err);
}

/* The wire has 32 bits for an extent and for a stride. A stride that no step is made with may be cut. */
static enum gw_status encode_extents(const struct ggml_tensor *t, struct gw_wire_tensor *out, struct gw_error *err)
{
	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		if (t->ne[i] < 0 || t->ne[i] > UINT32_MAX || (t->ne[i] > 1 && t->nb[i] > UINT32_MAX))
			return gw_error_set(
				err, GW_ERR_UNSUPPORTED, "tensor '%s' is too large for the protocol", t->name);
		out->ne[i] = (uint32_t)t->ne[i];
		out->nb[i] = (uint32_t)t->nb[i];
	}
	return GW_OK;
}

enum gw_status gw_encode_shape(const struct gw_remote_conn *conn, const struct ggml_tensor *t,
	struct gw_wire_tensor *out, struct gw_error *err)
{
	enum gw_status status = encode_extents(t, out, err);

	if (status != GW_OK)
		return status;
	out->type = gw_opmap_type_wire(conn->opmap, t->type);
	if (out->type == GW_NO_NUMBER)
		return no_number(conn, t, "type", ggml_type_name(t->type), err);
	out->id = id_of(t);
	out->buffer = 0;
	out->data = 0;
	if (encode_op(conn, t, out, NULL) != GW_OK) {
		out->op = 0; /* NONE, in all versions */
		memset(out->op_params, 0, sizeof(out->op_params));
	}
	out->flags = t->flags;
	for (int i = 0; i < GGML_MAX_SRC; i++)
		out->src[i] = id_of(t->src[i]);
	out->view_src = id_of(t->view_src);
	out->view_offs = t->view_offs;
	memcpy(out->name, t->name, sizeof(out->name));
	out->use_count = 0;
	return GW_OK;
}

enum gw_status gw_encode_tensor(const struct gw_remote_conn *conn, const struct ggml_tensor *t,
	struct gw_wire_tensor *out, struct gw_error *err)
{
	const struct gw_buffer *buffer = gw_buffer_from(t->buffer);
	enum gw_status status = gw_encode_shape(conn, t, out, err);

	if (status != GW_OK || !buffer)
		return status;
	if (buffer->conn == conn) {
		out->buffer = buffer->remote.handle;
		out->data = (uint64_t)(uintptr_t)t->data;
	} else if (buffer->conn->remote == conn->remote) {
		return gw_error_set(err, GW_ERR_LOST, "tensor '%s' was lost with an earlier connection", t->name);
	}
	return GW_OK;
}

enum gw_status gw_encode_node(const struct gw_remote_conn *conn, uint32_t device, const struct ggml_tensor *t,
	struct gw_wire_node_req *out, struct gw_error *err)
{
	memset(out, 0, sizeof(*out));
	out->device = device;
	enum gw_status status = gw_encode_shape(conn, t, &out->tensor, err);
	if (status == GW_OK)
		status = gw_encode_check_node(conn, t, err);
	for (int i = 0; i < GGML_MAX_SRC && status == GW_OK; i++)
		if (t->src[i])
			status = gw_encode_shape(conn, t->src[i], &out->src[i], err);
	return status;
}
