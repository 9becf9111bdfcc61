#include "transport/rdma/ggwire.h"

#include "transport/rdma/wait.h"
#include "transport/rdma/work.h"
#include "wire/cursor.h"

void gw_rdma_post_message(struct gw_rdma *r, enum gw_rdma_message_type type, size_t size, bool signal)
{
	uint8_t *tx = gw_rdma_tx(r);
	tx[0] = (uint8_t)type;
	tx[1] = r->ggwire.sent++;
	tx[2] = (uint8_t)r->ggwire.owed;
	tx[3] = (uint8_t)(r->ggwire.owed >> 8);
	gw_put_le32(tx + 4, (uint32_t)size);
	r->ggwire.owed = 0;
	gw_rdma_post_send(r, GW_RDMA_HEADER + size, signal);
}

static enum gw_status wait_until(struct gw_rdma *r, unsigned credits, struct gw_error *err)
{
	for (;;) {
		enum gw_status status = gw_rdma_broken(r, err);
		if (status || (r->ggwire.credits >= credits && gw_rdma_room(r) > GW_RDMA_TX_CONTROL))
			return status;
		if (!gw_rdma_progress(r))
			status = gw_rdma_wait_for_peer(r, err);
		if (status)
			return status;
	}
}

enum gw_status gw_rdma_wait_to_send(struct gw_rdma *r, struct gw_error *err)
{
	return wait_until(r, 1, err);
}

enum gw_status gw_rdma_wait_for_room(struct gw_rdma *r, struct gw_error *err)
{
	return wait_until(r, 0, err);
}
