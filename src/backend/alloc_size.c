#include "backend/ask_node.h"
#include "backend/device.h"
#include "backend/link.h"
#include "backend/node_key.h"
#include "base/log.h"

/* Rows that devices pad. */
static bool is_padded(const struct ggml_tensor *t)
{
	return ggml_is_quantized(t->type) && t->ne[0] % 512 != 0 && !t->view_src;
}

/* ggml allows a plug-in more than ggml_nbytes in these cases only, and aborts in others. One that does not say which
 * has no such assertion. */
static bool may_expand(const struct ggml_tensor *t)
{
	return is_padded(t) || !ggml_op_alloc_size_may_expand || ggml_op_alloc_size_may_expand(t->op);
}

/* The operations for which the server's device may want more depend on its version. */
static bool is_worth_asking(const struct gw_link *link, const struct ggml_tensor *t)
{
	return is_padded(t) || gw_opmap_may_expand(link->opmap, t->op);
}

static bool ask(struct gw_link *link, uint32_t device, const struct ggml_tensor *t, uint64_t *size)
{
	uint8_t reply[8];

	return gw_ask_node(link, GW_CMD_GET_ALLOC_SIZE, device, t, reply, sizeof(reply)) == GW_OK &&
	       gw_wire_u64_rsp_decode(reply, sizeof(reply), size);
}

static bool answer_of(
	struct gw_remote_device *device, struct gw_link *link, const struct ggml_tensor *t, uint64_t *size)
{
	struct gw_node_key key;

	gw_node_key_make(&key, device->index, t);
	if (gw_answers_find(&device->remote->alloc_sizes, key.bytes, key.size, size))
		return true;
	if (!ask(link, device->index, t, size))
		return false;
	gw_answers_put(&device->remote->alloc_sizes, key.bytes, key.size, *size);
	return true;
}

static bool is_plain(const struct gw_remote_device *device, const struct gw_link *link)
{
	return device->index >= link->n_devices ||
	       (link->devices[device->index].flags & GW_EXT_DEVICE_PLAIN_ALLOC) != 0;
}

size_t gw_remote_device_alloc_size(struct gw_remote_device *device, const struct ggml_tensor *t)
{
	size_t bytes = ggml_nbytes(t);
	struct gw_link *link;
	uint64_t size = 0;

	if (!may_expand(t) || gw_remote_current(device->remote, &link) != GW_OK)
		return bytes;
	bool known = !is_plain(device, link) && is_worth_asking(link, t) && answer_of(device, link, t, &size);
	gw_link_put(link);
	/* Strides are cut on the wire, so that the server may know less of them than we do. */
	return known && size > bytes ? (size_t)size : bytes;
}
