/* The cache with arbitrary contents on disk, and with arbitrary requests of a compromised worker. A payload that the
 * server takes from the cache is always the one asked for, whatever the files contain, with one assumption: both
 * checksums of a valid record belong to the same payload (device/weights/cache_names.h). And no request to the keeper
 * changes another domain's entry.
 *
 * Input: flags u8 | n u8 | n records of 32 bytes for the file of names | the payload, which is also sent to the keeper,
 * 56 bytes at a time. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "device/weights/cache.h"
#include "device/weights/cache_layout.h"
#include "device/weights/cache_store.h"
#include "device/weights/cache_wire.h"
#include "wire/cursor.h"

#define RECORD ((size_t)32)
#define PIECE 1000
#define REQUEST 56
#define MINE "clients/mine"
#define OTHER "clients/other"

enum {
	SEAL_RECORDS = 1 << 0, /* gives the records correct checksums */
	TRUE_NAME = 1 << 1,    /* names the payload's file correctly; otherwise by the first record */
	TRUE_SUMS = 1 << 2,    /* asks for the payload; otherwise for the first record */
	BY_XXH3 = 1 << 3,
	CUT_NAMES = 1 << 4, /* truncates the last record */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/ggwire-fuzz-cache.XXXXXX";
static struct gw_cache_store *store;
static struct gw_cache *cache; /* for this input */

static void put(const char *name, const uint8_t *bytes, size_t size)
{
	char path[sizeof(dir) + 64];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	close(fd);
}

static void take_away(const char *name)
{
	char path[sizeof(dir) + 64];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

static struct gw_sums sums_of(const uint8_t *bytes, size_t size)
{
	struct gw_digest digest;
	gw_digest_begin(&digest, true, true);
	gw_digest_update(&digest, bytes, size);
	return gw_digest_end(&digest);
}

/* Reads a whole entry. Returns whether its contents match its name. */
static bool read_entry(struct gw_cache_entry *e, uint64_t size, struct gw_sums *got)
{
	struct gw_digest digest;
	uint8_t bytes[PIECE];
	gw_digest_begin(&digest, true, true);
	for (uint64_t done = 0; done < size;) {
		size_t n = size - done < PIECE ? (size_t)(size - done) : PIECE;
		if (gw_blob_read(gw_cache_blob(e), bytes, n) != GW_OK)
			break;
		gw_digest_update(&digest, bytes, n);
		done += n;
	}
	*got = gw_digest_end(&digest);
	return gw_cache_verify(e) == GW_OK;
}

static struct gw_sums record_sums(const uint8_t *record)
{
	return (struct gw_sums){.has_fnv = true,
		.has_xxh3 = true,
		.fnv = gw_le64(record),
		.xxh3 = {gw_le64(record + 8), gw_le64(record + 16)}};
}

/* Whether a record with a correct checksum maps the requested sums to those of the contents. */
static bool is_noted(const struct gw_sums *asked, const struct gw_sums *got, const uint8_t *records, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const uint8_t *record = records + i * RECORD;
		struct gw_sums noted = record_sums(record);
		if (gw_le64(record + 24) != gw_fnv1a(GW_FNV_INIT, record, 24) || !gw_sums_agree(&noted, asked))
			continue;
		noted.has_fnv = false;
		if (gw_sums_agree(&noted, got))
			return true;
	}
	return false;
}

static void ask(const struct gw_sums *sums, const uint8_t *records, size_t n)
{
	struct gw_cache_entry *e;
	struct gw_sums got;
	uint64_t size;
	if (gw_cache_open(cache, sums, &e, &size) != GW_OK)
		return;
	if (read_entry(e, size, &got) && !gw_sums_agree(&got, sums) && !is_noted(sums, &got, records, n))
		abort();
}

/* The victim's entry. Its contents match its name. */
static const uint8_t victim[] = "the weights of another client";
static char victim_name[64];

static bool is_intact(void)
{
	char path[sizeof(dir) + 64];
	uint8_t bytes[sizeof(victim) + 1];
	snprintf(path, sizeof(path), "%s/%s", dir, victim_name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool same = fd >= 0 && read(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(victim) &&
		    memcmp(bytes, victim, sizeof(victim)) == 0;
	close(fd);
	return same;
}

/* Sends the bytes to the keeper and discards the replies. */
static void besiege(const uint8_t *bytes, size_t size)
{
	int fds[2];
	struct gw_cache_domain *d;
	enum gw_status st = GW_OK;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0 || gw_cache_domain_open(store, "mine", &d))
		abort();
	for (size_t at = 0; at < size && st == GW_OK; at += REQUEST) {
		size_t n = size - at < REQUEST ? size - at : REQUEST;
		if (send(fds[1], bytes + at, n, MSG_NOSIGNAL) < 0)
			break;
		st = gw_cache_answer(fds[0], d);
	}
	close(fds[1]);
	close(fds[0]);
	gw_cache_domain_close(d);
	if (!is_intact())
		abort();
}

static void clean_up(void)
{
	take_away(MINE "/" GW_CACHE_NAMES);
	take_away(victim_name);
	for (const char *const *d = (const char *const[]){MINE, OTHER, "clients", "", NULL}; *d; d++) {
		char path[sizeof(dir) + 64];
		snprintf(path, sizeof(path), "%s/%s", dir, *d);
		rmdir(path);
	}
	gw_cache_store_close(store);
}

static bool make_dir(const char *name)
{
	char path[sizeof(dir) + 64];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return mkdir(path, 0700) == 0;
}

static bool begin(void)
{
	if (store)
		return true;
	gw_log_set_level(GW_LOG_ERROR);
	atexit(clean_up);
	const struct gw_cache_store_options options = {.dir = dir};
	if (!mkdtemp(dir) || !make_dir("clients") || !make_dir(MINE) || !make_dir(OTHER) ||
		gw_cache_store_open(&options, &store))
		return false;
	snprintf(victim_name, sizeof(victim_name), OTHER "/%016" PRIx64, sums_of(victim, sizeof(victim)).fnv);
	put(victim_name, victim, sizeof(victim));
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t records[255 * RECORD];
	char name[sizeof(MINE) + 17];
	if (size < 2)
		return 0;
	if (!begin() || gw_cache_new(store, "mine", &cache))
		abort();
	unsigned flags = data[0];
	size_t n = data[1] < (size - 2) / RECORD ? data[1] : (size - 2) / RECORD;
	const uint8_t *payload = data + 2 + n * RECORD;
	size_t payload_size = size - 2 - n * RECORD;
	memcpy(records, data + 2, n * RECORD);
	for (size_t i = 0; (flags & SEAL_RECORDS) && i < n; i++)
		gw_put_le64(records + i * RECORD + 24, gw_fnv1a(GW_FNV_INIT, records + i * RECORD, 24));
	const struct gw_sums due = sums_of(payload, payload_size);
	const struct gw_sums first = n ? record_sums(records) : (struct gw_sums){.has_fnv = true, .has_xxh3 = true};
	snprintf(name, sizeof(name), MINE "/%016" PRIx64, flags & TRUE_NAME ? due.fnv : first.fnv);
	put(MINE "/" GW_CACHE_NAMES, records, n * RECORD - (n && flags & CUT_NAMES ? 5 : 0));
	put(name, payload, payload_size);
	struct gw_sums sums = flags & TRUE_SUMS ? due : first;
	sums.has_xxh3 = flags & BY_XXH3;
	sums.has_fnv = !sums.has_xxh3;
	ask(&sums, records, n);
	besiege(payload, payload_size);
	gw_cache_free(cache);
	take_away(name);
	return 0;
}
