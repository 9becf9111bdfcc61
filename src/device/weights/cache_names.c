#include "device/weights/cache_names.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "device/weights/cache_layout.h"
#include "wire/cursor.h"

/* A record: FNV-1a, XXH3 low and high, FNV-1a of these three. */
#define RECORD ((size_t)32)
/* 32768 payloads of more than 1 MiB each. What is older is forgotten. */
#define MAX_FILE ((off_t)1 << 20)

static int open_names(const char *dir, int flags)
{
	char *path;

	if (asprintf(&path, "%s/" GW_CACHE_NAMES, dir) < 0)
		return -1;
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	free(path);
	return fd;
}

static void encode(const struct gw_sums *sums, uint8_t record[RECORD])
{
	gw_put_le64(record, sums->fnv);
	gw_put_le64(record + 8, sums->xxh3.low);
	gw_put_le64(record + 16, sums->xxh3.high);
	gw_put_le64(record + 24, gw_fnv1a(GW_FNV_INIT, record, 24));
}

static bool decode(const uint8_t record[RECORD], struct gw_sums *sums)
{
	if (gw_le64(record + 24) != gw_fnv1a(GW_FNV_INIT, record, 24))
		return false;
	*sums = (struct gw_sums){
		.has_fnv = true,
		.has_xxh3 = true,
		.fnv = gw_le64(record),
		.xxh3 = {gw_le64(record + 8), gw_le64(record + 16)},
	};
	return true;
}

void gw_cache_names_free(struct gw_cache_names *names)
{
	free(names->pairs);
	gw_map_free(&names->by_fnv);
	gw_map_free(&names->by_xxh3);
	*names = (struct gw_cache_names){0};
}

/* A place in pairs as the maps hold it: a number, never followed. */
static void *mark_of(size_t place)
{
	return (void *)(uintptr_t)(place + 1); /* NOLINT(performance-no-int-to-ptr) */
}

static void note(struct gw_cache_names *names, const struct gw_sums *sums)
{
	if (names->n == names->room) {
		size_t room = names->room ? 2 * names->room : 64;
		struct gw_sums *pairs = reallocarray(names->pairs, room, sizeof(*pairs));
		if (!pairs)
			return;
		names->pairs = pairs;
		names->room = room;
	}
	names->pairs[names->n] = *sums;
	/* Without memory for one of them, the other still counts. */
	(void)gw_map_put(&names->by_fnv, sums->fnv, mark_of(names->n));
	(void)gw_map_put(&names->by_xxh3, sums->xxh3.low, mark_of(names->n));
	names->n++;
}

/* Takes the records from one offset to another. */
static void read_records(struct gw_cache_names *names, int fd, off_t from, off_t to)
{
	uint8_t records[128 * RECORD];
	struct gw_sums sums;

	while (from < to) {
		ssize_t got = pread(fd, records, sizeof(records), from);
		if (got < (ssize_t)RECORD)
			return;
		size_t n = (size_t)got / RECORD;
		for (size_t i = 0; i < n; i++)
			if (decode(records + i * RECORD, &sums))
				note(names, &sums);
		from += (off_t)(n * RECORD);
	}
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Brings names up to date with the file, which is only appended to, or cut and begun again. */
static void refresh(struct gw_cache_names *names, int fd)
{
	const struct stat *then = &names->file;
	struct stat now;

	if (fstat(fd, &now) != 0 || !S_ISREG(now.st_mode) || now.st_size > MAX_FILE)
		return;
	now.st_size -= now.st_size % (off_t)RECORD;
	bool known = then->st_ino == now.st_ino && then->st_dev == now.st_dev;
	if (known && is_same(then, &now))
		return;
	if (!known || then->st_size >= now.st_size)
		gw_cache_names_free(names);
	read_records(names, fd, then->st_size, now.st_size);
	names->file = now;
}

static const struct gw_sums *look_up(const struct gw_cache_names *names, const struct gw_sums *sums)
{
	const void *mark =
		sums->has_xxh3 ? gw_map_get(&names->by_xxh3, sums->xxh3.low) : gw_map_get(&names->by_fnv, sums->fnv);

	return mark ? &names->pairs[(uintptr_t)mark - 1] : NULL;
}

bool gw_cache_names_find(struct gw_cache_names *names, const char *dir, struct gw_sums *sums)
{
	int fd = open_names(dir, O_RDONLY);
	if (fd < 0)
		return false;
	refresh(names, fd);
	close(fd);
	const struct gw_sums *pair = look_up(names, sums);
	if (!pair || !gw_sums_agree(pair, sums))
		return false;
	*sums = *pair;
	return true;
}

static bool append(int fd, const struct gw_sums *sums, uint64_t *grown)
{
	uint8_t record[RECORD];
	struct stat before, after;

	if (fstat(fd, &before) != 0)
		return false;
	/* What a full disk left of a record would shift all that follow. */
	off_t keep = before.st_size >= MAX_FILE ? 0 : before.st_size - before.st_size % (off_t)RECORD;
	if (keep != before.st_size && ftruncate(fd, keep) != 0)
		return false;
	encode(sums, record);
	if (write(fd, record, sizeof(record)) != (ssize_t)sizeof(record) || fstat(fd, &after) != 0)
		return false;
	*grown = gw_cache_disk_bytes(&after) - gw_cache_disk_bytes(&before);
	return after.st_blocks > before.st_blocks;
}

uint64_t gw_cache_names_add(struct gw_cache_names *names, const char *dir, const struct gw_sums *sums)
{
	struct gw_sums known = *sums;
	uint64_t grown = 0;

	if (!sums->has_fnv || !sums->has_xxh3 || gw_cache_names_find(names, dir, &known))
		return 0;
	int fd = open_names(dir, O_WRONLY | O_CREAT | O_APPEND);
	if (fd < 0)
		return 0;
	if (!append(fd, sums, &grown))
		grown = 0;
	close(fd);
	return grown;
}
