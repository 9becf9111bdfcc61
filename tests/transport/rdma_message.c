/* EXT_RDMA and the caps of HELLO: encoding and decoding agree, and invalid messages are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transport/rdma/message.h"
#include "wire/cursor.h"

static const struct gw_rdma_message offer = {
	.step = GW_RDMA_OFFER,
	.yes = true,
	.address =
		{
			.kind = GW_RDMA_ROCE,
			.mtu = 3,
			.qpn = 0x123456,
			.psn = 0xabcdef,
			.lid = 0xfedc,
			.reads = 16,
			.gid = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7},
		},
	.cause = GW_UPGRADE_CAUSE_NO_ROUTE,
	.reason = "no",
};

static void offers_have_their_layout(void **state)
{
	(void)state;
	static const uint8_t expected[] = {1, 1, 1, 3, 0x56, 0x34, 0x12, 0, 0xef, 0xcd, 0xab, 0, 0xdc, 0xfe, 16, 8, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7, 2, 0, 0, 0, 'n', 'o'};
	uint8_t body[GW_RDMA_MESSAGE_MAX];
	struct gw_rdma_message got;
	assert_int_equal(gw_rdma_message_encode(&offer, body), sizeof(expected));
	assert_memory_equal(body, expected, sizeof(expected));
	assert_true(gw_rdma_message_decode(body, sizeof(expected), GW_RDMA_OFFER, &got));
	assert_memory_equal(&got, &offer, sizeof(got));
}

static void truncated_or_changed_messages_are_refused(void **state)
{
	(void)state;
	uint8_t body[GW_RDMA_MESSAGE_MAX + 1];
	struct gw_rdma_message got;
	size_t n = gw_rdma_message_encode(&offer, body);
	for (size_t i = 0; i < n; i++)
		assert_false(gw_rdma_message_decode(body, i, GW_RDMA_OFFER, &got));
	assert_true(gw_rdma_message_decode(body, n + 1, GW_RDMA_OFFER, &got));
	assert_false(gw_rdma_message_decode(body, n, GW_RDMA_CONFIRM, &got));
	body[1] = 2;
	assert_false(gw_rdma_message_decode(body, n, GW_RDMA_OFFER, &got));
	body[1] = 1;
	gw_put_le32(body + GW_RDMA_MESSAGE_FIXED, UINT32_MAX);
	assert_false(gw_rdma_message_decode(body, n, GW_RDMA_OFFER, &got));
}

static void long_reasons_are_cut(void **state)
{
	(void)state;
	struct gw_rdma_message m = {.step = GW_RDMA_CONFIRM}, got;
	uint8_t body[GW_RDMA_MESSAGE_MAX];
	memset(m.reason, 'x', sizeof(m.reason));
	size_t n = gw_rdma_message_encode(&m, body);
	assert_true(n <= sizeof(body));
	body[GW_RDMA_MESSAGE_FIXED + 4] = '\n';
	assert_true(gw_rdma_message_decode(body, n, GW_RDMA_CONFIRM, &got));
	assert_int_equal(strlen(got.reason), GW_EXT_TEXT - 1);
	assert_int_equal(got.reason[0], '?');
}

/* A peer of a later version may send a cause that this version does not know. */
static void unknown_causes_are_unknown(void **state)
{
	(void)state;
	struct gw_rdma_message got;
	uint8_t body[GW_RDMA_MESSAGE_MAX];
	size_t n = gw_rdma_message_encode(&offer, body);
	body[15] = GW_UPGRADE_CAUSES;
	assert_true(gw_rdma_message_decode(body, n, GW_RDMA_OFFER, &got));
	assert_int_equal(got.cause, GW_UPGRADE_CAUSE_UNKNOWN);
}

static void caps_have_their_layout(void **state)
{
	(void)state;
	const struct gw_rdma_address at = {
		.kind = GW_RDMA_ROCE, .qpn = 0x010203, .psn = 0x010203, .gid = {0xfe, 0x80, [15] = 9}};
	static const uint8_t expected[24] = {3, 2, 1, 0, 3, 2, 1, 0, 0xfe, 0x80, [23] = 9};
	uint8_t bytes[GW_UPGRADE_CAPS];
	struct gw_rdma_address got;
	gw_rdma_caps_encode(&at, bytes);
	assert_memory_equal(bytes, expected, sizeof(expected));
	assert_true(gw_rdma_caps_any(bytes));
	assert_true(gw_rdma_caps_decode(bytes, &got));
	assert_memory_equal(&got, &at, sizeof(got));
}

static void infiniband_is_not_announced(void **state)
{
	(void)state;
	const struct gw_rdma_address at = {.kind = GW_RDMA_INFINIBAND, .qpn = 3, .psn = 3, .lid = 7, .gid = {1}};
	uint8_t bytes[GW_UPGRADE_CAPS];
	gw_rdma_caps_encode(&at, bytes);
	assert_false(gw_rdma_caps_any(bytes));
}

static void caps_of_others_are_refused(void **state)
{
	(void)state;
	static const uint8_t odd[][GW_UPGRADE_CAPS] = {
		{0}, {17, 0, 0, 0, 17, 0, 0, 0},                  /* no GID */
		{17, 0, 0, 0, 3, 0, 0, 0, 0xfe, 0x80, [23] = 1},  /* macOS: u32 qpn, u16 lid, u16 0, GID */
		{17, 3, 0, 0, 0, 0, 0, 0, 0xfe, 0x80, [23] = 1},  /* the same with LID 0 */
		{17, 0, 0, 1, 17, 0, 0, 1, 0xfe, 0x80, [23] = 1}, /* more than 24 bits */
		{17, 0, 0, 1, 17, 0, 0, 0, 0xfe, 0x80, [23] = 1}, /* more than 24 bits of qpn */
		{[8] = 0xfe, 0x80, [23] = 1},                     /* no queue pair */
	};
	struct gw_rdma_address got;
	assert_false(gw_rdma_caps_any(odd[0]));
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_false(gw_rdma_caps_decode(odd[i], &got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_have_their_layout),
		cmocka_unit_test(truncated_or_changed_messages_are_refused),
		cmocka_unit_test(long_reasons_are_cut),
		cmocka_unit_test(unknown_causes_are_unknown),
		cmocka_unit_test(caps_have_their_layout),
		cmocka_unit_test(infiniband_is_not_announced),
		cmocka_unit_test(caps_of_others_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
