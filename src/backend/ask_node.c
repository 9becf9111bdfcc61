#include "backend/ask_node.h"

#include "backend/encode.h"

enum gw_status gw_ask_node(struct gw_link *link, enum gw_cmd cmd, uint32_t device, const struct ggml_tensor *node,
	void *reply, size_t size)
{
	uint8_t request[GW_WIRE_MAX_FIXED];
	struct gw_wire_node_req req;

	enum gw_status status = gw_encode_node(link, device, node, &req, NULL);
	if (status != GW_OK)
		return status;
	struct iovec part = {request, gw_wire_node_req_encode(link->dialect, &req, request)};
	return gw_client_call(link->client, cmd, &part, 1, reply, size);
}
