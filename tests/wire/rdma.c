/* EXT_RDMA and the caps of HELLO: what is written is read, and what is no message is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/caps.h"
#include "wire/cursor.h"
#include "wire/extension.h"

static const struct gw_ext_rdma offer = {
	.step = GW_EXT_RDMA_OFFER,
	.yes = true,
	.link = GW_EXT_RDMA_ROCE,
	.mtu = 3,
	.qpn = 0x123456,
	.psn = 0xabcdef,
	.lid = 0xfedc,
	.reads = 16,
	.gid = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7},
	.reason = "no",
};

static void offers_have_their_layout(void **state)
{
	(void)state;
	static const uint8_t expected[] = {1, 1, 1, 3, 0x56, 0x34, 0x12, 0, 0xef, 0xcd, 0xab, 0, 0xdc, 0xfe, 16, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7, 2, 0, 0, 0, 'n', 'o'};
	uint8_t body[GW_EXT_RDMA_MAX];
	struct gw_ext_rdma got;
	assert_int_equal(gw_ext_rdma_encode(&offer, body), sizeof(expected));
	assert_memory_equal(body, expected, sizeof(expected));
	assert_true(gw_ext_rdma_decode(body, sizeof(expected), GW_EXT_RDMA_OFFER, &got));
	assert_memory_equal(&got, &offer, sizeof(got));
}

static void cut_or_changed_is_refused(void **state)
{
	(void)state;
	uint8_t body[GW_EXT_RDMA_MAX + 1];
	struct gw_ext_rdma got;
	size_t n = gw_ext_rdma_encode(&offer, body);
	for (size_t i = 0; i < n; i++)
		assert_false(gw_ext_rdma_decode(body, i, GW_EXT_RDMA_OFFER, &got));
	assert_true(gw_ext_rdma_decode(body, n + 1, GW_EXT_RDMA_OFFER, &got));
	assert_false(gw_ext_rdma_decode(body, n, GW_EXT_RDMA_CONFIRM, &got));
	body[1] = 2;
	assert_false(gw_ext_rdma_decode(body, n, GW_EXT_RDMA_OFFER, &got));
	body[1] = 1;
	gw_put_le32(body + GW_EXT_RDMA_FIXED, UINT32_MAX);
	assert_false(gw_ext_rdma_decode(body, n, GW_EXT_RDMA_OFFER, &got));
}

static void long_reasons_are_cut(void **state)
{
	(void)state;
	struct gw_ext_rdma m = {.step = GW_EXT_RDMA_CONFIRM}, got;
	uint8_t body[GW_EXT_RDMA_MAX];
	memset(m.reason, 'x', sizeof(m.reason));
	size_t n = gw_ext_rdma_encode(&m, body);
	assert_true(n <= sizeof(body));
	body[GW_EXT_RDMA_FIXED + 4] = '\n';
	assert_true(gw_ext_rdma_decode(body, n, GW_EXT_RDMA_CONFIRM, &got));
	assert_int_equal(strlen(got.reason), GW_EXT_TEXT - 1);
	assert_int_equal(got.reason[0], '?');
}

static void caps_have_their_layout(void **state)
{
	(void)state;
	const struct gw_wire_caps caps = {.qpn = 0x010203, .psn = 0x010203, .gid = {0xfe, 0x80, [15] = 9}};
	static const uint8_t expected[24] = {3, 2, 1, 0, 3, 2, 1, 0, 0xfe, 0x80, [23] = 9};
	uint8_t bytes[GW_WIRE_CAPS];
	struct gw_wire_caps got;
	gw_wire_caps_encode(&caps, bytes);
	assert_memory_equal(bytes, expected, sizeof(expected));
	assert_true(gw_wire_caps_any(bytes));
	assert_true(gw_wire_caps_decode(bytes, &got));
	assert_memory_equal(&got, &caps, sizeof(got));
}

static void caps_of_others_are_refused(void **state)
{
	(void)state;
	static const uint8_t odd[][GW_WIRE_CAPS] = {
		{0}, {17, 0, 0, 0, 17, 0, 0, 0},                  /* no GID */
		{17, 0, 0, 0, 3, 0, 0, 0, 0xfe, 0x80, [23] = 1},  /* a LID where the psn should be */
		{17, 0, 0, 1, 17, 0, 0, 1, 0xfe, 0x80, [23] = 1}, /* more than 24 bits */
		{[8] = 0xfe, 0x80, [23] = 1},                     /* no queue pair */
	};
	struct gw_wire_caps got;
	assert_false(gw_wire_caps_any(odd[0]));
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_false(gw_wire_caps_decode(odd[i], &got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_have_their_layout),
		cmocka_unit_test(cut_or_changed_is_refused),
		cmocka_unit_test(long_reasons_are_cut),
		cmocka_unit_test(caps_have_their_layout),
		cmocka_unit_test(caps_of_others_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
