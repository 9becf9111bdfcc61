/* All-reduces among the servers of a group. One thread. */
#ifndef GW_DEVICE_PEERS_GROUP_H
#define GW_DEVICE_PEERS_GROUP_H

#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"
#include "device/graph/bounds.h"
#include "device/peers/link.h"

/* The servers, in the order in which their sums are added. */
struct gw_group {
	size_t size; /* at least 1 */
	size_t self;
	struct gw_link *links[GW_PEERS_RANKS_MAX]; /* lent; NULL for self */
};

/* Memory that is kept from one all-reduce to the next. All-zero is valid. */
struct gw_group_memory {
	struct gw_buf own;      /* the sum of this server's tensors */
	struct gw_buf sum;      /* of all, before it is written to devices */
	struct gw_buf rounded;  /* what is sent as BF16 */
	struct gw_buf received; /* from the others */
	struct gw_buf values;   /* of one tensor on a device */
};

void gw_group_memory_free(struct gw_group_memory *m);

/* Gives back what is large. */
void gw_group_memory_trim(struct gw_group_memory *m);

/* Memory of at least size bytes in one of m's; NULL: GW_ERR_NOMEM. */
void *gw_group_memory_room(struct gw_buf *buf, size_t size, struct gw_error *err);

struct gw_group_reduction {
	enum gw_peers_format format;
	unsigned steps;
	uint64_t elements;
	size_t n;                  /* of this server's tensors, at least 1, */
	struct gw_tensor *tensors; /* contiguous F32 of so many elements */
	const bool *computed;      /* false: it counts as zeros */
};

/* Adds up, as all servers of the group do. Every tensor has the same bits afterwards, on all servers. No device may
 * have work under way. Waits for the others for as long as they may compute. Errors as gw_links_exchange, and
 * GW_ERR_NOMEM; the tensors' contents are undefined then, and the links unusable. */
enum gw_status gw_group_reduce(
	const struct gw_group *g, const struct gw_group_reduction *r, struct gw_group_memory *m, struct gw_error *err);

#endif
