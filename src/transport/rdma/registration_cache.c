#include "transport/rdma/registration_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_ACCESS (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ)

static const struct gw_rdma_range *range_of(const struct gw_rdma_registrations *c, const uint8_t *bytes)
{
	for (size_t i = c->n; i > 0; i--) {
		const struct gw_rdma_range *range = &c->ranges[i - 1];
		if (bytes >= range->base && (size_t)(bytes - range->base) < range->size)
			return range;
	}
	return NULL;
}

static void drop(struct gw_rdma_registrations *c, struct gw_rdma_piece *p)
{
	if (p->mr)
		c->v->dereg_mr(p->mr);
	*p = (struct gw_rdma_piece){0};
}

/* Whether there was anything to drop. */
static bool drop_unused(struct gw_rdma_registrations *c)
{
	bool dropped = false;
	for (size_t i = 0; i < GW_RDMA_PIECES; i++) {
		struct gw_rdma_piece *p = &c->pieces[i];
		if (p->users > 0 || !p->base)
			continue;
		drop(c, p);
		dropped = true;
	}
	return dropped;
}

static struct gw_rdma_piece *find(struct gw_rdma_registrations *c, const uint8_t *base)
{
	for (size_t i = 0; i < GW_RDMA_PIECES; i++)
		if (c->pieces[i].base == base)
			return &c->pieces[i];
	return NULL;
}

/* A place for another piece: a free one, or that of the least recently used. NULL: all are in use. */
static struct gw_rdma_piece *make_place(struct gw_rdma_registrations *c)
{
	struct gw_rdma_piece *oldest = NULL;
	for (size_t i = 0; i < GW_RDMA_PIECES; i++) {
		struct gw_rdma_piece *p = &c->pieces[i];
		if (p->users == 0 && (!oldest || p->last_use < oldest->last_use))
			oldest = p;
	}
	if (oldest)
		drop(c, oldest);
	return oldest;
}

/* Registering takes long, and another thread may want to send or receive meanwhile. */
static struct ibv_mr *register_once(struct gw_rdma_registrations *c, const void *bytes, size_t size, int access)
{
	pthread_mutex_unlock(c->lock);
	struct ibv_mr *mr = c->v->reg_mr(c->pd, (void *)(uintptr_t)bytes, size, access);
	int errnum = errno;
	pthread_mutex_lock(c->lock);
	errno = errnum;
	return mr;
}

/* If the limit is reached, what the cache keeps may be the reason. */
static struct ibv_mr *register_memory(struct gw_rdma_registrations *c, const void *bytes, size_t size, int access)
{
	struct ibv_mr *mr = register_once(c, bytes, size, access);
	return mr || !drop_unused(c) ? mr : register_once(c, bytes, size, access);
}

static struct gw_rdma_piece *register_piece(struct gw_rdma_registrations *c, uint8_t *base, size_t size)
{
	struct gw_rdma_piece *p = make_place(c);
	if (!p)
		return NULL;
	p->base = base;
	p->users = 1;
	p->mr = register_memory(c, base, size, KEPT_ACCESS);
	p->users = 0;
	if (p->mr)
		return p;
	drop(c, p);
	c->full = true;
	return NULL;
}

/* The registered piece that contains these bytes; *size is cut to it. NULL: they were not announced, or cannot be
 * registered. */
static struct gw_rdma_piece *kept_piece(struct gw_rdma_registrations *c, const uint8_t *bytes, size_t *size)
{
	const struct gw_rdma_range *range = range_of(c, bytes);
	if (!range)
		return NULL;
	size_t at = (size_t)(bytes - range->base) / GW_RDMA_PIECE * GW_RDMA_PIECE;
	uint8_t *base = range->base + at;
	size_t length = range->size - at < GW_RDMA_PIECE ? range->size - at : GW_RDMA_PIECE;
	struct gw_rdma_piece *p = find(c, base);
	if (!p && !c->full)
		p = register_piece(c, base, length);
	/* NULL mr: another thread is registering it. */
	if (!p || !p->mr)
		return NULL;
	size_t left = length - (size_t)(bytes - base);
	if (*size > left)
		*size = left;
	return p;
}

bool gw_rdma_region_take(
	struct gw_rdma_registrations *c, const void *bytes, size_t *size, int access, struct gw_rdma_region *out)
{
	*out = (struct gw_rdma_region){.piece = kept_piece(c, bytes, size)};
	if (out->piece) {
		out->piece->users++;
		out->piece->last_use = ++c->uses;
		out->mr = out->piece->mr;
		return true;
	}
	out->mr = register_memory(c, bytes, *size, access);
	return out->mr;
}

void gw_rdma_region_give(struct gw_rdma_registrations *c, struct gw_rdma_region *region)
{
	if (region->piece)
		region->piece->users--;
	else if (region->mr)
		c->v->dereg_mr(region->mr);
	*region = (struct gw_rdma_region){0};
}

void gw_rdma_register(struct gw_rdma_registrations *c, void *base, size_t size)
{
	if (c->n == c->capacity) {
		size_t capacity = c->capacity ? 2 * c->capacity : 16;
		void *ranges = realloc(c->ranges, capacity * sizeof(*c->ranges));
		/* Without a range the memory is registered for each transfer. */
		if (!ranges)
			return;
		c->ranges = ranges;
		c->capacity = capacity;
	}
	c->ranges[c->n++] = (struct gw_rdma_range){base, size};
}

void gw_rdma_unregister(struct gw_rdma_registrations *c, const void *base)
{
	size_t i = 0;
	if (!base)
		gw_rdma_registrations_free(c);
	while (i < c->n && c->ranges[i].base != base)
		i++;
	if (i == c->n)
		return;
	const struct gw_rdma_range range = c->ranges[i];
	for (size_t p = 0; p < GW_RDMA_PIECES; p++)
		if (c->pieces[p].base >= range.base && c->pieces[p].base < range.base + range.size)
			drop(c, &c->pieces[p]);
	c->ranges[i] = c->ranges[--c->n];
}

void gw_rdma_registrations_free(struct gw_rdma_registrations *c)
{
	for (size_t p = 0; p < GW_RDMA_PIECES; p++)
		drop(c, &c->pieces[p]);
	free(c->ranges);
	c->ranges = NULL;
	c->n = c->capacity = 0;
}
