/* Entries belong to their trust domain, are never replaced, and respect the size limit. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/log.h"
#include "device/keeper.h"
#include "device/weights/cache_layout.h"
#include "device/weights/cache_listing.h"
#include "device/weights/cache_store.h"
#include "device/weights/cache_wire.h"

#define MIB ((uint64_t)1 << 20)
#define MAX_SIZE (3 * MIB)

static char dir[64];
static struct gw_cache_store *store;
static uint8_t bytes[MAX_SIZE], got[MAX_SIZE];

static unsigned n_listings;
DIR *__real_opendir(const char *name); /* NOLINT(bugprone-reserved-identifier): the linker's names */
DIR *__wrap_opendir(const char *name); /* NOLINT(bugprone-reserved-identifier) */

DIR *__wrap_opendir(const char *name) /* NOLINT(bugprone-reserved-identifier) */
{
	n_listings++;
	return __real_opendir(name);
}

static void reopen(uint64_t max, bool shared)
{
	const struct gw_cache_store_options options = {.dir = dir, .max = max, .shared = shared};

	gw_cache_store_close(store);
	assert_int_equal(gw_cache_store_open(&options, &store), GW_OK);
}

static int setup(void **state)
{
	(void)state;
	gw_log_set_level(GW_LOG_ERROR);
	strcpy(dir, "/tmp/ggwire-store-XXXXXX");
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 255);
	reopen(0, false);
	return 0;
}

static int take_away(const char *path, const struct stat *sb, int type, struct FTW *at)
{
	(void)sb;
	(void)type;
	(void)at;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	gw_cache_store_close(store);
	store = NULL;
	assert_int_equal(nftw(dir, take_away, 16, FTW_DEPTH | FTW_PHYS), 0);
	return 0;
}

/* The state of the directory at the last look(). */
static struct {
	uint64_t disk; /* bytes */
	unsigned n_entries;
} seen;

static int see(const char *path, const struct stat *sb, int type, struct FTW *at)
{
	seen.disk += gw_cache_disk_bytes(sb);
	seen.n_entries += type == FTW_F && gw_cache_is_entry(path + at->base);
	return 0;
}

static void look(void)
{
	seen.disk = seen.n_entries = 0;
	assert_int_equal(nftw(dir, see, 16, FTW_PHYS), 0);
}

/* Disk usage of the whole directory in bytes, including the directories. */
static uint64_t disk_use(void)
{
	look();
	return seen.disk;
}

static unsigned n_entries(void)
{
	look();
	return seen.n_entries;
}

static struct gw_cache_domain *domain(const char *name)
{
	struct gw_cache_domain *d;

	assert_int_equal(gw_cache_domain_open(store, name, &d), GW_OK);
	return d;
}

/* The checksums of the payload at this offset. */
static struct gw_sums sums_of(size_t offset, size_t size)
{
	struct gw_digest digest;

	gw_digest_begin(&digest, true, true);
	gw_digest_update(&digest, bytes + offset, size);
	return gw_digest_end(&digest);
}

/* Stores a payload under possibly wrong checksums, to imitate a collision. */
static enum gw_status put_as(struct gw_cache_domain *d, const struct gw_sums *sums, size_t offset, size_t size)
{
	int fd;
	enum gw_status st = gw_cache_domain_begin(d, size, &fd);

	if (st != GW_OK)
		return st;
	assert_int_equal(write(fd, bytes + offset, size), size);
	close(fd);
	return gw_cache_domain_finish(d, sums);
}

static enum gw_status put(struct gw_cache_domain *d, size_t offset, size_t size)
{
	struct gw_sums sums = sums_of(offset, size);

	return put_as(d, &sums, offset, size);
}

/* Whether the domain has an entry with these checksums. Copies its contents into got. */
static bool has(struct gw_cache_domain *d, const struct gw_sums *asked)
{
	struct gw_sums sums = *asked;
	uint64_t size;
	int fd;

	if (gw_cache_domain_find(d, &sums, &fd, &size) != GW_OK)
		return false;
	assert_true(size <= sizeof(got));
	assert_int_equal(read(fd, got, sizeof(got)), size);
	close(fd);
	return true;
}

static bool has_payload(struct gw_cache_domain *d, size_t offset, size_t size, bool by_xxh3)
{
	struct gw_sums sums = sums_of(offset, size);

	sums.has_xxh3 = by_xxh3 && gw_xxh3_available();
	sums.has_fnv = !sums.has_xxh3;
	return has(d, &sums) && memcmp(got, bytes + offset, size) == 0;
}

static void what_a_domain_stored_no_other_gets(void **state)
{
	static const char *const names[] = {"host-192.0.2.7", "host-192.0.2.70", "host-192.0.2", "host-2001:db8::1",
		"user-1000", "..", "../..", "a/../host-192.0.2.7", "/", ".", "%2e%2e", "host-192.0.2.7 ",
		"HOST-192.0.2.7", "\xff\x01\n"};
	enum {
		N = sizeof(names) / sizeof(names[0])
	};
	struct gw_cache_domain *d[N];

	(void)state;
	for (size_t i = 0; i < N; i++) {
		d[i] = domain(names[i]);
		assert_int_equal(put(d[i], i, MIB), GW_OK);
	}
	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < N; k++) {
			assert_int_equal(has_payload(d[i], k, MIB, false), i == k);
			assert_int_equal(has_payload(d[i], k, MIB, true), i == k);
		}
	for (size_t i = 0; i < N; i++)
		gw_cache_domain_close(d[i]);
	/* All entries exist, and are found again after a restart. */
	assert_int_equal(n_entries(), N);
	reopen(0, false);
	struct gw_cache_domain *again = domain(names[3]);
	assert_true(has_payload(again, 3, MIB, true));
	gw_cache_domain_close(again);
}

static void invalid_names_have_no_domain(void **state)
{
	struct gw_cache_domain *d;
	char name[GW_CACHE_DOMAIN_MAX + 2];

	(void)state;
	assert_int_equal(gw_cache_domain_open(store, "", &d), GW_ERR_INVALID);
	memset(name, '/', sizeof(name));
	name[GW_CACHE_DOMAIN_MAX + 1] = '\0';
	assert_int_equal(gw_cache_domain_open(store, name, &d), GW_ERR_INVALID);
	name[GW_CACHE_DOMAIN_MAX] = '\0';
	d = domain(name);
	assert_int_equal(put(d, 0, MIB), GW_OK);
	gw_cache_domain_close(d);
}

/* The first entry wins, both inside a domain and in a shared cache, and its file stays unchanged. */
static void an_entry_is_never_replaced(void **state)
{
	(void)state;
	for (int shared = 0; shared <= 1; shared++) {
		reopen(0, shared);
		struct gw_cache_domain *one = domain("host-192.0.2.1"),
				       *other = domain(shared ? "b" : "host-192.0.2.1");
		struct gw_sums sums = sums_of(0, MIB), evil = sums_of(5, MIB);

		evil.fnv = sums.fnv;
		assert_int_equal(put_as(one, &sums, 0, MIB), GW_OK);
		assert_int_equal(put_as(other, &evil, 5, MIB), GW_ERR_SYSTEM);
		assert_int_equal(put_as(other, &evil, 5, MIB + 4096), GW_ERR_SYSTEM);
		assert_true(has_payload(one, 0, MIB, false));
		assert_true(has_payload(one, 0, MIB, true));
		assert_true(has_payload(other, 0, MIB, false));
		/* The refused payload has not added a name either. */
		evil.has_fnv = false;
		assert_false(gw_xxh3_available() && has(other, &evil));
		/* Storing the same payload again succeeds. */
		assert_int_equal(put(other, 0, MIB), GW_OK);
		gw_cache_domain_close(one);
		gw_cache_domain_close(other);
	}
}

/* Entries of a stock server have no XXH3 names. The first client that sends the same bytes adds them. */
static void entries_of_a_stock_server_need_a_shared_cache(void **state)
{
	char path[100];
	struct gw_cache_domain *d;

	(void)state;
	snprintf(path, sizeof(path), "%s/%016" PRIx64, dir, sums_of(0, MIB).fnv);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, bytes, MIB), MIB);
	close(fd);
	d = domain("host-192.0.2.1");
	assert_false(has_payload(d, 0, MIB, false));
	gw_cache_domain_close(d);
	reopen(0, true);
	d = domain("host-192.0.2.1");
	assert_true(has_payload(d, 0, MIB, false));
	assert_false(gw_xxh3_available() && has_payload(d, 0, MIB, true));
	assert_int_equal(put(d, 0, MIB), GW_OK);
	assert_true(has_payload(d, 0, MIB, true));
	gw_cache_domain_close(d);
	assert_int_equal(n_entries(), 1);
}

static void payloads_of_the_wrong_size_are_not_stored(void **state)
{
	struct gw_sums sums = sums_of(0, MIB), nameless = {.has_xxh3 = true};
	struct gw_cache_domain *d = domain("a");
	int fd;

	(void)state;
	assert_int_equal(gw_cache_domain_finish(d, &sums), GW_ERR_INVALID);
	assert_int_equal(gw_cache_domain_begin(d, MIB, &fd), GW_OK);
	assert_int_equal(write(fd, bytes, MIB - 1), MIB - 1);
	assert_int_equal(gw_cache_domain_finish(d, &sums), GW_ERR_INVALID);
	close(fd);
	assert_int_equal(put_as(d, &nameless, 0, MIB), GW_ERR_INVALID);
	assert_int_equal(gw_cache_domain_begin(d, MIB, &fd), GW_OK);
	close(fd);
	/* A new transfer replaces the unfinished one, and closing the domain abandons one that is still open. */
	assert_int_equal(put(d, 0, MIB), GW_OK);
	assert_int_equal(gw_cache_domain_begin(d, MIB, &fd), GW_OK);
	close(fd);
	gw_cache_domain_close(d);
	assert_int_equal(n_entries(), 1);
	assert_int_equal(gw_cache_sweep(dir), 0);
}

static void make_file(const char *name, uint64_t size, time_t age)
{
	char path[200];
	struct timespec times[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool is_there(const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

/* A locked temporary file is in use. All others are stale, unless they were just created. */
static void stale_temporary_files_are_removed(void **state)
{
	char path[200];

	(void)state;
	snprintf(path, sizeof(path), "%s/" GW_CACHE_DOMAINS, dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/" GW_CACHE_DOMAINS "/a", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	make_file(".ggwire-stale1", 0, 60);
	make_file(GW_CACHE_DOMAINS "/a/.ggwire-stale2", 0, 60);
	make_file(".ggwire-locked", 0, 60);
	make_file(".ggwire-newest", 0, 0);
	make_file("0123456789abcdef", 0, 400000);
	snprintf(path, sizeof(path), "%s/.ggwire-locked", dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	reopen(0, false);
	assert_false(is_there(".ggwire-stale1") || is_there(GW_CACHE_DOMAINS "/a/.ggwire-stale2"));
	assert_true(is_there(".ggwire-locked") && is_there(".ggwire-newest") && is_there("0123456789abcdef"));
	close(fd);
	reopen(0, false);
	assert_false(is_there(".ggwire-locked"));
	/* The sweep also removes the domain's directory after it has been empty for long. */
	assert_true(is_there(GW_CACHE_DOMAINS "/a"));
	snprintf(path, sizeof(path), "%s/" GW_CACHE_DOMAINS "/a", dir);
	make_file(GW_CACHE_DOMAINS "/a/" GW_CACHE_NAMES, 32, 7200);
	struct timespec times[2] = {{.tv_sec = time(NULL) - 7200}, {.tv_sec = time(NULL) - 7200}};
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	reopen(0, false);
	assert_false(is_there(GW_CACHE_DOMAINS "/a"));
	/* A client of that domain can still store data. */
	struct gw_cache_domain *d = domain("a");
	assert_int_equal(put(d, 0, MIB), GW_OK);
	gw_cache_domain_close(d);
}

/* Sets the age of a domain's payload explicitly, because the clock is too coarse to distinguish entries. */
static void age(const char *name, size_t offset, time_t seconds)
{
	struct timespec times[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};
	char path[200];

	snprintf(path, sizeof(path), "%s/" GW_CACHE_DOMAINS "/%s/%016" PRIx64, dir, name, sums_of(offset, MIB).fnv);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Room for three payloads, the list of names, and the directories. */
#define SMALL (3 * MIB + 64 * 1024)

/* The least recently used entry goes first, whichever domain it belongs to. */
static void the_least_recently_used_entry_is_evicted(void **state)
{
	(void)state;
	reopen(SMALL, false);
	struct gw_cache_domain *a = domain("a"), *b = domain("b");
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(put(i < 2 ? a : b, i, MIB), GW_OK);
		age(i < 2 ? "a" : "b", i, (time_t)(100 - i));
	}
	assert_true(has_payload(a, 0, MIB, false)); /* now the most recently used */
	assert_int_equal(put(b, 3, MIB), GW_OK);
	assert_true(has_payload(a, 0, MIB, false));
	assert_false(has_payload(a, 1, MIB, false));
	assert_true(has_payload(b, 2, MIB, false));
	assert_true(has_payload(b, 3, MIB, false));
	/* A payload larger than the limit is refused, and no entry is evicted for it. */
	assert_int_equal(put(b, 0, MAX_SIZE), GW_OK);
	int fd;
	assert_int_equal(gw_cache_domain_begin(b, SMALL + 1, &fd), GW_ERR_LIMIT);
	assert_true(has_payload(b, 0, MAX_SIZE, false));
	gw_cache_domain_close(a);
	gw_cache_domain_close(b);
}

static void the_limit_covers_existing_files(void **state)
{
	struct gw_cache_domain *d = domain("a");

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(put(d, i, MIB), GW_OK);
		age("a", i, (time_t)(100 - i));
	}
	gw_cache_domain_close(d);
	reopen(2 * MIB + 64 * 1024, false);
	assert_true(disk_use() <= 2 * MIB + 64 * 1024);
	assert_int_equal(n_entries(), 2);
	d = domain("a");
	assert_false(has_payload(d, 0, MIB, false));
	gw_cache_domain_close(d);
}

/* Files of other programs count towards the limit but are never removed. */
static void only_entries_are_evicted(void **state)
{
	(void)state;
	make_file("0123456789abcdef.note", 2 * MIB, 0);
	reopen(SMALL, false);
	struct gw_cache_domain *d = domain("a");
	assert_int_equal(put(d, 0, MIB), GW_OK);
	assert_int_equal(put(d, 1, MIB), GW_OK);
	assert_false(has_payload(d, 0, MIB, false));
	assert_true(has_payload(d, 1, MIB, false));
	make_file("fedcba9876543210.note", MIB, 0);
	gw_cache_domain_close(d);
	reopen(SMALL, false);
	d = domain("a");
	assert_int_equal(put(d, 0, MIB), GW_ERR_LIMIT);
	assert_true(is_there("0123456789abcdef.note") && is_there("fedcba9876543210.note"));
	gw_cache_domain_close(d);
}

/* Two servers share a directory. Each has its own view of the contents. */
static void two_servers_find_each_others_entries(void **state)
{
	struct gw_cache_store *first = store;

	(void)state;
	store = NULL;
	reopen(0, false);
	struct gw_cache_domain *here = domain("a");
	struct gw_cache_domain *there;
	assert_int_equal(gw_cache_domain_open(first, "a", &there), GW_OK);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(put(i % 2 ? here : there, i, MIB), GW_OK);
		for (size_t k = 0; k <= i; k++)
			assert_true(has_payload(here, k, MIB, true) && has_payload(there, k, MIB, true));
	}
	gw_cache_domain_close(here);
	gw_cache_domain_close(there);
	gw_cache_store_close(first);
}

/* Listing the directory takes time in proportion to its size. Storing must not. */
static void storing_does_not_list_the_directory(void **state)
{
	(void)state;
	reopen(100 * MIB, false);
	struct gw_cache_domain *d = domain("a");
	unsigned before = n_listings;
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(put(d, i, MIB), GW_OK);
	assert_int_equal(n_listings, before);
	/* When entries must be evicted, one listing serves for many evictions. */
	gw_cache_domain_close(d);
	reopen(21 * MIB, false);
	d = domain("a");
	before = n_listings;
	for (size_t i = 20; i < 60; i++)
		assert_int_equal(put(d, i, MIB), GW_OK);
	assert_true(n_listings - before <= 3 * 4);
	gw_cache_domain_close(d);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Disk usage never exceeds the limit, including the list of names and directories, whatever the clients store. */
static void the_bound_holds_at_every_moment(void **state)
{
	static const char *const names[] = {"a", "b", "host-192.0.2.1", "host-192.0.2.2"};
	const uint64_t max = 12 * MIB;
	struct gw_cache_domain *d[4];
	uint32_t seed = 20260;
	int fd;

	(void)state;
	reopen(max, false);
	for (size_t i = 0; i < 4; i++)
		d[i] = domain(names[i]);
	for (int i = 0; i < 120; i++) {
		struct gw_cache_domain *one = d[next_random(&seed) % 4];
		size_t size = MIB + next_random(&seed) % (MAX_SIZE - MIB - 4096);
		size_t offset = next_random(&seed) % 4096;
		struct gw_sums sums = sums_of(offset, size);
		if (next_random(&seed) % 8 == 0) {
			if (gw_cache_domain_begin(one, size, &fd) == GW_OK)
				close(fd);
		} else if (next_random(&seed) % 8 == 0) {
			gw_cache_domain_remove(one, sums.fnv);
		} else {
			assert_int_equal(put_as(one, &sums, offset, size), GW_OK);
		}
		assert_true(disk_use() <= max);
	}
	for (size_t i = 0; i < 4; i++)
		gw_cache_domain_close(d[i]);
}

/* A compromised worker may send anything to the keeper. Nothing of it reaches another domain. */
static void a_hostile_worker_reaches_its_own_domain_only(void **state)
{
	struct gw_cache_domain *victim = domain("host-192.0.2.1");
	const struct gw_sums sums = sums_of(0, MIB);
	uint8_t request[64];
	uint32_t seed = 7;
	struct keeper keeper;
	int open_fd;

	(void)state;
	assert_int_equal(put(victim, 0, MIB), GW_OK);
	for (int round = 0; round < 400; round++) {
		int sock = keeper_start(&keeper, store, "host-192.0.2.9");
		int fd = -1;
		/* Starts with valid requests, so that the random ones have a state to disturb. */
		struct gw_sums asked = sums;
		uint64_t size;
		assert_int_equal(gw_cache_ask_find(sock, &asked, &fd, &size), GW_ERR_NOT_FOUND);
		if (round % 2 && gw_cache_post_begin(sock, MIB + (uint64_t)round) == GW_OK &&
			gw_cache_await_begin(sock, &open_fd) == GW_OK)
			close(open_fd);
		for (int i = 0; i < 8; i++) {
			size_t n = next_random(&seed) % 4 ? 56 : next_random(&seed) % sizeof(request);
			for (size_t k = 0; k < sizeof(request); k++)
				request[k] = (uint8_t)next_random(&seed);
			memset(request, 0, 16);
			request[0] = (uint8_t)(next_random(&seed) % 6);
			request[10] = (uint8_t)(next_random(&seed) % 64);
			if (next_random(&seed) % 2)
				memcpy(request + 16, &sums.fnv, sizeof(sums.fnv));
			if (send(sock, request, n, MSG_NOSIGNAL) < 0)
				break;
		}
		close(sock);
		keeper_end(&keeper);
	}
	assert_true(has_payload(victim, 0, MIB, false));
	assert_true(has_payload(victim, 0, MIB, true));
	gw_cache_domain_close(victim);
	assert_int_equal(gw_cache_sweep(dir), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static char said[4096];

static void note_line(enum gw_log_level level, const char *line, void *user)
{
	size_t len = strlen(said);
	(void)level;
	(void)user;
	snprintf(said + len, sizeof(said) - len, "%s\n", line);
}

/* A model has hundreds of tensors, and its clients come with eight connections. */
static void a_full_disk_is_one_line(void **state)
{
	(void)state;
	struct gw_cache_domain *d[2];
	int fd;
	said[0] = '\0';
	assert_int_equal(gw_cache_domain_open(store, "host-192.0.2.1", &d[0]), GW_OK);
	assert_int_equal(gw_cache_domain_open(store, "host-192.0.2.2", &d[1]), GW_OK);
	gw_log_set_level(GW_LOG_WARN);
	gw_log_set_sink(note_line, NULL);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(gw_cache_domain_begin(d[i % 2], 2 * MIB, &fd), GW_OK);
		close(fd);
		gw_cache_domain_fail(d[i % 2], ENOSPC);
	}
	gw_log_set_sink(NULL, NULL);
	gw_log_set_level(GW_LOG_ERROR);
	gw_cache_domain_close(d[0]);
	gw_cache_domain_close(d[1]);
	assert_non_null(strstr(said, "weights are not stored: No space left on device; free disk space there, or limit "
				     "the cache with --cache-size\n"));
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_domain_stored_no_other_gets),
		TEST(invalid_names_have_no_domain),
		TEST(an_entry_is_never_replaced),
		TEST(entries_of_a_stock_server_need_a_shared_cache),
		TEST(payloads_of_the_wrong_size_are_not_stored),
		TEST(stale_temporary_files_are_removed),
		TEST(the_least_recently_used_entry_is_evicted),
		TEST(the_limit_covers_existing_files),
		TEST(only_entries_are_evicted),
		TEST(two_servers_find_each_others_entries),
		TEST(storing_does_not_list_the_directory),
		TEST(the_bound_holds_at_every_moment),
		TEST(a_full_disk_is_one_line),
		TEST(a_hostile_worker_reaches_its_own_domain_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
