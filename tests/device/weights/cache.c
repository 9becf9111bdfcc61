/* The cache returns what was stored, and nothing else: in this process, and through a keeper's socket. */
#include "device/rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "device/keeper.h"
#include "device/weights/cache.h"
#include "device/weights/cache_layout.h"
#include "device/weights/cache_store.h"

#define SIZE (GW_CACHE_MIN + 300000)
#define DOMAIN "host-192.0.2.7"

struct state {
	char dir[64];
	struct gw_cache_store *store;
	struct gw_cache *cache;
	struct keeper keeper;
	struct gw_server *server;
	struct rig rig;
	struct gw_client *client;
	struct rig_buffer buffer;
	struct gw_wire_tensor tensor;
	uint8_t data[SIZE];
};

/* Whether the cache is behind a keeper's socket. */
static bool remote;

static struct gw_cache *open_cache(struct state *st, const char *domain)
{
	struct gw_cache *cache;

	if (remote)
		cache = keeper_cache(&st->keeper, st->store, domain);
	else
		assert_int_equal(gw_cache_new(st->store, domain, &cache), GW_OK);
	return cache;
}

static void close_cache(struct state *st, struct gw_cache *cache)
{
	gw_cache_free(cache);
	if (remote)
		keeper_end(&st->keeper);
}

static int start(void **out, bool usable)
{
	static struct state st;
	struct gw_server_options options = rig_options();

	strcpy(st.dir, "/tmp/ggwire-cache-XXXXXX");
	assert_non_null(mkdtemp(st.dir));
	if (!usable)
		assert_int_equal(rmdir(st.dir), 0);
	/* One shared directory, so that the tests find its files. tests/device/weights/cache_store.c tests trust
	 * domains. */
	const struct gw_cache_store_options cache = {.dir = st.dir, .shared = true};
	assert_int_equal(gw_cache_store_open(&cache, &st.store), GW_OK);
	st.cache = open_cache(&st, DOMAIN);
	st.server = rig_server(&options);
	st.client = rig_client_cached(&st.rig, st.server, st.cache);
	st.buffer = rig_alloc(st.client, 2 << 20);
	st.tensor = rig_tensor(rig_type("i8"), &st.buffer, 0, SIZE, 1);
	for (size_t i = 0; i < SIZE; i++)
		st.data[i] = (uint8_t)(i * 7 + i / 255);
	*out = &st;
	return 0;
}

static int setup(void **out)
{
	return start(out, true);
}

static int setup_unusable(void **out)
{
	return start(out, false);
}

/* Calls each for every file of the directory. Returns the number of files without the list of names. */
static int for_each_file(const struct state *st, void (*each)(const char *path))
{
	DIR *dir = opendir(st->dir);
	struct dirent *e;
	int n = 0;

	while (dir && (e = readdir(dir))) {
		char path[400];
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", st->dir, e->d_name);
		if (each)
			each(path);
		n += strcmp(e->d_name, GW_CACHE_NAMES) != 0;
	}
	if (dir)
		closedir(dir);
	return n;
}

static void delete_file(const char *path)
{
	unlink(path);
}

static int teardown(void **in)
{
	struct state *st = *in;

	rig_leave(&st->rig, st->client);
	gw_server_free(st->server);
	close_cache(st, st->cache);
	gw_cache_store_close(st->store);
	for_each_file(st, delete_file);
	rmdir(st->dir);
	return 0;
}

static bool ask_hash(struct state *st, uint64_t offset, uint64_t hash)
{
	uint8_t out[GW_WIRE_MAX_FIXED], result;
	struct gw_wire_set_hash_req req = {.tensor = st->tensor, .offset = offset, .hash = hash};
	struct iovec part = {out, gw_wire_set_hash_req_encode(&gw_dialect_8_0, &req, out)};

	assert_int_equal(gw_client_call(st->client, GW_CMD_SET_TENSOR_HASH, &part, 1, &result, 1), GW_OK);
	return result;
}

/* Waits until the keeper, if any, has processed all earlier requests: it answers in order. */
static void settle(struct state *st)
{
	if (remote)
		assert_false(ask_hash(st, 0, 0));
}

static bool set_hash(struct state *st, uint64_t offset, uint64_t hash)
{
	bool had = ask_hash(st, offset, hash);

	settle(st);
	return had;
}

static void post_set(struct state *st, bool cache_flag, uint64_t offset, size_t size)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_wire_set_req req = {.tensor = st->tensor, .cache_flag = cache_flag, .offset = offset};
	struct iovec parts[2] = {{out, gw_wire_set_req_encode(&gw_dialect_8_0, &req, out)}, {st->data, size}};

	assert_int_equal(gw_client_post(st->client, GW_CMD_SET_TENSOR, parts, 2), GW_OK);
	rig_get(st->client, &st->tensor, 0, NULL, 0);
	settle(st);
}

static void wipe(struct state *st)
{
	static const uint8_t zeros[SIZE];

	rig_set(st->client, &st->tensor, 0, zeros, SIZE);
}

static void expect_data(struct state *st, size_t offset, size_t size)
{
	static uint8_t got[SIZE];

	rig_get(st->client, &st->tensor, offset, got, size);
	assert_memory_equal(got, st->data, size);
}

static void path_of(const struct state *st, uint64_t hash, char path[400])
{
	snprintf(path, 400, "%s/%016" PRIx64, st->dir, hash);
}

static void stored_data_is_found_by_its_hash(void **in)
{
	struct state *st = *in;
	uint64_t hash = gw_fnv1a(GW_FNV_INIT, st->data, SIZE);

	assert_false(set_hash(st, 0, hash));
	post_set(st, true, 0, SIZE);
	expect_data(st, 0, SIZE);
	wipe(st);
	assert_true(set_hash(st, 0, hash));
	expect_data(st, 0, SIZE);
}

static bool set_xxh3(struct state *st, uint64_t offset, uint64_t size)
{
	struct gw_digest d;
	uint8_t out[GW_WIRE_MAX_FIXED], result;

	gw_digest_begin(&d, false, true);
	gw_digest_update(&d, st->data, size);
	struct gw_xxh3_sum sum = gw_digest_end(&d).xxh3;
	struct gw_wire_xxh3_req req = {st->tensor, offset, size, sum.low, sum.high};
	struct iovec part = {out, gw_wire_xxh3_req_encode(&gw_dialect_8_0, &req, out)};
	assert_int_equal(gw_client_call(st->client, GW_CMD_EXT_SET_TENSOR_XXH3, &part, 1, &result, 1), GW_OK);
	return result;
}

static void stored_data_is_found_by_its_other_hash(void **in)
{
	struct state *st = *in;
	char path[400];

	if (!gw_xxh3_available())
		skip();
	assert_false(set_xxh3(st, 0, SIZE));
	post_set(st, true, 0, SIZE);
	wipe(st);
	assert_true(set_xxh3(st, 0, SIZE));
	expect_data(st, 0, SIZE);
	/* Without the list of names, or with rubbish in it, an entry is still found by its file name. */
	snprintf(path, sizeof(path), "%s/" GW_CACHE_NAMES, st->dir);
	for (int i = 0; i < 2; i++) {
		FILE *f = fopen(path, "wb");
		assert_non_null(f);
		assert_int_equal(fwrite(st->data, 1, i ? 333 : 0, f), i ? 333 : 0);
		fclose(f);
		wipe(st);
		assert_false(set_xxh3(st, 0, SIZE));
		assert_true(set_hash(st, 0, gw_fnv1a(GW_FNV_INIT, st->data, SIZE)));
		expect_data(st, 0, SIZE);
	}
	/* The list stays usable after a truncated record. */
	post_set(st, true, 0, SIZE);
	assert_true(set_xxh3(st, 0, SIZE));
}

/* An entry is one file. It contains only the payload, and has the name that stock servers look for. */
static void files_are_those_of_the_stock_server(void **in)
{
	struct state *st = *in;
	static uint8_t got[SIZE + 1];
	char path[400];

	post_set(st, true, 0, SIZE);
	path_of(st, gw_fnv1a(GW_FNV_INIT, st->data, SIZE), path);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	assert_int_equal(fread(got, 1, sizeof(got), f), SIZE);
	fclose(f);
	assert_memory_equal(got, st->data, SIZE);
	assert_int_equal(for_each_file(st, NULL), 1);
}

static void parts_of_tensors_are_cached(void **in)
{
	struct state *st = *in;

	post_set(st, true, 5000, GW_CACHE_MIN);
	wipe(st);
	assert_true(set_hash(st, 7000, gw_fnv1a(GW_FNV_INIT, st->data, GW_CACHE_MIN)));
	expect_data(st, 7000, GW_CACHE_MIN);
}

static void only_flagged_tensors_are_stored(void **in)
{
	struct state *st = *in;

	post_set(st, false, 0, SIZE);
	assert_int_equal(for_each_file(st, NULL), 0);
}

/* Small payloads would fill the cache with files that nobody asks for. */
static void small_payloads_are_not_stored(void **in)
{
	struct state *st = *in;
	static const size_t sizes[] = {0, 1, 8, 4096, GW_CACHE_MIN - 1};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		post_set(st, true, 0, sizes[i]);
	assert_int_equal(for_each_file(st, NULL), 0);
}

static void damage(const struct state *st, void (*how)(FILE *f))
{
	char path[400];

	path_of(st, gw_fnv1a(GW_FNV_INIT, st->data, SIZE), path);
	FILE *f = fopen(path, "r+b");
	assert_non_null(f);
	how(f);
	fclose(f);
}

static void cut(FILE *f)
{
	assert_int_equal(ftruncate(fileno(f), SIZE / 2), 0);
}

static void empty(FILE *f)
{
	assert_int_equal(ftruncate(fileno(f), 0), 0);
}

static void alter(FILE *f)
{
	fseek(f, SIZE - 1, SEEK_SET);
	fputc(0xee, f);
}

/* The cache removes the file, and stores the entry again when the client sends the data. */
static void damaged_files_are_removed(void **in)
{
	static void (*const ways[])(FILE * f) = {cut, empty, alter};
	struct state *st = *in;
	uint64_t hash = gw_fnv1a(GW_FNV_INIT, st->data, SIZE);

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		post_set(st, true, 0, SIZE);
		damage(st, ways[i]);
		assert_false(set_hash(st, 0, hash));
		assert_int_equal(for_each_file(st, NULL), 0);
		post_set(st, true, 0, SIZE);
		assert_true(set_hash(st, 0, hash));
		expect_data(st, 0, SIZE);
	}
}

/* A damaged file may hold another client's bytes, so the server must not put them into the tensor. */
static void what_a_damaged_file_holds_is_not_told(void **in)
{
	static const uint8_t zeros[SIZE];
	static uint8_t got[SIZE];
	static void (*const ways[])(FILE * f) = {cut, alter};
	struct state *st = *in;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		post_set(st, true, 0, SIZE);
		damage(st, ways[i]);
		wipe(st);
		assert_false(set_hash(st, 0, gw_fnv1a(GW_FNV_INIT, st->data, SIZE)));
		rig_get(st->client, &st->tensor, 0, got, SIZE);
		assert_memory_equal(got, zeros, SIZE);
	}
}

/* The payload must not be longer than the rest of the tensor. */
static void files_that_do_not_fit_are_not_used(void **in)
{
	struct state *st = *in;
	uint64_t hash = gw_fnv1a(GW_FNV_INIT, st->data, SIZE);

	post_set(st, true, 0, SIZE);
	assert_false(set_hash(st, 1, hash));
	assert_false(set_hash(st, SIZE, hash));
	expect_data(st, 0, SIZE);
	assert_int_equal(for_each_file(st, NULL), 1);
}

static void directories_are_no_files(void **in)
{
	struct state *st = *in;
	char path[400];

	path_of(st, 42, path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_false(set_hash(st, 0, 42));
	assert_int_equal(rmdir(path), 0);
}

/* A client that disconnects in the middle of a transfer leaves no file behind. */
static void truncated_payloads_are_not_stored(void **in)
{
	struct state *st = *in;
	struct rig rig;
	struct gw_client *c = rig_client(&rig, st->server);
	struct rig_buffer b = rig_alloc(c, 2 << 20);
	struct gw_wire_tensor t = rig_tensor(rig_type("i8"), &b, 0, SIZE, 1);
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_wire_set_req req = {.tensor = t, .cache_flag = true};
	size_t n = gw_wire_set_req_encode(&gw_dialect_8_0, &req, out);
	struct gw_transport *near;
	struct rig cut_rig;

	rig_leave(&rig, c);
	rig_leave(&st->rig, st->client);
	rig_serve_cached(&cut_rig, st->server, st->cache, &near);
	uint8_t stream[GW_REQUEST_HEADER + GW_WIRE_HELLO_REQ] = {GW_CMD_HELLO, GW_WIRE_HELLO_REQ};
	uint8_t alloc[GW_REQUEST_HEADER + 12] = {GW_CMD_ALLOC_BUFFER, 12};
	uint8_t set[GW_REQUEST_HEADER] = {GW_CMD_SET_TENSOR};
	gw_put_le64(alloc + 13, 2 << 20);
	gw_put_le64(set + 1, n + SIZE);
	struct iovec iov[] = {
		{stream, sizeof(stream)}, {alloc, sizeof(alloc)}, {set, sizeof(set)}, {out, n}, {st->data, SIZE / 2}};
	assert_int_equal(near->ops->sendv(near, iov, 5, NULL), GW_OK);
	near->ops->close(near);
	rig_join(&cut_rig);
	assert_int_equal(cut_rig.end, GW_ERR_LOST);
	/* The keeper may not have noticed yet. */
	for (int i = 0; i < 500 && for_each_file(st, NULL) > 0; i++)
		usleep(10000);
	assert_int_equal(for_each_file(st, NULL), 0);
	st->client = rig_client_cached(&st->rig, st->server, st->cache);
}

/* The worker's client goes on without the cache and sees no error. */
static void a_keeper_that_is_gone_disturbs_nothing(void **in)
{
	struct state *st = *in;
	uint64_t hash = gw_fnv1a(GW_FNV_INIT, st->data, SIZE);

	post_set(st, true, 0, SIZE);
	assert_true(set_hash(st, 0, hash));
	keeper_kill(&st->keeper);
	assert_false(set_hash(st, 0, hash));
	post_set(st, true, 0, SIZE);
	expect_data(st, 0, SIZE);
	assert_false(set_hash(st, 0, hash));
}

/* A file size limit makes a write fail in the middle, as a full disk does. */
static void a_full_disk_disturbs_nothing(void **in)
{
	struct state *st = *in;
	uint64_t hash = gw_fnv1a(GW_FNV_INIT, st->data, SIZE);
	struct rlimit before, full;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	full = before;
	full.rlim_cur = SIZE / 2;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	post_set(st, true, 0, SIZE);
	expect_data(st, 0, SIZE);
	assert_int_equal(for_each_file(st, NULL), 0);
	assert_false(set_hash(st, 0, hash));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	post_set(st, true, 0, SIZE);
	assert_true(set_hash(st, 0, hash));
}

static void an_unusable_directory_disturbs_nothing(void **in)
{
	struct state *st = *in;

	post_set(st, true, 0, SIZE);
	expect_data(st, 0, SIZE);
	assert_false(set_hash(st, 0, gw_fnv1a(GW_FNV_INIT, st->data, SIZE)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TESTS                                                                                 \
	TEST(stored_data_is_found_by_its_hash), TEST(stored_data_is_found_by_its_other_hash), \
		TEST(files_are_those_of_the_stock_server), TEST(parts_of_tensors_are_cached), \
		TEST(only_flagged_tensors_are_stored), TEST(small_payloads_are_not_stored),   \
		TEST(damaged_files_are_removed), TEST(what_a_damaged_file_holds_is_not_told), \
		TEST(files_that_do_not_fit_are_not_used), TEST(directories_are_no_files),     \
		TEST(truncated_payloads_are_not_stored), TEST(a_full_disk_disturbs_nothing),  \
		cmocka_unit_test_setup_teardown(an_unusable_directory_disturbs_nothing, setup_unusable, teardown)

int main(void)
{
	const struct CMUnitTest here[] = {TESTS};
	const struct CMUnitTest there[] = {TESTS, TEST(a_keeper_that_is_gone_disturbs_nothing)};

	int failed = cmocka_run_group_tests(here, NULL, NULL);
	remote = true;
	return failed + cmocka_run_group_tests(there, NULL, NULL);
}
