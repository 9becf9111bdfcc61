/* Long payloads on the ggwire path: the sender registers them where they are and says so, and the receiver reads them
 * to where they belong. Reading rather than writing, because then nothing of either end is ever writable by the other;
 * the sender shows only what it wants to send anyway, and only while it sends it; memory that is mapped read-only (a
 * model's file) can be registered; and one message less is needed, since the sender need not be told where to write. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "transport/rdma/ggwire_path.h"

#define BULK_MIN ((size_t)512 << 10) /* below, copying costs less than registering at both ends */
#define CHUNK ((size_t)4 << 20)      /* of one offer; the next is registered while it is read */
#define WINDOW 2                     /* offers under way */
#define DIRECT_MIN ((size_t)64 << 10)
#define READ_SIZE ((size_t)256 << 10) /* of one READ; several are under way */

bool gw_rdma_is_bulk(const struct gw_rdma *r, size_t size)
{
	return size >= BULK_MIN && !r->no_offers;
}

/* Up to *size bytes as a region; false, and *never_again, if they cannot be registered. */
static bool take_region(
	struct gw_rdma *r, const void *bytes, size_t *size, int access, bool *never_again, struct gw_rdma_region *out)
{
	if (gw_rdma_region_take(r, bytes, size, access, out))
		return true;
	if (!*never_again)
		gw_log_debug(
			"RDMA: payloads are copied: %zu KiB cannot be registered: %s", *size >> 10, strerror(errno));
	*never_again = true;
	return false;
}

static void put(uint8_t *to, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		to[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get(const uint8_t *from, int bytes)
{
	uint64_t v = 0;
	for (int i = bytes; i > 0; i--)
		v = v << 8 | from[i - 1];
	return v;
}

static enum gw_status post_offer(
	struct gw_rdma *r, const uint8_t *bytes, size_t size, uint32_t key, struct gw_error *err)
{
	enum gw_status status = gw_rdma_wait_to_send(r, err);
	if (status)
		return status;
	uint8_t *body = gw_rdma_tx(r) + GW_RDMA_HEADER;
	put(body, (uint64_t)(uintptr_t)bytes, 8);
	put(body + 8, key, 4);
	put(body + 12, size, 4);
	r->credits--;
	r->offers++;
	gw_rdma_post_message(r, GW_RDMA_OFFER, GW_RDMA_OFFER_BYTES, true);
	return gw_rdma_broken(r, err);
}

static enum gw_status wait_taken(struct gw_rdma *r, uint64_t offer, struct gw_error *err)
{
	while (r->taken < offer) {
		enum gw_status status = gw_rdma_broken(r, err);
		if (status)
			return status;
		if (!gw_rdma_progress(r))
			status = gw_rdma_wait_for_word(r, err);
		if (status)
			return status;
	}
	return GW_OK;
}

enum gw_status gw_rdma_offer(struct gw_rdma *r, const uint8_t *bytes, size_t size, size_t *sent, struct gw_error *err)
{
	struct offer {
		struct gw_rdma_region region;
		size_t size;
	} window[WINDOW] = {0};
	enum gw_status status = GW_OK;
	uint64_t first = r->offers, next = first; /* offers first + 1 to next are under way */
	size_t offered = 0, taken = 0;
	while (!status && (taken < offered || (offered < size && !r->no_offers))) {
		size_t chunk = size - offered < CHUNK ? size - offered : CHUNK;
		struct gw_rdma_region region;
		if (chunk > 0 && next - first < WINDOW && !r->no_offers &&
			take_region(r, bytes + offered, &chunk, IBV_ACCESS_REMOTE_READ, &r->no_offers, &region)) {
			window[next++ % WINDOW] = (struct offer){region, chunk};
			status = post_offer(r, bytes + offered, chunk, region.mr->rkey, err);
			offered += chunk;
		} else if (next > first) {
			status = wait_taken(r, first + 1, err);
			struct offer *oldest = &window[first++ % WINDOW];
			taken += oldest->size;
			gw_rdma_region_give(r, &oldest->region);
		}
	}
	for (int i = 0; i < WINDOW; i++)
		gw_rdma_region_give(r, &window[i].region);
	*sent = taken;
	return status;
}

bool gw_rdma_offered(struct gw_rdma *r, unsigned slot, const uint8_t bytes[GW_RDMA_OFFER_BYTES])
{
	const struct gw_rdma_remote remote = {
		.address = get(bytes, 8), .key = (uint32_t)get(bytes + 8, 4), .left = (uint32_t)get(bytes + 12, 4)};
	if (remote.left == 0 || remote.left > CHUNK)
		return false;
	gw_rdma_make_remote(r, slot, &remote);
	return true;
}

/* Reads n bytes of the first ready entry's remote ones. */
static enum gw_status read_remote(
	struct gw_rdma *r, struct gw_rdma_remote *from, uint8_t *to, uint32_t lkey, size_t n, struct gw_error *err)
{
	enum gw_status status = GW_OK;
	for (size_t done = 0, step; done < n && !status; done += step) {
		step = n - done < READ_SIZE ? n - done : READ_SIZE;
		status = gw_rdma_wait_for_room(r, err);
		if (status)
			break;
		gw_rdma_post_read(r, to + done, lkey, from, (uint32_t)step);
		from->address += step;
		from->left -= (uint32_t)step;
		status = gw_rdma_broken(r, err);
	}
	for (uint64_t last = r->posted; !status && r->reaped < last;) {
		status = gw_rdma_broken(r, err);
		if (!status && !gw_rdma_progress(r))
			(void)gw_rdma_wait(r, GW_CLOCK_NEVER);
	}
	return status;
}

static enum gw_status pull_into_slot(struct gw_rdma *r, struct gw_rdma_ready *e, struct gw_error *err)
{
	size_t n = e->remote.left < r->path->slot ? e->remote.left : r->path->slot;
	enum gw_status status = read_remote(r, &e->remote, gw_rdma_rx(r, e->slot), r->mr->lkey, n, err);
	e->offset = 0;
	e->left = status ? 0 : (uint32_t)n;
	return status;
}

static enum gw_status tell_taken(struct gw_rdma *r, struct gw_error *err)
{
	enum gw_status status = gw_rdma_wait_for_room(r, err);
	if (!status)
		gw_rdma_post_message(r, GW_RDMA_TAKEN, 0, true);
	return status;
}

enum gw_status gw_rdma_pull(struct gw_rdma *r, struct gw_iov_pos *pos, size_t *got, struct gw_error *err)
{
	struct gw_rdma_ready *e = &r->ready[r->ready_head];
	enum gw_status status;
	struct iovec to;
	struct gw_rdma_region region;
	gw_iov_peek(pos, &to, 1, e->remote.left);
	if (to.iov_len >= DIRECT_MIN && !r->no_direct &&
		take_region(r, to.iov_base, &to.iov_len, IBV_ACCESS_LOCAL_WRITE, &r->no_direct, &region)) {
		status = read_remote(r, &e->remote, to.iov_base, region.mr->lkey, to.iov_len, err);
		/* READs that are still under way must not find the memory that is the caller's again. */
		if (status)
			gw_rdma_stop(r);
		gw_rdma_region_give(r, &region);
		gw_iov_advance(pos, to.iov_len);
		*got = status ? 0 : to.iov_len;
	} else {
		status = pull_into_slot(r, e, err);
	}
	if (!status && e->remote.left == 0)
		status = tell_taken(r, err);
	gw_rdma_drop_empty(r);
	return status;
}
