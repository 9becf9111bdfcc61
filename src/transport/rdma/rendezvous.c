#include "transport/rdma/rendezvous.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "transport/rdma/ggwire.h"
#include "transport/rdma/pair.h"
#include "transport/rdma/wait.h"
#include "transport/rdma/work.h"
#include "wire/cursor.h"

#define BULK_MIN ((size_t)512 << 10) /* below, copying costs less than registering at both ends */
#define REQUEST_BYTES 16             /* u64 address | u32 key | u32 size */
#define CHUNK ((size_t)4 << 20)      /* bytes of one request; the next is registered while it is read */
#define WINDOW 2                     /* requests in flight */
#define DIRECT_MIN ((size_t)64 << 10)
#define READ_SIZE ((size_t)256 << 10) /* bytes of one READ; several are in flight */

bool gw_rdma_is_bulk(const struct gw_rdma *r, size_t size)
{
	return size >= BULK_MIN && !r->ggwire.no_rendezvous;
}

/* Registers up to *size bytes. False, and *never_again, if that is not possible. */
static bool take_region(
	struct gw_rdma *r, const void *bytes, size_t *size, int access, bool *never_again, struct gw_rdma_region *out)
{
	if (gw_rdma_region_take(&r->ggwire.registrations, bytes, size, access, out))
		return true;
	if (!*never_again)
		gw_log_debug(
			"RDMA: payloads are copied: %zu KiB cannot be registered: %s", *size >> 10, strerror(errno));
	*never_again = true;
	return false;
}

static enum gw_status post_request(
	struct gw_rdma *r, const uint8_t *bytes, size_t size, uint32_t key, struct gw_error *err)
{
	enum gw_status status = gw_rdma_wait_to_send(r, err);
	if (status)
		return status;
	uint8_t *body = gw_rdma_tx(r) + GW_RDMA_HEADER;
	gw_put_le64(body, (uint64_t)(uintptr_t)bytes);
	gw_put_le32(body + 8, key);
	gw_put_le32(body + 12, (uint32_t)size);
	r->ggwire.credits--;
	r->ggwire.requests++;
	gw_rdma_post_message(r, GW_RDMA_REQUEST, REQUEST_BYTES, true);
	return gw_rdma_broken(r, err);
}

static enum gw_status wait_acknowledged(struct gw_rdma *r, uint64_t request, struct gw_error *err)
{
	while (r->ggwire.acknowledged < request) {
		enum gw_status status = gw_rdma_broken(r, err);
		if (status)
			return status;
		if (!gw_rdma_progress(r))
			status = gw_rdma_wait_for_peer(r, err);
		if (status)
			return status;
	}
	return GW_OK;
}

enum gw_status gw_rdma_send_region(
	struct gw_rdma *r, const uint8_t *bytes, size_t size, size_t *sent, struct gw_error *err)
{
	struct request {
		struct gw_rdma_region region;
		size_t size;
	} window[WINDOW] = {0};
	enum gw_status status = GW_OK;
	uint64_t first = r->ggwire.requests, next = first; /* requests first + 1 to next are in flight */
	size_t requested = 0, read = 0;
	while (!status && (read < requested || (requested < size && !r->ggwire.no_rendezvous))) {
		size_t chunk = size - requested < CHUNK ? size - requested : CHUNK;
		struct gw_rdma_region region;
		if (chunk > 0 && next - first < WINDOW && !r->ggwire.no_rendezvous &&
			take_region(r, bytes + requested, &chunk, IBV_ACCESS_REMOTE_READ, &r->ggwire.no_rendezvous,
				&region)) {
			window[next++ % WINDOW] = (struct request){region, chunk};
			status = post_request(r, bytes + requested, chunk, region.mr->rkey, err);
			requested += chunk;
		} else if (next > first) {
			status = wait_acknowledged(r, first + 1, err);
			struct request *oldest = &window[first++ % WINDOW];
			read += oldest->size;
			gw_rdma_region_give(&r->ggwire.registrations, &oldest->region);
		}
	}
	for (int i = 0; i < WINDOW; i++)
		gw_rdma_region_give(&r->ggwire.registrations, &window[i].region);
	*sent = read;
	return status;
}

bool gw_rdma_take_request(struct gw_rdma *r, unsigned slot, const uint8_t *body, size_t size)
{
	if (size != REQUEST_BYTES)
		return false;
	const struct gw_rdma_remote remote = {gw_le64(body), gw_le32(body + 8), gw_le32(body + 12)};
	if (remote.left == 0 || remote.left > CHUNK)
		return false;
	gw_rdma_make_remote(r, slot, &remote);
	return true;
}

/* Reads n bytes of a remote region. */
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

static enum gw_status acknowledge(struct gw_rdma *r, struct gw_error *err)
{
	enum gw_status status = gw_rdma_wait_for_room(r, err);
	if (!status)
		gw_rdma_post_message(r, GW_RDMA_ACKNOWLEDGE, 0, true);
	return status;
}

enum gw_status gw_rdma_pull(struct gw_rdma *r, struct gw_iov_pos *pos, size_t *got, struct gw_error *err)
{
	struct gw_rdma_ready *e = &r->ready[r->ready_head];
	enum gw_status status;
	struct iovec to;
	struct gw_rdma_region region;
	gw_iov_peek(pos, &to, 1, e->remote.left);
	if (to.iov_len >= DIRECT_MIN && !r->ggwire.no_direct &&
		take_region(r, to.iov_base, &to.iov_len, IBV_ACCESS_LOCAL_WRITE, &r->ggwire.no_direct, &region)) {
		status = read_remote(r, &e->remote, to.iov_base, region.mr->lkey, to.iov_len, err);
		/* READs in flight must not write to memory that is the caller's again. */
		if (status)
			gw_rdma_stop(r);
		gw_rdma_region_give(&r->ggwire.registrations, &region);
		gw_iov_advance(pos, to.iov_len);
		*got = status ? 0 : to.iov_len;
	} else {
		status = pull_into_slot(r, e, err);
	}
	if (!status && e->remote.left == 0)
		status = acknowledge(r, err);
	gw_rdma_drop_empty(r);
	return status;
}
