/* What would be chosen, for who wants to know without connecting. */
#include <stdio.h>

#include "transport/rdma/select.h"

enum gw_status gw_rdma_library(struct gw_error *why)
{
	return gw_verbs_get(why) ? GW_OK : GW_ERR_NOT_FOUND;
}

enum gw_status gw_rdma_choose(
	const uint8_t address[16], unsigned kinds, struct gw_rdma_choice *out, struct gw_error *why)
{
	const struct gw_verbs *v = gw_verbs_get(why);
	struct gw_rdma_port port;
	if (!v)
		return GW_ERR_NOT_FOUND;
	enum gw_status status = gw_rdma_select(v, address, kinds, &port, why);
	if (status)
		return status;
	v->close_device(port.context);
	*out = (struct gw_rdma_choice){
		.port = port.number,
		.kind = port.kind,
		.roce_v2 = port.roce_v2,
		.gid_index = port.gid_index,
		.mtu = 128U << port.mtu,
	};
	snprintf(out->device, sizeof(out->device), "%s", port.device);
	return GW_OK;
}
