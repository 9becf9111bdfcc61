/* Which device, port and GID a connection uses. */
#ifndef GW_TRANSPORT_RDMA_GID_H
#define GW_TRANSPORT_RDMA_GID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "transport/rdma/message.h"
#include "transport/rdma/verbs.h"

struct gw_rdma_port {
	struct ibv_context *context; /* open; the owner closes it */
	char device[64];
	uint8_t number;
	enum gw_rdma_kind kind;
	bool roce_v2;
	uint8_t gid_index;
	union ibv_gid gid; /* of an InfiniBand port: its first */
	uint16_t lid;
	enum ibv_mtu mtu;  /* in use on the link */
	uint8_t max_reads; /* RDMA READs under way at once: as many as the device can do both ways, at most 16 */
};

/* Opens the device whose GID equals address (16 bytes, IPv4 as ::ffff:a.b.c.d), over all devices and all active ports:
 * RoCE v2 before RoCE v1, and where neither is found, an InfiniBand port, if kinds has their bits. GGML_RDMA_DEV
 * restricts it to the device of that name, GGML_RDMA_GID to that index of the GID table, whatever its address.
 *
 * GW_ERR_NOT_FOUND: nothing fits; the error says what there is. GW_ERR_INVALID: one of the two variables names what
 * does not exist. */
enum gw_status gw_rdma_select(const struct gw_verbs *v, const uint8_t address[16], unsigned kinds,
	struct gw_rdma_port *out, struct gw_error *why);

#endif
