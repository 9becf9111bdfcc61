#include "device/weights/cache_trim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "device/weights/cache_names.h"

#define PAYLOAD_DIGITS 16
#define TEMP_PREFIX_LEN (sizeof(GW_CACHE_TEMP) - sizeof("XXXXXX"))

/* A file is not locked in the moment in which it is made. Where locks do not work, age alone has to tell. */
#define NEW_SECONDS 10
#define STALE_SECONDS 3600

struct file {
	char name[PAYLOAD_DIGITS + 1];
	uint64_t size;
	struct timespec used;
};

struct listing {
	struct file *files; /* payloads */
	size_t n;
	size_t room;
	uint64_t total; /* bytes of all files */
};

bool gw_cache_is_payload(const char *name)
{
	return strspn(name, "0123456789abcdef") == PAYLOAD_DIGITS && !name[PAYLOAD_DIGITS];
}

static bool is_abandoned(int dir, const char *name, const struct stat *sb)
{
	time_t age = time(NULL) - sb->st_mtime;
	if (age < NEW_SECONDS)
		return false;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0;
	bool unknown = locked && errno != EWOULDBLOCK;
	close(fd);
	return !locked || (unknown && age > STALE_SECONDS);
}

/* Whether it was a file that nobody writes any more, which is now gone. */
static bool removed_abandoned(int dir, const char *name, const struct stat *sb)
{
	return strncmp(name, GW_CACHE_TEMP, TEMP_PREFIX_LEN) == 0 && is_abandoned(dir, name, sb) &&
	       unlinkat(dir, name, 0) == 0;
}

static void add(struct listing *l, const char *name, const struct stat *sb)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct file *files = reallocarray(l->files, room, sizeof(*files));
		if (!files)
			return;
		l->files = files;
		l->room = room;
	}
	struct file *f = &l->files[l->n++];
	memcpy(f->name, name, sizeof(f->name));
	f->size = (uint64_t)sb->st_size;
	f->used = sb->st_mtim;
}

static void list(DIR *dir, struct listing *l)
{
	struct stat sb;

	for (struct dirent *e; (e = readdir(dir));) {
		if (fstatat(dirfd(dir), e->d_name, &sb, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(sb.st_mode) ||
			removed_abandoned(dirfd(dir), e->d_name, &sb) || strcmp(e->d_name, GW_CACHE_NAMES) == 0)
			continue;
		l->total += (uint64_t)sb.st_size;
		if (gw_cache_is_payload(e->d_name))
			add(l, e->d_name, &sb);
	}
}

static int by_use(const void *one, const void *other)
{
	const struct file *a = one, *b = other;

	if (a->used.tv_sec != b->used.tv_sec)
		return a->used.tv_sec < b->used.tv_sec ? -1 : 1;
	if (a->used.tv_nsec != b->used.tv_nsec)
		return a->used.tv_nsec < b->used.tv_nsec ? -1 : 1;
	return strcmp(a->name, b->name);
}

static void remove_oldest(int dir, struct listing *l, uint64_t max)
{
	if (l->total <= max || l->n == 0)
		return;
	qsort(l->files, l->n, sizeof(*l->files), by_use);
	for (size_t i = 0; i < l->n && l->total > max; i++) {
		if (unlinkat(dir, l->files[i].name, 0) != 0)
			continue;
		l->total -= l->files[i].size;
		gw_log_debug("cache: %s was not used for longest, and made room", l->files[i].name);
	}
}

void gw_cache_trim(const char *path, uint64_t max)
{
	struct listing l = {0};
	DIR *dir = opendir(path);

	if (!dir)
		return;
	list(dir, &l);
	remove_oldest(dirfd(dir), &l, max);
	free(l.files);
	closedir(dir);
}
