#include "backend/ask_node.h"
#include "backend/device.h"
#include "backend/link.h"
#include "backend/node_key.h"
#include "base/checked.h"
#include "base/log.h"

/* More than a device can want for a tensor besides its bytes: this many times those of the node and its sources, and as
 * many bytes more. Metal keeps 32 partial results of FLASH_ATTN_EXT in its memory. */
#define MAX_FACTOR 64
#define MAX_EXTRA (UINT64_C(64) << 20)

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

static bool is_plain(const struct gw_remote_device *device, const struct gw_link *link)
{
	return device->index >= link->n_devices ||
	       (link->devices[device->index].flags & GW_EXT_DEVICE_PLAIN_ALLOC) != 0;
}

/* Sizes beyond this would overflow sums in ggml, which aborts then. */
static uint64_t most_for(const struct ggml_tensor *t)
{
	uint64_t bytes = ggml_nbytes(t), most;

	for (int i = 0; i < GGML_MAX_SRC; i++)
		if (t->src[i] && !gw_add_u64(bytes, ggml_nbytes(t->src[i]), &bytes))
			return ggml_nbytes(t);
	if (!gw_mul_u64(bytes, MAX_FACTOR, &most) || !gw_add_u64(most, MAX_EXTRA, &most) || most > SIZE_MAX / 4)
		return ggml_nbytes(t);
	return most;
}

/* The server's answer, as far as it can be true. Strides are cut on the wire, so that the server may know less of them
 * than we do. */
static size_t judge(
	const struct gw_remote_device *device, struct gw_link *link, const struct ggml_tensor *t, uint64_t size)
{
	size_t bytes = ggml_nbytes(t);

	if (size <= bytes)
		return bytes;
	if (size <= most_for(t))
		return (size_t)size;
	if (!atomic_exchange(&link->size_doubt, true))
		gw_log_error(
			"RPC: %s: the server wants %llu bytes for tensor '%s' (%s) of %zu, which cannot be; it gets "
			"these",
			device->place, (unsigned long long)size, t->name, ggml_op_desc(t), bytes);
	return bytes;
}

/* With link NULL, or lost, what is known without the server. */
static size_t size_of(struct gw_remote_device *device, struct gw_link *link, const struct ggml_tensor *t)
{
	struct gw_answers *answers = &device->remote->alloc_sizes;
	struct gw_node_key key;
	uint64_t size;

	gw_node_key_make(&key, device->index, t);
	if (gw_answers_find(answers, key.bytes, key.size, &size))
		return (size_t)size;
	bool answered = link && ask(link, device->index, t, &size);
	size_t number = answered ? judge(device, link, t, size) : ggml_nbytes(t);
	number = gw_remote_tell(device->remote, link, "the allocation size of a tensor", key.bytes, key.size, number);
	if (answered)
		gw_answers_put(answers, key.bytes, key.size, number);
	return number;
}

size_t gw_remote_device_alloc_size(struct gw_remote_device *device, const struct ggml_tensor *t)
{
	struct gw_link *link = NULL;

	if (!may_expand(t))
		return ggml_nbytes(t);
	if (gw_remote_current(device->remote, &link) != GW_OK)
		return size_of(device, NULL, t);
	bool asked = !is_plain(device, link) && is_worth_asking(link, t);
	if (!asked)
		atomic_store_explicit(&device->remote->told.any, true, memory_order_relaxed);
	size_t size = asked ? size_of(device, link, t) : ggml_nbytes(t);
	gw_link_put(link);
	return size;
}
