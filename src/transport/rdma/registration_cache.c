#include "transport/rdma/registration_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/rdma/private.h"

#define KEPT_ACCESS (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ)

static const struct gw_rdma_range *range_of(const struct gw_rdma_keep *k, const uint8_t *bytes)
{
	for (size_t i = k->n; i > 0; i--) {
		const struct gw_rdma_range *range = &k->ranges[i - 1];
		if (bytes >= range->base && (size_t)(bytes - range->base) < range->size)
			return range;
	}
	return NULL;
}

static void drop(struct gw_rdma *r, struct gw_rdma_piece *p)
{
	if (p->mr)
		r->v->dereg_mr(p->mr);
	*p = (struct gw_rdma_piece){0};
}

/* Whether there was anything to drop. */
static bool drop_unused(struct gw_rdma *r)
{
	bool dropped = false;
	for (size_t i = 0; i < GW_RDMA_PIECES; i++) {
		struct gw_rdma_piece *p = &r->keep.pieces[i];
		if (p->users > 0 || !p->base)
			continue;
		drop(r, p);
		dropped = true;
	}
	return dropped;
}

static struct gw_rdma_piece *find(struct gw_rdma_keep *k, const uint8_t *base)
{
	for (size_t i = 0; i < GW_RDMA_PIECES; i++)
		if (k->pieces[i].base == base)
			return &k->pieces[i];
	return NULL;
}

/* A place for another piece: a free one, or that of the one which was not used for longest. NULL: all are in use. */
static struct gw_rdma_piece *make_place(struct gw_rdma *r)
{
	struct gw_rdma_piece *oldest = NULL;
	for (size_t i = 0; i < GW_RDMA_PIECES; i++) {
		struct gw_rdma_piece *p = &r->keep.pieces[i];
		if (p->users == 0 && (!oldest || p->last_use < oldest->last_use))
			oldest = p;
	}
	if (oldest)
		drop(r, oldest);
	return oldest;
}

/* Registering takes long: another thread may want to send or receive meanwhile. */
static struct ibv_mr *register_once(struct gw_rdma *r, const void *bytes, size_t size, int access)
{
	pthread_mutex_unlock(&r->lock);
	struct ibv_mr *mr = r->v->reg_mr(r->pd, (void *)(uintptr_t)bytes, size, access);
	int errnum = errno;
	pthread_mutex_lock(&r->lock);
	errno = errnum;
	return mr;
}

/* What is kept may be what leaves too little for more. */
static struct ibv_mr *register_memory(struct gw_rdma *r, const void *bytes, size_t size, int access)
{
	struct ibv_mr *mr = register_once(r, bytes, size, access);
	return mr || !drop_unused(r) ? mr : register_once(r, bytes, size, access);
}

static struct gw_rdma_piece *register_piece(struct gw_rdma *r, uint8_t *base, size_t size)
{
	struct gw_rdma_piece *p = make_place(r);
	if (!p)
		return NULL;
	p->base = base;
	p->users = 1;
	p->mr = register_memory(r, base, size, KEPT_ACCESS);
	p->users = 0;
	if (p->mr)
		return p;
	drop(r, p);
	r->keep.full = true;
	return NULL;
}

/* The registered piece with these bytes, which *size is cut to. NULL: they are not to be kept, or cannot be. */
static struct gw_rdma_piece *kept_piece(struct gw_rdma *r, const uint8_t *bytes, size_t *size)
{
	const struct gw_rdma_range *range = range_of(&r->keep, bytes);
	if (!range)
		return NULL;
	size_t at = (size_t)(bytes - range->base) / GW_RDMA_PIECE * GW_RDMA_PIECE;
	uint8_t *base = range->base + at;
	size_t length = range->size - at < GW_RDMA_PIECE ? range->size - at : GW_RDMA_PIECE;
	struct gw_rdma_piece *p = find(&r->keep, base);
	if (!p && !r->keep.full)
		p = register_piece(r, base, length);
	/* Another thread is at it. */
	if (!p || !p->mr)
		return NULL;
	size_t left = length - (size_t)(bytes - base);
	if (*size > left)
		*size = left;
	return p;
}

bool gw_rdma_region_take(struct gw_rdma *r, const void *bytes, size_t *size, int access, struct gw_rdma_region *out)
{
	*out = (struct gw_rdma_region){.piece = kept_piece(r, bytes, size)};
	if (out->piece) {
		out->piece->users++;
		out->piece->last_use = ++r->keep.uses;
		out->mr = out->piece->mr;
		return true;
	}
	out->mr = register_memory(r, bytes, *size, access);
	return out->mr;
}

void gw_rdma_region_give(struct gw_rdma *r, struct gw_rdma_region *region)
{
	if (region->piece)
		region->piece->users--;
	else if (region->mr)
		r->v->dereg_mr(region->mr);
	*region = (struct gw_rdma_region){0};
}

void gw_rdma_keep(struct gw_rdma *r, void *base, size_t size)
{
	struct gw_rdma_keep *k = &r->keep;
	if (k->n == k->capacity) {
		size_t capacity = k->capacity ? 2 * k->capacity : 16;
		void *ranges = realloc(k->ranges, capacity * sizeof(*k->ranges));
		/* Then it is registered for each transfer. */
		if (!ranges)
			return;
		k->ranges = ranges;
		k->capacity = capacity;
	}
	k->ranges[k->n++] = (struct gw_rdma_range){base, size};
}

void gw_rdma_forget(struct gw_rdma *r, const void *base)
{
	struct gw_rdma_keep *k = &r->keep;
	size_t i = 0;
	if (!base)
		gw_rdma_keep_free(r);
	while (i < k->n && k->ranges[i].base != base)
		i++;
	if (i == k->n)
		return;
	const struct gw_rdma_range range = k->ranges[i];
	for (size_t p = 0; p < GW_RDMA_PIECES; p++)
		if (k->pieces[p].base >= range.base && k->pieces[p].base < range.base + range.size)
			drop(r, &k->pieces[p]);
	k->ranges[i] = k->ranges[--k->n];
}

void gw_rdma_keep_free(struct gw_rdma *r)
{
	for (size_t p = 0; p < GW_RDMA_PIECES; p++)
		drop(r, &r->keep.pieces[p]);
	free(r->keep.ranges);
	r->keep.ranges = NULL;
	r->keep.n = r->keep.capacity = 0;
}
