/* The cache of a running server against a client that tries to make another client load its bytes: payloads with equal
 * FNV-1a hashes are easy to construct. */
#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
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

#include "base/hash.h"
#include "daemon/serving.h"
#include "transport/list/transports.h"
#include "wire/message.h"

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SIZE 1300000
#define VICTIM "127.0.0.1"
#define STRANGER "127.0.0.9"

/* Appended to the first SIZE - 22 bytes of evil, these give it the FNV-1a hash of genuine. */
static const uint8_t tail[] = {0x38, 0x8f, 0x35, 0xad, 0xee, 0xcf, 0xed, 0x69, 0x00, 0x1a, 0x3c, 0x16, 0x27, 0x7a, 0x31,
	0xf2, 0x06, 0x50, 0x31, 0x22, 0xfb, 0x16};
static uint8_t genuine[SIZE], evil[SIZE], got[SIZE];
static uint64_t hash; /* the hash of both */

static struct serving s;
static char dir[] = "/tmp/ggwire-test-XXXXXX";

static int setup(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < SIZE; i++) {
		genuine[i] = (uint8_t)(i * 7 + i / 255);
		evil[i] = (uint8_t)(i * 11 + i / 251 + 1);
	}
	memcpy(evil + SIZE - sizeof(tail), tail, sizeof(tail));
	hash = gw_fnv1a(GW_FNV_INIT, genuine, SIZE);
	assert_int_equal(gw_fnv1a(GW_FNV_INIT, evil, SIZE), hash);
	strcpy(dir, "/tmp/ggwire-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	setenv("LLAMA_CACHE", dir, 1);
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
	serving_end(&s);
	nftw(dir, take_away, 16, FTW_DEPTH | FTW_PHYS);
	unsetenv("LLAMA_CACHE");
	return 0;
}

/* A client with a tensor of SIZE bytes. */
struct loader {
	struct gw_client *client;
	struct gw_wire_tensor tensor;
};

static struct gw_client *connect_from(const char *address)
{
	char text[GW_ENDPOINT_MAX];
	struct gw_endpoint ep;
	struct gw_transport *transport;
	struct gw_client *client;
	serving_endpoint(&s, text, sizeof(text));
	assert_int_equal(gw_endpoint_parse(text, false, &ep, NULL), GW_OK);
	assert_int_equal(gw_transport_from_fd(serving_dial(ep.port, address), &transport, NULL), GW_OK);
	assert_int_equal(gw_client_start(transport, text, 10000, &client, NULL), GW_OK);
	return client;
}

static void arrive(struct loader *l, const char *address)
{
	uint8_t body[GW_WIRE_MAX_FIXED], reply[16];
	struct gw_wire_alloc_req req = {.size = SIZE};
	struct gw_wire_alloc_rsp rsp;
	uint64_t base;
	l->client = connect_from(address);
	struct iovec part = {body, gw_wire_alloc_req_encode(&req, body)};
	assert_int_equal(gw_client_call(l->client, GW_CMD_ALLOC_BUFFER, &part, 1, reply, 16), GW_OK);
	assert_true(gw_wire_alloc_rsp_decode(reply, 16, &rsp) && rsp.buffer);
	part.iov_len = gw_wire_buffer_req_encode(rsp.buffer, body);
	assert_int_equal(gw_client_call(l->client, GW_CMD_BUFFER_GET_BASE, &part, 1, reply, 8), GW_OK);
	assert_true(gw_wire_u64_rsp_decode(reply, 8, &base));
	/* Type 24 is I8. */
	l->tensor = (struct gw_wire_tensor){.id = 1, .type = 24, .buffer = rsp.buffer, .data = base};
	for (int i = 0; i < 4; i++) {
		l->tensor.ne[i] = i ? 1 : SIZE;
		l->tensor.nb[i] = i ? SIZE : 1;
	}
}

static void leave(struct loader *l)
{
	gw_client_close(l->client);
	serving_await(&s, "left");
}

static void read_back(struct loader *l)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	struct gw_wire_get_req req = {.tensor = l->tensor, .size = SIZE};
	struct iovec part = {body, gw_wire_get_req_encode(&gw_dialect_8_0, &req, body)};
	assert_int_equal(gw_client_call(l->client, GW_CMD_GET_TENSOR, &part, 1, got, SIZE), GW_OK);
}

/* Writes bytes that the server stores in its cache. */
static void store(struct loader *l, const uint8_t *bytes)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	struct gw_wire_set_req req = {.tensor = l->tensor, .cache_flag = true};
	struct iovec parts[] = {{body, gw_wire_set_req_encode(&gw_dialect_8_0, &req, body)}, {(void *)bytes, SIZE}};
	assert_int_equal(gw_client_post(l->client, GW_CMD_SET_TENSOR, parts, 2), GW_OK);
	read_back(l);
	assert_memory_equal(got, bytes, SIZE);
}

/* The same, with a tensor too small for clients to ask for it by hash. */
static void store_small(struct loader *l, uint64_t number)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	struct gw_wire_set_req req = {.tensor = l->tensor, .cache_flag = true};
	struct iovec parts[] = {{body, gw_wire_set_req_encode(&gw_dialect_8_0, &req, body)}, {&number, sizeof(number)}};
	assert_int_equal(gw_client_post(l->client, GW_CMD_SET_TENSOR, parts, 2), GW_OK);
}

static unsigned n_files;

static int count_file(const char *path, const struct stat *sb, int type, struct FTW *at)
{
	(void)sb;
	n_files += type == FTW_F && path[at->base] != '.';
	return 0;
}

/* Asks by hash, as a stock client does. Returns whether the server had the payload. got receives the tensor's
 * contents. */
static bool load(struct loader *l)
{
	uint8_t body[GW_WIRE_MAX_FIXED], reply[1];
	struct gw_wire_set_hash_req req = {.tensor = l->tensor, .hash = hash};
	struct iovec part = {body, gw_wire_set_hash_req_encode(&gw_dialect_8_0, &req, body)};
	bool had;
	assert_int_equal(gw_client_call(l->client, GW_CMD_SET_TENSOR_HASH, &part, 1, reply, 1), GW_OK);
	assert_true(gw_wire_bool_rsp_decode(reply, 1, &had));
	read_back(l);
	return had;
}

static void store_from(const char *address, const uint8_t *bytes)
{
	struct loader l;
	arrive(&l, address);
	store(&l, bytes);
	leave(&l);
}

/* What the server loads for a client at this address that asks by hash; NULL if it has no entry. */
static const uint8_t *given_to(const char *address)
{
	struct loader l;
	arrive(&l, address);
	bool had = load(&l);
	leave(&l);
	return !had ? NULL : memcmp(got, genuine, SIZE) == 0 ? genuine : memcmp(got, evil, SIZE) == 0 ? evil : got;
}

static void a_stranger_cannot_replace_anothers_weights(void **state)
{
	(void)state;
	serving_start(&s, ARGS("-p", "0", "-c"));
	store_from(VICTIM, genuine);
	store_from(STRANGER, evil);
	assert_ptr_equal(given_to(VICTIM), genuine);
	assert_ptr_equal(given_to(STRANGER), evil);
}

static void a_stranger_cannot_store_false_weights_first(void **state)
{
	(void)state;
	serving_start(&s, ARGS("-p", "0", "-c"));
	store_from(STRANGER, evil);
	assert_null(given_to(VICTIM));
	store_from(VICTIM, genuine);
	assert_ptr_equal(given_to(VICTIM), genuine);
}

static void what_another_has_stored_cannot_be_learned(void **state)
{
	(void)state;
	serving_start(&s, ARGS("-p", "0", "-c"));
	store_from(VICTIM, genuine);
	assert_null(given_to(STRANGER));
}

static void in_a_shared_cache_the_first_entry_stays(void **state)
{
	(void)state;
	serving_start(&s, ARGS("-p", "0", "--cache-shared"));
	store_from(VICTIM, genuine);
	store_from(STRANGER, evil);
	assert_ptr_equal(given_to(VICTIM), genuine);
	assert_ptr_equal(given_to(STRANGER), genuine);
	s.mark = 0;
	serving_await(&s, "the existing entry is kept");
}

static void small_tensors_make_no_files(void **state)
{
	struct loader l;
	(void)state;
	serving_start(&s, ARGS("-p", "0", "--cache-size", "4M"));
	arrive(&l, STRANGER);
	for (uint64_t i = 0; i < 1000; i++)
		store_small(&l, i);
	read_back(&l);
	leave(&l);
	n_files = 0;
	assert_int_equal(nftw(dir, count_file, 16, FTW_PHYS), 0);
	assert_int_equal(n_files, 0);
}

/* Only a shared cache uses the entries of a stock server, because any client could have stored them. */
static void entries_without_a_domain_are_reported(void **state)
{
	(void)state;
	char path[200];
	snprintf(path, sizeof(path), "%s/rpc", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/rpc/%016llx", dir, (unsigned long long)hash);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(genuine, 1, SIZE, f), SIZE);
	fclose(f);
	serving_start(&s, ARGS("-p", "0", "-c"));
	serving_await(&s, "1 entries of a stock server or an older ggwire are not used");
	assert_null(given_to(VICTIM));
	assert_int_equal(serving_stop(&s, SIGTERM, 5000), 0);
	serving_start(&s, ARGS("-p", "0", "--cache-shared"));
	assert_ptr_equal(given_to(VICTIM), genuine);
}

/* The cache's process. */
static pid_t keeper(void)
{
	pid_t children[16];
	char path[64], line[64];
	size_t n = serving_children(s.pid, children, 16);
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/proc/%ld/cmdline", (long)children[i]);
		FILE *f = fopen(path, "r");
		size_t len = f ? fread(line, 1, sizeof(line) - 1, f) : 0;
		if (f)
			fclose(f);
		line[len] = 0;
		if (strcmp(line + strlen(line) + 1, "keeper") == 0)
			return children[i];
	}
	return 0;
}

/* Current clients go on without the keeper, and the next client gets a new one. */
static void the_keeper_may_die(void **state)
{
	(void)state;
	struct loader l;
	serving_start(&s, ARGS("-p", "0", "-c"));
	arrive(&l, VICTIM);
	store(&l, genuine);
	assert_true(load(&l));
	pid_t pid = keeper();
	assert_true(pid > 1);
	kill(pid, SIGKILL);
	serving_await(&s, "its keeper (process");
	assert_false(load(&l));
	serving_await(&s, "this client continues without a cache");
	store(&l, genuine);
	leave(&l);
	serving_sleep_ms(1100);
	assert_ptr_equal(given_to(VICTIM), genuine);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_stranger_cannot_replace_anothers_weights),
		TEST(a_stranger_cannot_store_false_weights_first),
		TEST(what_another_has_stored_cannot_be_learned),
		TEST(in_a_shared_cache_the_first_entry_stays),
		TEST(small_tensors_make_no_files),
		TEST(entries_without_a_domain_are_reported),
		TEST(the_keeper_may_die),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
