#include "device/weights/cache_account.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* What other processes wrote is seen after this time at the latest. */
#define LISTING_NS (300 * GW_NS_PER_S)

void gw_cache_account_init(struct gw_cache_account *a, const char *path, uint64_t max)
{
	*a = (struct gw_cache_account){.path = path, .max = max};
}

void gw_cache_account_free(struct gw_cache_account *a)
{
	gw_cache_listing_free(&a->oldest);
}

static void list(struct gw_cache_account *a)
{
	gw_cache_listing_free(&a->oldest);
	gw_cache_list(a->path, &a->oldest);
	a->used = a->oldest.bytes;
	a->next = 0;
	a->written = false;
	a->listed_ns = gw_clock_ns();
}

/* Removes an entry, unless it was used or replaced since it was listed. */
static void remove_entry(struct gw_cache_account *a, const struct gw_cache_listed *e)
{
	struct stat sb;
	char *path;

	if (asprintf(&path, "%s/%s", a->oldest.dirs[e->dir], e->name) < 0)
		return;
	if (lstat(path, &sb) == 0 && sb.st_mtim.tv_sec == e->used.tv_sec && sb.st_mtim.tv_nsec == e->used.tv_nsec &&
		unlink(path) == 0) {
		gw_cache_account_removed(a, e->bytes);
		gw_log_debug("cache: removed %s, which was not used for the longest time, to make room", path);
	}
	free(path);
}

static bool is_full(const struct gw_cache_account *a, uint64_t bytes)
{
	return a->used > a->max - bytes || a->reserved > a->max - bytes - a->used;
}

static void make_room(struct gw_cache_account *a, uint64_t bytes)
{
	while (a->next < a->oldest.n && is_full(a, bytes))
		remove_entry(a, &a->oldest.entries[a->next++]);
}

bool gw_cache_account_reserve(struct gw_cache_account *a, uint64_t bytes)
{
	if (a->max != UINT64_MAX) {
		if (bytes > a->max)
			return false;
		if (!a->listed_ns || gw_clock_ns() - a->listed_ns > LISTING_NS)
			list(a);
		make_room(a, bytes);
		/* Only what was written since can have been missed. */
		if (is_full(a, bytes) && a->written) {
			list(a);
			make_room(a, bytes);
		}
		if (is_full(a, bytes))
			return false;
	}
	a->reserved += bytes;
	return true;
}

void gw_cache_account_settle(struct gw_cache_account *a, uint64_t reserved, uint64_t written)
{
	a->reserved -= reserved;
	a->used += written;
	a->written |= written > 0;
}

void gw_cache_account_removed(struct gw_cache_account *a, uint64_t bytes)
{
	a->used -= bytes < a->used ? bytes : a->used;
}
