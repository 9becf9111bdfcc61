#include "device/weights/cache_names.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
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

void gw_cache_names_add(const char *dir, const struct gw_sums *sums)
{
	uint8_t record[RECORD];
	struct stat sb;

	if (!sums->has_fnv || !sums->has_xxh3)
		return;
	int fd = open_names(dir, O_WRONLY | O_CREAT | O_APPEND);
	if (fd < 0)
		return;
	encode(sums, record);
	/* What a full disk left of a record would shift all that follow. */
	bool ok = fstat(fd, &sb) == 0;
	if (ok && sb.st_size >= MAX_FILE)
		ok = ftruncate(fd, 0) == 0;
	else if (ok && sb.st_size % (off_t)RECORD)
		ok = ftruncate(fd, sb.st_size - sb.st_size % (off_t)RECORD) == 0;
	if (ok)
		(void)!write(fd, record, sizeof(record));
	close(fd);
}

/* The records of the file, and their number. NULL if there is none. */
static uint8_t *read_all(int fd, size_t *n)
{
	struct stat sb;

	if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode) || sb.st_size < (off_t)RECORD || sb.st_size > MAX_FILE)
		return NULL;
	uint8_t *bytes = malloc((size_t)sb.st_size);
	if (!bytes)
		return NULL;
	ssize_t got = pread(fd, bytes, (size_t)sb.st_size, 0);
	*n = got > 0 ? (size_t)got / RECORD : 0;
	return bytes;
}

bool gw_cache_names_find(const char *dir, struct gw_sums *sums)
{
	struct gw_sums known;
	bool found = false;
	size_t n = 0;

	int fd = open_names(dir, O_RDONLY);
	if (fd < 0)
		return false;
	uint8_t *records = read_all(fd, &n);
	for (size_t i = n; records && i-- > 0 && !found;)
		found = decode(records + i * RECORD, &known) && gw_sums_agree(&known, sums);
	free(records);
	close(fd);
	if (found)
		*sums = known;
	return found;
}
