/* Access to the cache's directory: the keeper can open directories in it, workers cannot. Each attempt runs in a child
 * that has entered the sandbox. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/in_sandbox.h"
#include "device/keeper.h"
#include "device/weights/cache_store.h"
#include "device/weights/cache_wire.h"

static char dir[64], entry[80], beside[80];
static uint8_t payload[GW_CACHE_MIN];
static int sock = -1; /* the child's socket to the keeper */

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/ggwire-sandbox-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(entry, sizeof(entry), "%s/0123456789abcdef", dir);
	snprintf(beside, sizeof(beside), "%s.beside", dir);
	int fd = open(entry, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
	assert_true(fd >= 0);
	close(fd);
	return 0;
}

static void remove_below(const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	remove(path);
}

static int teardown(void **state)
{
	(void)state;
	remove_below("clients/a/ggwire-xxh3");
	remove_below("clients/a/0000000000000001");
	remove_below("clients/a");
	remove_below("clients");
	remove(entry);
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

static int reach_files(void)
{
	char path[80];
	snprintf(path, sizeof(path), "%s/new", dir);
	return denied(open(entry, O_RDONLY)) || denied(open(entry, O_WRONLY)) || denied(unlink(entry)) ||
	       denied(open(dir, O_RDONLY | O_DIRECTORY)) || denied(mkdir(path, 0700)) ||
	       denied(rename(entry, beside)) || denied(truncate(entry, 1));
}

static void workers_cannot_open_the_cache_directory(void **state)
{
	(void)state;
	in_sandbox(&(struct gw_sandbox){.mode = GW_SANDBOX_REQUIRE}, reach_files);
	in_sandbox(&(struct gw_sandbox){.mode = GW_SANDBOX_REQUIRE, .kind = GW_SANDBOX_DRIVERS}, reach_files);
}

/* Stores a payload and loads it, as a worker does. */
static int store_and_load(void)
{
	struct gw_sums sums = {.has_fnv = true, .fnv = 1};
	uint8_t back[16];
	uint64_t size;
	int fd;
	if (gw_cache_post_begin(sock, sizeof(payload)) || gw_cache_await_begin(sock, &fd))
		return 1;
	if (write(fd, payload, sizeof(payload)) != (ssize_t)sizeof(payload) || close(fd))
		return 2;
	if (gw_cache_post_finish(sock, &sums))
		return 3;
	if (gw_cache_ask_find(sock, &sums, &fd, &size) || size != sizeof(payload))
		return 4;
	if (read(fd, back, sizeof(back)) != (ssize_t)sizeof(back) || write(fd, back, 1) != -1)
		return 5;
	return reach_files();
}

static void a_worker_stores_and_loads_through_the_keeper(void **state)
{
	struct keeper keeper;
	struct gw_cache_store *store;
	(void)state;
	assert_int_equal(gw_cache_store_open(&(struct gw_cache_store_options){.dir = dir}, &store), GW_OK);
	sock = keeper_start(&keeper, store, "a");
	in_sandbox(&(struct gw_sandbox){.mode = GW_SANDBOX_REQUIRE}, store_and_load);
	close(sock);
	keeper_end(&keeper);
	gw_cache_store_close(store);
}

static int keep(void)
{
	struct gw_cache_store *store;
	struct gw_cache_domain *d;
	struct gw_sums sums = {.has_fnv = true, .fnv = 1, .has_xxh3 = true};
	int fd;
	if (gw_cache_store_open(&(struct gw_cache_store_options){.dir = dir, .max = 8 << 20}, &store) ||
		gw_cache_domain_open(store, "a", &d) || gw_cache_domain_begin(d, sizeof(payload), &fd))
		return 1;
	if (write(fd, payload, sizeof(payload)) != (ssize_t)sizeof(payload) || gw_cache_domain_finish(d, &sums))
		return 2;
	return denied(open(beside, O_CREAT | O_WRONLY, 0600)) || denied(mkdir(beside, 0700)) ||
	       denied(open("/etc/passwd", O_RDONLY)) || denied(symlink("/etc", beside)) || denied(fork());
}

static void the_keeper_reaches_nothing_else(void **state)
{
	(void)state;
	in_sandbox(&(struct gw_sandbox){.mode = GW_SANDBOX_REQUIRE, .cache_dir = dir, .cache_tree = true}, keep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(workers_cannot_open_the_cache_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(a_worker_stores_and_loads_through_the_keeper, setup, teardown),
		cmocka_unit_test_setup_teardown(the_keeper_reaches_nothing_else, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
