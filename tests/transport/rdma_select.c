/* Selection of device, port and GID from tables of many shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "transport/fake_verbs.h"
#include "transport/rdma/gid.h"

#define ETHERNET IBV_LINK_LAYER_ETHERNET
#define INFINIBAND IBV_LINK_LAYER_INFINIBAND
#define BOTH (GW_RDMA_ROCE | GW_RDMA_INFINIBAND)

static struct gw_error why;

static int setup(void **state)
{
	(void)state;
	memset(&why, 0, sizeof(why));
	unsetenv("GGML_RDMA_DEV");
	unsetenv("GGML_RDMA_GID");
	fake_start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unsetenv("GGML_RDMA_DEV");
	unsetenv("GGML_RDMA_GID");
	return fake_stop() ? -1 : 0;
}

static enum gw_status choose(const char *address, unsigned kinds, struct gw_rdma_port *out)
{
	uint8_t raw[16];
	assert_int_equal(inet_pton(AF_INET6, address, raw), 1);
	const struct gw_verbs *v = gw_verbs_get(NULL);
	enum gw_status status = gw_rdma_select(v, raw, kinds, out, &why);
	if (!status)
		v->close_device(out->context);
	assert_int_equal(fake_count().contexts, 0);
	return status;
}

static void chooses(const char *address, const char *device, unsigned port, unsigned index)
{
	struct gw_rdma_port got;
	assert_int_equal(choose(address, BOTH, &got), GW_OK);
	assert_string_equal(got.device, device);
	assert_int_equal(got.number, port);
	assert_int_equal(got.gid_index, index);
}

static void refuses(const char *address, enum gw_status status, const char *text)
{
	struct gw_rdma_port got;
	assert_int_equal(choose(address, BOTH, &got), status);
	assert_non_null(strstr(why.text, text));
}

static int roce(const char *name, enum ibv_mtu mtu)
{
	int device = fake_device(name, IBV_TRANSPORT_IB);
	fake_port(device, ETHERNET, mtu, 0);
	return device;
}

static void no_device(void **state)
{
	(void)state;
	refuses("::ffff:192.0.2.1", GW_ERR_NOT_FOUND, "there is no RDMA device");
}

static void chooses_the_gid_of_the_address(void **state)
{
	(void)state;
	int d = roce("mlx5_0", IBV_MTU_1024);
	fake_gid(d, 1, 0, IBV_GID_TYPE_ROCE_V1, "fe80::1");
	fake_gid(d, 1, 1, IBV_GID_TYPE_ROCE_V2, "fe80::1");
	fake_gid(d, 1, 2, IBV_GID_TYPE_ROCE_V1, "::ffff:192.0.2.1");
	fake_gid(d, 1, 3, IBV_GID_TYPE_ROCE_V2, "::ffff:192.0.2.1");
	fake_gid(d, 1, 4, IBV_GID_TYPE_ROCE_V1, "2001:db8::1");
	fake_gid(d, 1, 5, IBV_GID_TYPE_ROCE_V2, "2001:db8::1");
	chooses("::ffff:192.0.2.1", "mlx5_0", 1, 3);
	chooses("2001:db8::1", "mlx5_0", 1, 5);
	chooses("fe80::1", "mlx5_0", 1, 1);
	refuses("::ffff:192.0.2.2", GW_ERR_NOT_FOUND, "no GID of 1 RDMA device is ::ffff:192.0.2.2");
	refuses("::ffff:127.0.0.1", GW_ERR_NOT_FOUND, "no GID of 1 RDMA device is ::ffff:127.0.0.1");
}

static void gids_of_bridges_are_not_chosen(void **state)
{
	(void)state;
	int d = roce("mlx5_0", IBV_MTU_1024);
	fake_gid(d, 1, 0, IBV_GID_TYPE_ROCE_V2, "fe80::1");
	fake_gid(d, 1, 1, IBV_GID_TYPE_ROCE_V2, "::ffff:172.17.0.1");
	fake_gid(d, 1, 2, IBV_GID_TYPE_ROCE_V2, "::ffff:172.18.0.1");
	fake_gid(d, 1, 9, IBV_GID_TYPE_ROCE_V1, "::ffff:10.0.0.7");
	fake_gid(d, 1, 10, IBV_GID_TYPE_ROCE_V2, "::ffff:10.0.0.7");
	chooses("::ffff:10.0.0.7", "mlx5_0", 1, 10);
	chooses("::ffff:172.18.0.1", "mlx5_0", 1, 2);
}

static void version_1_is_better_than_none(void **state)
{
	(void)state;
	struct gw_rdma_port got;
	int d = roce("mlx4_0", IBV_MTU_1024);
	fake_gid(d, 1, 2, IBV_GID_TYPE_ROCE_V1, "::ffff:192.0.2.1");
	assert_int_equal(choose("::ffff:192.0.2.1", BOTH, &got), GW_OK);
	assert_false(got.roce_v2);
	assert_int_equal(got.gid_index, 2);
}

static void version_2_of_a_later_device_is_better_still(void **state)
{
	(void)state;
	int first = roce("mlx5_0", IBV_MTU_1024), second = roce("mlx5_1", IBV_MTU_4096);
	struct gw_rdma_port got;
	fake_gid(first, 1, 0, IBV_GID_TYPE_ROCE_V1, "::ffff:192.0.2.1");
	fake_gid(second, 1, 4, IBV_GID_TYPE_ROCE_V2, "::ffff:192.0.2.1");
	assert_int_equal(choose("::ffff:192.0.2.1", BOTH, &got), GW_OK);
	assert_string_equal(got.device, "mlx5_1");
	assert_true(got.roce_v2);
	assert_int_equal(got.mtu, IBV_MTU_4096);
	assert_int_equal(got.max_reads, 16);
}

static void the_second_port_counts(void **state)
{
	(void)state;
	int d = roce("mlx5_0", IBV_MTU_1024);
	fake_port(d, ETHERNET, IBV_MTU_4096, 0);
	fake_gid(d, 1, 0, IBV_GID_TYPE_ROCE_V2, "::ffff:192.0.2.1");
	fake_gid(d, 2, 0, IBV_GID_TYPE_ROCE_V2, "::ffff:192.0.2.2");
	chooses("::ffff:192.0.2.2", "mlx5_0", 2, 0);
	chooses("::ffff:192.0.2.1", "mlx5_0", 1, 0);
}

static void ports_that_are_down_are_passed_over(void **state)
{
	(void)state;
	int d = roce("mlx5_0", IBV_MTU_1024);
	fake_gid(d, 1, 0, IBV_GID_TYPE_ROCE_V2, "::ffff:192.0.2.1");
	fake_port_state(d, 1, IBV_PORT_DOWN);
	refuses("::ffff:192.0.2.1", GW_ERR_NOT_FOUND, "mlx5_0 port 1 is not active");
	int other = roce("mlx5_1", IBV_MTU_1024);
	fake_gid(other, 1, 0, IBV_GID_TYPE_ROCE_V2, "::ffff:192.0.2.1");
	chooses("::ffff:192.0.2.1", "mlx5_1", 1, 0);
}

static void empty_gid_entries_never_match(void **state)
{
	(void)state;
	int d = roce("mlx5_0", IBV_MTU_1024);
	for (unsigned i = 0; i < 16; i++)
		fake_gid(d, 1, i, IBV_GID_TYPE_ROCE_V2, "::");
	refuses("::ffff:192.0.2.1", GW_ERR_NOT_FOUND, "no GID");
	refuses("::", GW_ERR_NOT_FOUND, "no GID");
}

static void a_named_device_is_the_only_one(void **state)
{
	(void)state;
	int first = roce("mlx5_0", IBV_MTU_1024), second = roce("mlx5_1", IBV_MTU_1024);
	fake_gid(first, 1, 0, IBV_GID_TYPE_ROCE_V2, "::ffff:192.0.2.1");
	fake_gid(second, 1, 3, IBV_GID_TYPE_ROCE_V2, "::ffff:192.0.2.1");
	setenv("GGML_RDMA_DEV", "mlx5_1", 1);
	chooses("::ffff:192.0.2.1", "mlx5_1", 1, 3);
	setenv("GGML_RDMA_DEV", "mlx5_7", 1);
	refuses("::ffff:192.0.2.1", GW_ERR_INVALID, "GGML_RDMA_DEV: there is no RDMA device 'mlx5_7'");
}

static void a_given_index_is_checked(void **state)
{
	(void)state;
	int d = roce("mlx5_0", IBV_MTU_1024);
	fake_gid(d, 1, 0, IBV_GID_TYPE_ROCE_V2, "fe80::1");
	fake_gid(d, 1, 1, IBV_GID_TYPE_ROCE_V2, "::ffff:192.0.2.1");
	fake_gid(d, 1, 3, IBV_GID_TYPE_ROCE_V2, "::");
	setenv("GGML_RDMA_GID", "0", 1);
	chooses("::ffff:192.0.2.1", "mlx5_0", 1, 0);
	setenv("GGML_RDMA_GID", "2", 1);
	refuses("::ffff:192.0.2.1", GW_ERR_INVALID, "GGML_RDMA_GID=2: that entry of mlx5_0 port 1 is empty");
	setenv("GGML_RDMA_GID", "3", 1);
	refuses("::ffff:192.0.2.1", GW_ERR_INVALID, "GGML_RDMA_GID=3: that entry of mlx5_0 port 1 is empty");
	setenv("GGML_RDMA_GID", "16", 1);
	refuses("::ffff:192.0.2.1", GW_ERR_INVALID, "GGML_RDMA_GID=16: the table of mlx5_0 port 1 ends at 15");
	static const char *const bad[] = {"x", "-1", "1x", "256", "9999999999", " 1"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("GGML_RDMA_GID", bad[i], 1);
		refuses("::ffff:192.0.2.1", GW_ERR_INVALID, "is not an index");
	}
	int other = roce("mlx5_1", IBV_MTU_1024);
	fake_gid(other, 1, 2, IBV_GID_TYPE_ROCE_V2, "::ffff:192.0.2.9");
	setenv("GGML_RDMA_GID", "2", 1);
	chooses("::ffff:192.0.2.1", "mlx5_1", 1, 2);
}

static void infiniband_is_the_last_resort(void **state)
{
	(void)state;
	struct gw_rdma_port got;
	int ib = fake_device("mlx5_0", IBV_TRANSPORT_IB);
	fake_port(ib, INFINIBAND, IBV_MTU_4096, 17);
	fake_gid(ib, 1, 0, IBV_GID_TYPE_IB, "fe80::ec0d:9a03:0:1");
	assert_int_equal(choose("::ffff:192.0.2.1", BOTH, &got), GW_OK);
	assert_int_equal(got.kind, GW_RDMA_INFINIBAND);
	assert_int_equal(got.lid, 17);
	assert_int_equal(choose("::ffff:192.0.2.1", GW_RDMA_ROCE, &got), GW_ERR_NOT_FOUND);
	int d = roce("mlx5_1", IBV_MTU_1024);
	fake_gid(d, 1, 2, IBV_GID_TYPE_ROCE_V2, "::ffff:192.0.2.1");
	chooses("::ffff:192.0.2.1", "mlx5_1", 1, 2);
	assert_int_equal(choose("::ffff:192.0.2.1", GW_RDMA_INFINIBAND, &got), GW_OK);
	assert_string_equal(got.device, "mlx5_0");
}

static void iwarp_is_refused_with_a_reason(void **state)
{
	(void)state;
	int d = fake_device("siw0", IBV_TRANSPORT_IWARP);
	fake_port(d, ETHERNET, IBV_MTU_1024, 0);
	fake_gid(d, 1, 0, IBV_GID_TYPE_IB, "::ffff:192.0.2.1");
	refuses("::ffff:192.0.2.1", GW_ERR_NOT_FOUND, "siw0: iWARP is not supported");
}

static void a_device_that_fails_is_passed_over(void **state)
{
	(void)state;
	static const char *const calls[] = {"open_device", "query_device", "query_port", "query_gid_table"};
	int first = roce("mlx5_0", IBV_MTU_1024);
	fake_gid(first, 1, 0, IBV_GID_TYPE_ROCE_V2, "::ffff:192.0.2.1");
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		fake_fail(calls[i], 1);
		refuses("::ffff:192.0.2.1", GW_ERR_NOT_FOUND, "mlx5_0");
		assert_true(fake_struck());
	}
	fake_fail("get_device_list", 1);
	refuses("::ffff:192.0.2.1", GW_ERR_NOT_FOUND, "cannot be listed");
	int second = roce("mlx5_1", IBV_MTU_1024);
	fake_gid(second, 1, 0, IBV_GID_TYPE_ROCE_V2, "::ffff:192.0.2.1");
	fake_fail("open_device", 1);
	chooses("::ffff:192.0.2.1", "mlx5_1", 1, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(no_device),
		CASE(chooses_the_gid_of_the_address),
		CASE(gids_of_bridges_are_not_chosen),
		CASE(version_1_is_better_than_none),
		CASE(version_2_of_a_later_device_is_better_still),
		CASE(the_second_port_counts),
		CASE(ports_that_are_down_are_passed_over),
		CASE(empty_gid_entries_never_match),
		CASE(a_named_device_is_the_only_one),
		CASE(a_given_index_is_checked),
		CASE(infiniband_is_the_last_resort),
		CASE(iwarp_is_refused_with_a_reason),
		CASE(a_device_that_fails_is_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
