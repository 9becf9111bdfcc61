#include "backend/ask_node.h"
#include "backend/device.h"
#include "backend/encode.h"
#include "backend/link.h"
#include "backend/node_key.h"

static bool is_no_op(enum ggml_op op)
{
	return op == GGML_OP_NONE || op == GGML_OP_RESHAPE || op == GGML_OP_VIEW || op == GGML_OP_PERMUTE ||
	       op == GGML_OP_TRANSPOSE;
}

/* Whether the protocol can express the operation at all. */
static bool expressible(const struct gw_link *link, uint32_t device, const struct ggml_tensor *op)
{
	struct gw_wire_node_req req;

	return gw_encode_node(link, device, op, &req, NULL) == GW_OK;
}

static void make_key(const struct gw_remote_device *device, const struct gw_link *link, const struct ggml_tensor *op,
	struct gw_node_key *key)
{
	if (link->devices[device->index].flags & GW_EXT_DEVICE_SHAPES)
		gw_node_key_make_shapes(key, device->index, op);
	else
		gw_node_key_make(key, device->index, op);
}

/* A lost connection supports everything: the computation will fail, whereas ggml aborts if it finds no device for an
 * operation on memory of this one. */
static bool ask(struct gw_remote_device *device, struct gw_link *link, const struct ggml_tensor *op)
{
	struct gw_node_key key;
	uint8_t reply[1];
	uint64_t known;
	bool supported;

	make_key(device, link, op, &key);
	if (gw_answers_find(&device->remote->supported, key.bytes, key.size, &known))
		return known;
	if (gw_ask_node(link, GW_CMD_EXT_SUPPORTS_OP, device->index, op, reply, sizeof(reply)) != GW_OK ||
		!gw_wire_bool_rsp_decode(reply, sizeof(reply), &supported))
		return true;
	gw_answers_put(&device->remote->supported, key.bytes, key.size, supported);
	return supported;
}

/* Whether the result's memory is on this device already. Then nothing else can compute it, and ggml's scheduler aborts
 * if this device does not support it either. */
static bool is_placed_here(const struct gw_remote_device *device, const struct ggml_tensor *op)
{
	ggml_backend_buffer_t buffer = op->view_src ? op->view_src->buffer : op->buffer;
	const struct gw_remote_device *owner = buffer ? gw_buft_device(ggml_backend_buffer_get_type(buffer)) : NULL;

	return owner && gw_remote_device_is_same(owner, device);
}

bool gw_remote_device_supports_op(struct gw_remote_device *device, const struct ggml_tensor *op)
{
	struct gw_link *link;

	if (is_no_op(op->op) || gw_remote_current(device->remote, &link) != GW_OK)
		return true;
	bool supported = expressible(link, device->index, op);
	if (supported && link->extensions && device->index < link->n_devices)
		supported = ask(device, link, op);
	gw_link_put(link);
	if (!supported && is_placed_here(device, op)) {
		atomic_store(&device->remote->overruled, true);
		return true;
	}
	return supported;
}

bool gw_remote_device_refuses(
	const struct gw_remote_device *device, const struct gw_link *link, const struct ggml_tensor *op)
{
	struct gw_node_key key;
	uint64_t supported;

	if (!atomic_load(&device->remote->overruled) || is_no_op(op->op) || device->index >= link->n_devices)
		return false;
	make_key(device, link, op, &key);
	return gw_answers_find(&device->remote->supported, key.bytes, key.size, &supported) && !supported;
}
