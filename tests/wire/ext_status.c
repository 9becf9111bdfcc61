/* EXT_STATUS: both sides agree on the encoding, also between versions, and hostile input does no harm. */
#include "wire/ext_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/cursor.h"

static struct gw_ext_status_device devices[] = {
	{.total = UINT64_C(64) << 30,
		.free = 12345,
		.age_ms = GW_EXT_UNKNOWN,
		.name = "CPU",
		.description = "a processor"},
	{.total = 1, .name = "Vulkan0"},
};
static struct gw_ext_status_client clients[] = {
	{.flags = GW_EXT_CLIENT_SELF,
		.transport = GW_EXT_TRANSPORT_RDMA,
		.protocol = {4, 0, 3},
		.connected_ms = 1,
		.idle_ms = 2,
		.buffers = 3,
		.buffer_bytes = UINT64_MAX,
		.address = "192.0.2.7:40312",
		.endpoint = "192.0.2.1:50052",
		.identity = "alice"},
};
static struct gw_ext_status status = {.time_ms = 1793000000000,
	.uptime_ms = 12,
	.max_clients = 64,
	.workers = 2,
	.protocol = {8, 0, 0},
	.version = "0.1.0",
	.host = "box",
	.endpoints = "192.0.2.7:50052, unix:/run/x",
	.n_devices = 2,
	.n_clients = 1,
	.devices = devices,
	.clients = clients};
static struct gw_buf body;

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < GW_COUNTS; i++) {
		status.count[i] = 1000 + i;
		clients[0].count[i] = i;
	}
	return gw_ext_status_encode(&status, &body) == GW_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	gw_buf_free(&body);
	return 0;
}

/* Copies the bytes to a heap block of exactly size bytes, so that a sanitizer detects overreads. */
static enum gw_status decode(const uint8_t *bytes, size_t size, struct gw_ext_status *got)
{
	uint8_t *copy = malloc(size ? size : 1);
	assert_non_null(copy);
	memcpy(copy, bytes, size);
	enum gw_status st = gw_ext_status_decode(copy, size, got);
	free(copy);
	return st;
}

static void assert_as_sent(const uint8_t *bytes, size_t size)
{
	struct gw_ext_status got;
	assert_int_equal(decode(bytes, size, &got), GW_OK);
	assert_int_equal(got.n_devices, 2);
	assert_int_equal(got.n_clients, 1);
	assert_memory_equal(got.devices, devices, sizeof(devices));
	assert_memory_equal(got.clients, clients, sizeof(clients));
	gw_ext_status_free(&got);
}

static void decoding_restores_what_was_encoded(void **state)
{
	(void)state;
	struct gw_ext_status got;
	assert_int_equal(decode(body.data, body.len, &got), GW_OK);
	assert_memory_equal(&got, &status, offsetof(struct gw_ext_status, devices));
	gw_ext_status_free(&got);
	assert_as_sent(body.data, body.len);
}

static void every_cut_is_refused(void **state)
{
	(void)state;
	struct gw_ext_status got, before;
	memset(&got, 0xee, sizeof(got));
	memcpy(&before, &got, sizeof(got));
	for (size_t n = 0; n < body.len; n++)
		assert_int_equal(decode(body.data, n, &got), GW_ERR_PROTOCOL);
	assert_memory_equal(&got, &before, sizeof(got));
}

/* Appends n bytes to the record that begins at record. */
static void grow_record(size_t record, const void *bytes, size_t n)
{
	size_t end = record + 4 + gw_le32(body.data + record);
	assert_int_equal(gw_buf_reserve(&body, n), GW_OK);
	memmove(body.data + end + n, body.data + end, body.len - end);
	memcpy(body.data + end, bytes, n);
	body.len += n;
	gw_put_le32(body.data + record, (uint32_t)(end + n - record - 4));
}

/* A later version adds a field to every record, and data after the last record. */
static void additions_of_later_versions_are_skipped(void **state)
{
	(void)state;
	grow_record(0, "more of the server", 18);
	size_t device = 4 + gw_le32(body.data) + 4;
	grow_record(device, "d", 1);
	device += 4 + gw_le32(body.data + device);
	grow_record(device, "dd", 2);
	grow_record(device + 4 + gw_le32(body.data + device) + 4, "client", 6);
	assert_int_equal(gw_buf_append(&body, "another section", 15), GW_OK);
	assert_as_sent(body.data, body.len);
}

/* A server without keys sends no identities. */
static void identities_may_be_missing(void **state)
{
	(void)state;
	struct gw_ext_status got;
	size_t client = 4 + gw_le32(body.data) + 4;
	for (size_t i = 0; i < status.n_devices; i++)
		client += 4 + gw_le32(body.data + client);
	client += 4;
	/* The text ends the last record: its length and five bytes. */
	body.len -= 4 + strlen("alice");
	gw_put_le32(body.data + client, gw_le32(body.data + client) - 9);
	assert_int_equal(decode(body.data, body.len, &got), GW_OK);
	assert_string_equal(got.clients[0].address, "192.0.2.7:40312");
	assert_string_equal(got.clients[0].identity, "");
	gw_ext_status_free(&got);
}

/* Replaces n bytes of the server's record. */
static void replace(size_t at, size_t n, const void *bytes, size_t size)
{
	assert_int_equal(gw_buf_reserve(&body, size), GW_OK);
	memmove(body.data + at + size, body.data + at + n, body.len - at - n);
	memcpy(body.data + at, bytes, size);
	body.len += size - n;
	gw_put_le32(body.data, (uint32_t)(gw_le32(body.data) + size - n));
}

/* Of the two texts at the end of the server's record. */
static size_t place_size(void)
{
	return 8 + strlen(status.host) + strlen(status.endpoints);
}

/* An older server does not say where it is. */
static void places_may_be_missing(void **state)
{
	(void)state;
	struct gw_ext_status got;
	size_t end = 4 + gw_le32(body.data);
	replace(end - place_size(), place_size(), "", 0);
	assert_int_equal(decode(body.data, body.len, &got), GW_OK);
	assert_string_equal(got.host, "");
	assert_string_equal(got.endpoints, "");
	assert_string_equal(got.version, status.version);
	gw_ext_status_free(&got);
}

/* Their number precedes them, so a decoder accepts more or fewer of them. */
static void more_and_fewer_counts_are_accepted(void **state)
{
	(void)state;
	struct gw_ext_status got;
	static const uint8_t more[16] = {7};
	size_t counts = 4 + gw_le32(body.data) - place_size() - 8 * GW_COUNTS - 4;
	assert_int_equal(gw_le32(body.data + counts), GW_COUNTS);
	replace(counts + 4 + 8 * GW_COUNTS, 0, more, sizeof(more));
	gw_put_le32(body.data + counts, GW_COUNTS + 2);
	assert_as_sent(body.data, body.len);
	replace(counts + 4 + 16, 8 * GW_COUNTS, "", 0);
	gw_put_le32(body.data + counts, 2);
	assert_int_equal(decode(body.data, body.len, &got), GW_OK);
	assert_int_equal(got.count[1], 1001);
	assert_int_equal(got.count[2], 0);
	assert_string_equal(got.host, status.host);
	gw_ext_status_free(&got);
}

static void hostile_numbers_are_refused(void **state)
{
	(void)state;
	static const uint32_t hostile[] = {GW_EXT_STATUS_CLIENTS + 1, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
	struct gw_ext_status got;
	size_t devices_at = 4 + gw_le32(body.data), counts_at = devices_at - place_size() - 8 * GW_COUNTS - 4;
	size_t clients_at = devices_at + 4;
	for (size_t i = 0; i < status.n_devices; i++)
		clients_at += 4 + gw_le32(body.data + clients_at);
	const size_t at[] = {0, counts_at, devices_at, clients_at, clients_at + 4};
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		for (size_t j = 0; j < sizeof(hostile) / sizeof(hostile[0]); j++) {
			uint32_t before = gw_le32(body.data + at[i]);
			gw_put_le32(body.data + at[i], hostile[j]);
			assert_int_equal(decode(body.data, body.len, &got), GW_ERR_PROTOCOL);
			gw_put_le32(body.data + at[i], before);
		}
	}
	assert_as_sent(body.data, body.len);
}

static void encoding_keeps_the_bounds(void **state)
{
	(void)state;
	struct gw_ext_status many = status;
	size_t before = body.len;
	many.n_clients = GW_EXT_STATUS_CLIENTS + 1;
	assert_int_equal(gw_ext_status_encode(&many, &body), GW_ERR_LIMIT);
	many.n_clients = GW_EXT_STATUS_CLIENTS;
	many.clients = calloc(many.n_clients, sizeof(*many.clients));
	assert_non_null(many.clients);
	for (size_t i = 0; i < many.n_clients; i++) {
		memset(many.clients[i].address, 'a', GW_EXT_TEXT - 1);
		memset(many.clients[i].endpoint, 'e', GW_EXT_TEXT - 1);
	}
	assert_int_equal(body.len, before);
	/* The maximum number of clients, with texts of maximum length, fits. */
	assert_int_equal(gw_ext_status_encode(&many, &body), GW_OK);
	free(many.clients);
}

static void changed_bytes_do_no_harm(void **state)
{
	(void)state;
	uint64_t seed = 88172645463325252u;
	for (int i = 0; i < 20000; i++) {
		seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
		size_t at = (seed >> 8) % body.len;
		uint8_t before = body.data[at];
		struct gw_ext_status got;
		body.data[at] = (uint8_t)seed;
		if (decode(body.data, body.len, &got) == GW_OK)
			gw_ext_status_free(&got);
		body.data[at] = before;
	}
}

static void graphs_are_counted_by_duration(void **state)
{
	(void)state;
	assert_int_equal(gw_ext_bucket(0), 0);
	assert_int_equal(gw_ext_bucket(gw_ext_bucket_ns[0]), 0);
	assert_int_equal(gw_ext_bucket(gw_ext_bucket_ns[0] + 1), 1);
	assert_int_equal(gw_ext_bucket(UINT64_MAX), GW_EXT_BUCKETS - 1);
	for (size_t i = 1; i < GW_EXT_BUCKETS - 1; i++)
		assert_true(gw_ext_bucket_ns[i] > gw_ext_bucket_ns[i - 1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(decoding_restores_what_was_encoded, setup, teardown),
		cmocka_unit_test_setup_teardown(every_cut_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(additions_of_later_versions_are_skipped, setup, teardown),
		cmocka_unit_test_setup_teardown(identities_may_be_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(places_may_be_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(more_and_fewer_counts_are_accepted, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_numbers_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(encoding_keeps_the_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(changed_bytes_do_no_harm, setup, teardown),
		cmocka_unit_test(graphs_are_counted_by_duration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
