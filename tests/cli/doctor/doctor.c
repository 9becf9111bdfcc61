/* Every finding about RDMA, limits and plug-ins, from a tree of files with that problem, and none from a good one. */
#include <arpa/inet.h>
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/doctor/checks.h"
#include "transport/fake_verbs.h"
#include "transport/upgrade.h"

#define ADDRESS "192.0.2.7"

struct world {
	char root[64], sys[80], proc[80], dev[80];
	struct gw_sources sources;
	struct gw_doctor_path path;
	struct gw_findings found;
};

static void put(struct world *w, const char *path, const char *text)
{
	char full[512];
	snprintf(full, sizeof(full), "%s/%s", w->root, path);
	for (char *slash = strchr(full + strlen(w->root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		(void)mkdir(full, 0700);
		*slash = '/';
	}
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* A port with one GID, and its other files. */
static void put_port(struct world *w, const char *state, const char *layer)
{
	put(w, "sys/class/infiniband/mlx5_0/ports/1/state", state);
	put(w, "sys/class/infiniband/mlx5_0/ports/1/link_layer", layer);
	put(w, "sys/class/infiniband/mlx5_0/ports/1/rate", "100 Gb/sec (4X EDR)\n");
	put(w, "sys/class/infiniband/mlx5_0/ports/1/gids/0", "0000:0000:0000:0000:0000:0000:0000:0000\n");
}

static void put_gid(struct world *w, const char *gid, const char *type)
{
	put(w, "sys/class/infiniband/mlx5_0/ports/1/gids/3", gid);
	put(w, "sys/class/infiniband/mlx5_0/ports/1/gid_attrs/types/3", type);
	put(w, "sys/class/infiniband/mlx5_0/ports/1/gid_attrs/ndevs/3", "eth1\n");
	put(w, "sys/class/net/eth1/mtu", "9000\n");
}

#define OUR_GID "0000:0000:0000:0000:0000:ffff:c000:0207\n"
#define OTHER_GID "0000:0000:0000:0000:0000:ffff:c633:6407\n"
#define V2 "RoCE v2\n"

static void put_limits(struct world *w, const char *locked, const char *caps)
{
	char text[256];
	snprintf(text, sizeof(text), "Limit Soft Hard Units\nMax locked memory         %s %s bytes\n", locked, locked);
	put(w, "proc/self/limits", text);
	snprintf(text, sizeof(text), "Name:\tx\nCapEff:\t%s\n", caps);
	put(w, "proc/self/status", text);
}

/* A machine without problems. */
static void put_good(struct world *w)
{
	put_port(w, "4: ACTIVE\n", "Ethernet\n");
	put_gid(w, OUR_GID, V2);
	put(w, "dev/infiniband/uverbs0", "");
	put_limits(w, "unlimited", "0000000000000000");
	fake_usual();
	fake_gid(0, 1, 3, IBV_GID_TYPE_ROCE_V2, "::ffff:" ADDRESS);
}

static int setup(void **state)
{
	static struct world w;
	static const uint8_t local[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = 7};
	static const char *const variables[] = {
		"GGML_RDMA_DEV", "GGML_RDMA_GID", "GGML_RPC_TRANSPORT", "GGML_RPC_NO_RDMA", "GGML_BACKEND_PATH"};
	w = (struct world){.root = "/tmp/ggwire-doctor.XXXXXX"};
	assert_non_null(mkdtemp(w.root));
	snprintf(w.sys, sizeof(w.sys), "%s/sys", w.root);
	snprintf(w.proc, sizeof(w.proc), "%s/proc", w.root);
	snprintf(w.dev, sizeof(w.dev), "%s/dev", w.root);
	w.sources = (struct gw_sources){w.sys, w.proc, w.dev};
	w.path = (struct gw_doctor_path){.connected = true, .local_text = ADDRESS, .netdev = "eth1"};
	memcpy(w.path.local, local, sizeof(local));
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	fake_start();
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char command[128];
	gw_findings_free(&w->found);
	snprintf(command, sizeof(command), "rm -rf '%s'", w->root);
	int removed = system(command); /* NOLINT(cert-env33-c): the test created the directory */
	return removed || fake_stop();
}

static void expect(struct world *w, enum gw_finding_level level, const char *text)
{
	for (size_t i = 0; i < w->found.n; i++) {
		const struct gw_finding *line = &w->found.items[i];
		if (line->level != level || !strstr(line->text, text))
			continue;
		assert_true(level == GW_FINDING_OK || line->advice);
		return;
	}
	gw_findings_print(&w->found);
	fail_msg("no line of level %d with '%s'", (int)level, text);
}

static void expect_well(struct world *w)
{
	if (gw_findings_have(&w->found, GW_FINDING_WARNING)) {
		gw_findings_print(&w->found);
		fail_msg("unexpected finding");
	}
}

static void look_rdma(struct world *w)
{
	gw_doctor_rdma(&w->sources, &w->path, NULL, &w->found);
}

static void a_machine_without_rdma_is_well(void **state)
{
	struct world *w = *state;
	look_rdma(w);
	gw_doctor_governor(&w->sources, &w->found);
	gw_doctor_sockets(&w->sources, &w->path, &w->found);
	gw_doctor_memlock(&w->sources, &w->found);
	expect(w, GW_FINDING_OK, "no RDMA device on this machine");
	expect(w, GW_FINDING_OK, "no CPU frequency governor is visible");
	expect_well(w);
}

static void a_good_machine_is_well(void **state)
{
	struct world *w = *state;
	put_good(w);
	look_rdma(w);
	expect_well(w);
	expect(w, GW_FINDING_OK, "mlx5_0 port 1 is active: Ethernet, 100 Gb/sec");
	expect(w, GW_FINDING_OK, "GID 3 is 192.0.2.7, RoCE v2, interface eth1");
	expect(w, GW_FINDING_OK, "connections from 192.0.2.7 use ");
	expect(w, GW_FINDING_OK, "GID 3, RoCE v2, packets of ");
	expect(w, GW_FINDING_OK, "it has that address");
	expect(w, GW_FINDING_OK, "locked memory is not limited");
}

static void a_missing_library_is_a_problem(void **state)
{
	struct world *w = *state;
	put_good(w);
	gw_doctor_rdma(&w->sources, &w->path, "libibverbs: not there", &w->found);
	expect(w, GW_FINDING_PROBLEM, "libibverbs: not there");
}

static void a_container_without_device_files_is_a_problem(void **state)
{
	struct world *w = *state;
	put_good(w);
	char path[128];
	snprintf(path, sizeof(path), "%s/infiniband/uverbs0", w->dev);
	assert_int_equal(unlink(path), 0);
	look_rdma(w);
	expect(w, GW_FINDING_PROBLEM, "no /dev/infiniband/uverbs*");
}

static void a_port_that_is_down_is_a_warning(void **state)
{
	struct world *w = *state;
	put_good(w);
	put_port(w, "1: DOWN\n", "Ethernet\n");
	look_rdma(w);
	expect(w, GW_FINDING_WARNING, "mlx5_0 port 1 is not active (1: DOWN)");
}

static void an_empty_gid_table_is_a_problem(void **state)
{
	struct world *w = *state;
	put_good(w);
	put_gid(w, "0000:0000:0000:0000:0000:0000:0000:0000\n", V2);
	look_rdma(w);
	expect(w, GW_FINDING_PROBLEM, "the GID table is empty");
}

static void infiniband_is_explained(void **state)
{
	struct world *w = *state;
	put_good(w);
	put_port(w, "4: ACTIVE\n", "InfiniBand\n");
	look_rdma(w);
	expect(w, GW_FINDING_WARNING, "mlx5_0 port 1 is InfiniBand");
	expect(w, GW_FINDING_OK, "would use the InfiniBand port");
}

static void a_small_mtu_is_a_warning(void **state)
{
	struct world *w = *state;
	put_good(w);
	put(w, "sys/class/net/eth1/mtu", "1500\n");
	look_rdma(w);
	expect(w, GW_FINDING_WARNING, "interface eth1 has an MTU of 1500, so packets carry 1024 bytes");
}

static void another_interfaces_address_is_a_problem(void **state)
{
	struct world *w = *state;
	put_good(w);
	put_gid(w, OTHER_GID, V2);
	snprintf(w->path.netdev, sizeof(w->path.netdev), "eth0");
	look_rdma(w);
	expect(w, GW_FINDING_PROBLEM, "no GID is 192.0.2.7, the local address of connections to this server (on eth0)");
}

static void a_bridge_is_a_problem(void **state)
{
	struct world *w = *state;
	put_good(w);
	put_gid(w, OTHER_GID, V2);
	put(w, "sys/class/net/br0/lower_eth1", "");
	snprintf(w->path.netdev, sizeof(w->path.netdev), "br0");
	look_rdma(w);
	expect(w, GW_FINDING_PROBLEM, "this address belongs to br0, a bridge or bond, but mlx5_0 is on eth1");
}

static void roce_v1_is_a_warning(void **state)
{
	struct world *w = *state;
	put_good(w);
	put_gid(w, OUR_GID, "IB/RoCE v1\n");
	look_rdma(w);
	expect(w, GW_FINDING_WARNING, "192.0.2.7 is a RoCE v1 GID");
}

static void wrong_variables_are_problems(void **state)
{
	struct world *w = *state;
	put_good(w);
	setenv("GGML_RDMA_DEV", "mlx5_9", 1);
	look_rdma(w);
	expect(w, GW_FINDING_PROBLEM, "GGML_RDMA_DEV=mlx5_9: there is no such device");
	unsetenv("GGML_RDMA_DEV");
	setenv("GGML_RDMA_GID", "9", 1);
	look_rdma(w);
	expect(w, GW_FINDING_PROBLEM, "GGML_RDMA_GID=9: that entry of ");
	setenv("GGML_RDMA_GID", "3", 1);
	look_rdma(w);
	expect(w, GW_FINDING_OK, "set by GGML_RDMA_GID");
}

static void settings_that_disable_rdma_are_warnings(void **state)
{
	struct world *w = *state;
	put_good(w);
	setenv("GGML_RPC_NO_RDMA", "1", 1);
	look_rdma(w);
	expect(w, GW_FINDING_WARNING, "disabled on this machine by GGML_RPC_NO_RDMA");
	unsetenv("GGML_RPC_NO_RDMA");
	setenv("GGML_RPC_TRANSPORT", "tcp", 1);
	look_rdma(w);
	expect(w, GW_FINDING_WARNING, "disabled on this machine by GGML_RPC_TRANSPORT=tcp");
}

static void keys_are_checked(void **state)
{
	struct world *w = *state;
	char path[4096];
	snprintf(path, sizeof(path), "%s/keys", w->root);
	setenv("GGWIRE_PSK_FILE", path, 1);
	gw_doctor_tls(&w->found);
	expect(w, GW_FINDING_PROBLEM, "No such file");
	put(w, "keys", "alice:00112233445566778899aabbccddeeff expires=2020-01-01\n");
	assert_int_equal(chmod(path, 0644), 0);
	gw_doctor_tls(&w->found);
	expect(w, GW_FINDING_PROBLEM, "others have access to it");
	assert_int_equal(chmod(path, 0600), 0);
	gw_doctor_tls(&w->found);
	expect(w, GW_FINDING_OK, "1 key in ");
	expect(w, GW_FINDING_WARNING, "key alice has expired");
	unsetenv("GGWIRE_PSK_FILE");
}

static void little_locked_memory_is_found(void **state)
{
	struct world *w = *state;
	put_limits(w, "8388608", "0000000000000000");
	gw_doctor_memlock(&w->sources, &w->found);
	expect(w, GW_FINDING_PROBLEM, "locked memory is limited to 8.0 MiB");
	put_limits(w, "67108864", "0000000000000000");
	gw_doctor_memlock(&w->sources, &w->found);
	expect(w, GW_FINDING_WARNING, "locked memory is limited to 64.0 MiB");
}

static void a_capability_lifts_the_limit(void **state)
{
	struct world *w = *state;
	put_limits(w, "8388608", "000001ffffffffff");
	gw_doctor_memlock(&w->sources, &w->found);
	expect_well(w);
	expect(w, GW_FINDING_OK, "locked memory is not limited");
}

static void the_lowest_frequency_is_a_warning(void **state)
{
	struct world *w = *state;
	put(w, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
	put(w, "sys/devices/system/cpu/cpu0/cpufreq/scaling_driver", "acpi-cpufreq\n");
	put(w, "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n");
	gw_doctor_governor(&w->sources, &w->found);
	expect(w, GW_FINDING_WARNING, "1 of 2 processors are held at their lowest frequency");
}

static void a_driver_that_scales_by_itself_is_well(void **state)
{
	struct world *w = *state;
	put(w, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
	put(w, "sys/devices/system/cpu/cpu0/cpufreq/scaling_driver", "intel_pstate\n");
	gw_doctor_governor(&w->sources, &w->found);
	expect_well(w);
}

/* 10 Gbit/s over 10 ms are 12.5 MB. */
static void buffers_are_compared_with_the_path(void **state)
{
	struct world *w = *state;
	put(w, "proc/sys/net/ipv4/tcp_rmem", "4096 131072 6291456\n");
	put(w, "proc/sys/net/ipv4/tcp_wmem", "4096 16384 33554432\n");
	put(w, "proc/sys/net/core/rmem_max", "212992\n");
	put(w, "proc/sys/net/core/wmem_max", "212992\n");
	put(w, "sys/class/net/eth1/speed", "10000\n");
	w->path.round_trip_ms = 10;
	gw_doctor_sockets(&w->sources, &w->path, &w->found);
	expect(w, GW_FINDING_WARNING,
		"tcp_rmem: a connection's buffer is limited to 6.0 MiB, but this path needs 11.9 MiB");
	expect(w, GW_FINDING_OK, "tcp_wmem: up to 32.0 MiB, enough for this path");
	expect(w, GW_FINDING_OK, "net.core.rmem_max 212992");
}

/* A measured rate is used if the interface reports no speed, or a lower one. */
static void a_measured_rate_counts(void **state)
{
	struct world *w = *state;
	put(w, "proc/sys/net/ipv4/tcp_rmem", "4096 131072 6291456\n");
	put(w, "sys/class/net/eth1/speed", "-1\n");
	w->path.round_trip_ms = 10;
	w->path.bytes_per_s = 1e6;
	gw_doctor_sockets(&w->sources, &w->path, &w->found);
	expect_well(w);
	w->path.bytes_per_s = 1.25e9;
	gw_doctor_sockets(&w->sources, &w->path, &w->found);
	expect(w, GW_FINDING_WARNING, "tcp_rmem");
}

static void look_plugins(struct world *w)
{
	char dir[96];
	snprintf(dir, sizeof(dir), "%s/backends", w->root);
	gw_doctor_plugins((const char *const[]){dir, NULL}, &w->found);
}

static void link_plugin(struct world *w, const char *file, const char *name)
{
	char path[256];
	put(w, "backends/README", "");
	snprintf(path, sizeof(path), "%s/backends/%s", w->root, name);
	assert_int_equal(symlink(file, path), 0);
}

static void no_plugin_is_a_warning(void **state)
{
	struct world *w = *state;
	look_plugins(w);
	expect(w, GW_FINDING_WARNING, "ggml's backend directory was not found");
	expect(w, GW_FINDING_WARNING, "no RPC plug-in was found");
}

static void our_plugin_is_loaded(void **state)
{
	struct world *w = *state;
	link_plugin(w, GGWIRE_PLUGIN, "libggml-rpc-ggwire.so");
	look_plugins(w);
	expect_well(w);
	expect(w, GW_FINDING_OK, "libggml-rpc-ggwire.so loads: registry RPC, API version 3, score 100");
	expect(w, GW_FINDING_OK, "programs on this machine load ");
}

/* Takes the place of the stock plug-in: the same code without our name. */
static void another_plugin_that_wins_is_a_warning(void **state)
{
	struct world *w = *state;
	link_plugin(w, GGWIRE_PLUGIN, "libggml-rpc.so");
	look_plugins(w);
	expect(w, GW_FINDING_WARNING, "ggwire's plug-in is not in the same directory");
}

static void a_plugin_with_lower_priority_is_a_warning(void **state)
{
	struct world *w = *state;
	link_plugin(w, GGWIRE_PLUGIN, "libggml-rpc-x.so");
	setenv("GGML_BACKEND_PATH", GGWIRE_PLUGIN, 1);
	look_plugins(w);
	expect(w, GW_FINDING_WARNING, "ggwire's plug-in is not in the same directory");
	expect(w, GW_FINDING_WARNING, "which is loaded but not used");
}

static void the_plugin_in_ggml_backend_path_is_loaded(void **state)
{
	struct world *w = *state;
	put(w, "backends/README", "");
	setenv("GGML_BACKEND_PATH", GGWIRE_PLUGIN, 1);
	look_plugins(w);
	expect_well(w);
	expect(w, GW_FINDING_OK, "programs on this machine load ");
}

static void a_plugin_that_does_not_load_is_a_problem(void **state)
{
	struct world *w = *state;
	put(w, "backends/libggml-rpc-ggwire.so", "no library");
	look_plugins(w);
	expect(w, GW_FINDING_PROBLEM, "libggml-rpc-ggwire.so cannot be loaded: ");
	expect(w, GW_FINDING_WARNING, "no RPC plug-in was found");
}

static void a_library_without_a_backend_is_a_problem(void **state)
{
	struct world *w = *state;
	link_plugin(w, GGWIRE_OTHER_LIBRARY, "libggml-rpc-x.so");
	look_plugins(w);
	expect(w, GW_FINDING_PROBLEM, "libggml-rpc-x.so: it has no ggml_backend_init");
}

static void look_host(struct world *w, const char *ours)
{
	char dir[96];
	snprintf(dir, sizeof(dir), "%s/backends", w->root);
	gw_doctor_host_plugins(dir, ours, &w->found);
}

static void a_host_without_our_plugin_is_a_warning(void **state)
{
	struct world *w = *state;
	put(w, "backends/README", "");
	look_host(w, GGWIRE_PLUGIN);
	expect(w, GW_FINDING_WARNING, "backends; programs would use it there");
}

static void a_host_with_our_plugin_is_well(void **state)
{
	struct world *w = *state;
	link_plugin(w, GGWIRE_PLUGIN, "libggml-rpc-ggwire.so");
	look_host(w, NULL);
	expect_well(w);
	expect(w, GW_FINDING_OK, "programs on this machine load ");
}

static void backends_in_a_directory_of_their_own_are_found(void **state)
{
	struct world *w = *state;
	put(w, "backends/ggml/backends0/README", "");
	link_plugin(w, GGWIRE_PLUGIN, "ggml/backends0/libggml-rpc-ggwire.so");
	look_host(w, NULL);
	expect_well(w);
	expect(w, GW_FINDING_OK, "backends0/libggml-rpc-ggwire.so loads");
}

static void two_plugins_in_a_directory_are_reported(void **state)
{
	struct world *w = *state;
	link_plugin(w, GGWIRE_PLUGIN, "libggml-rpc-ggwire.so");
	link_plugin(w, GGWIRE_PLUGIN, "libggml-rpc.so");
	look_host(w, NULL);
	expect(w, GW_FINDING_OK, "has 2 RPC plug-ins; programs load one of them: ");
	expect_well(w);
}

/* Our plug-in with another machine type in its ELF header. */
static void a_plugin_for_another_architecture_is_a_problem(void **state)
{
	struct world *w = *state;
	char path[128], byte = 0;
	put(w, "backends/README", "");
	snprintf(path, sizeof(path), "%s/backends/libggml-rpc-ggwire.so", w->root);
	FILE *from = fopen(GGWIRE_PLUGIN, "rb"), *to = fopen(path, "wb");
	assert_non_null(from);
	assert_non_null(to);
	for (long at = 0; fread(&byte, 1, 1, from) == 1; at++) {
		if (at == offsetof(Elf64_Ehdr, e_machine))
			byte = EM_S390;
		fputc(byte, to);
	}
	fclose(from);
	assert_int_equal(fclose(to), 0);
	look_host(w, NULL);
	expect(w, GW_FINDING_PROBLEM, "libggml-rpc-ggwire.so cannot be loaded: ");
	assert_string_equal(w->found.items[0].advice, "install the file for this machine's architecture");
}

static void causes_have_advice(void **state)
{
	(void)state;
	for (unsigned cause = 1; cause < GW_UPGRADE_CAUSES; cause++)
		assert_non_null(gw_doctor_upgrade_advice(cause));
	assert_null(gw_doctor_upgrade_advice(GW_UPGRADE_CAUSE_UNKNOWN));
	assert_null(gw_doctor_upgrade_advice(GW_UPGRADE_CAUSES));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_machine_without_rdma_is_well),
		TEST(a_good_machine_is_well),
		TEST(a_missing_library_is_a_problem),
		TEST(a_container_without_device_files_is_a_problem),
		TEST(a_port_that_is_down_is_a_warning),
		TEST(an_empty_gid_table_is_a_problem),
		TEST(infiniband_is_explained),
		TEST(a_small_mtu_is_a_warning),
		TEST(another_interfaces_address_is_a_problem),
		TEST(a_bridge_is_a_problem),
		TEST(roce_v1_is_a_warning),
		TEST(wrong_variables_are_problems),
		TEST(settings_that_disable_rdma_are_warnings),
		TEST(keys_are_checked),
		TEST(little_locked_memory_is_found),
		TEST(a_capability_lifts_the_limit),
		TEST(the_lowest_frequency_is_a_warning),
		TEST(a_driver_that_scales_by_itself_is_well),
		TEST(buffers_are_compared_with_the_path),
		TEST(a_measured_rate_counts),
		TEST(no_plugin_is_a_warning),
		TEST(our_plugin_is_loaded),
		TEST(another_plugin_that_wins_is_a_warning),
		TEST(a_plugin_with_lower_priority_is_a_warning),
		TEST(the_plugin_in_ggml_backend_path_is_loaded),
		TEST(a_plugin_that_does_not_load_is_a_problem),
		TEST(a_library_without_a_backend_is_a_problem),
		TEST(a_host_without_our_plugin_is_a_warning),
		TEST(a_host_with_our_plugin_is_well),
		TEST(backends_in_a_directory_of_their_own_are_found),
		TEST(two_plugins_in_a_directory_are_reported),
		TEST(a_plugin_for_another_architecture_is_a_problem),
		cmocka_unit_test(causes_have_advice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
