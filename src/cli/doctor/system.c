/* Limits and settings of the kernel that cost speed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/doctor/checks.h"
#include "cli/verb.h"

#define CAP_IPC_LOCK_BIT 14
#define CONNECTION_LOCKS (UINT64_C(10) << 20) /* what a connection over RDMA takes at one end: docs/rdma.md */

/* Drivers whose "powersave" is a governor of its own that goes up to full speed. */
static bool scales_by_itself(const struct gw_sources *s, const char *cpu)
{
	char driver[64];
	return gw_source_line(driver, sizeof(driver), s->sys, "devices/system/cpu/%s/cpufreq/scaling_driver", cpu) &&
	       (strcmp(driver, "intel_pstate") == 0 || strcmp(driver, "amd-pstate-epp") == 0);
}

void gw_doctor_governor(const struct gw_sources *s, struct gw_findings *f)
{
	struct gw_source_names cpus = gw_source_list(s->sys, "devices/system/cpu");
	char governor[64], last[64] = "";
	size_t slow = 0, known = 0;
	for (size_t i = 0; i < cpus.n; i++) {
		if (!gw_source_line(governor, sizeof(governor), s->sys,
			    "devices/system/cpu/%s/cpufreq/scaling_governor", cpus.names[i]))
			continue;
		known++;
		snprintf(last, sizeof(last), "%s", governor);
		slow += strcmp(governor, "powersave") == 0 && !scales_by_itself(s, cpus.names[i]);
	}
	gw_source_names_free(&cpus);
	if (known == 0) {
		gw_found(f, GW_FINDING_OK, "cpu", "no CPU frequency governor is visible");
	} else if (slow > 0) {
		gw_found(f, GW_FINDING_WARNING, "cpu",
			"%zu of %zu processors are held at their lowest frequency (powersave)", slow, known);
		gw_found_advice(f, "run cpupower frequency-set -g performance (or schedutil)");
	} else {
		gw_found(f, GW_FINDING_OK, "cpu", "frequency governor: %s", last);
	}
}

/* The last of the three numbers of tcp_rmem and tcp_wmem. */
static uint64_t tcp_limit(const struct gw_sources *s, const char *name)
{
	char line[128];
	unsigned long long least, usual, most;
	if (!gw_source_line(line, sizeof(line), s->proc, "sys/net/ipv4/%s", name) ||
		sscanf(line, "%llu %llu %llu", &least, &usual, &most) != 3)
		return 0;
	return most;
}

/* Bytes a second that the interface can do; 0 where it does not say, as virtual ones do. */
static double link_speed(const struct gw_sources *s, const char *netdev)
{
	char line[32];
	if (!netdev[0] || !gw_source_line(line, sizeof(line), s->sys, "class/net/%s/speed", netdev))
		return 0;
	double megabits = strtod(line, NULL);
	return megabits > 0 ? megabits * 1e6 / 8 : 0;
}

static void check_buffer(
	const struct gw_sources *s, const char *name, double needed, double rate, struct gw_findings *f)
{
	uint64_t limit = tcp_limit(s, name);
	char have[GW_UNITS_TEXT], need[GW_UNITS_TEXT];
	if (limit == 0)
		return;
	/* Half of a buffer is for the kernel's own overhead. */
	if ((double)limit / 2 >= needed) {
		gw_found(f, GW_FINDING_OK, "sockets", "%s: up to %s, enough for this path", name,
			gw_units_bytes((double)limit, have));
		return;
	}
	uint64_t wanted = (uint64_t)(needed * 2) / (1 << 20) * (1 << 20) + (1 << 20);
	gw_found(f, GW_FINDING_WARNING, "sockets",
		"%s: a connection's buffer is limited to %s, but this path needs %s (%.0f MB/s for one round trip)",
		name, gw_units_bytes((double)limit, have), gw_units_bytes((double)needed, need), rate / 1e6);
	gw_found_advice(f, "run sysctl -w net.ipv4.%s=\"4096 131072 %" PRIu64 "\" (add it to /etc/sysctl.d to keep it)",
		name, wanted);
}

/* The system's own limit for programs that choose their buffer: ggwire leaves it to the kernel, so it is no finding. */
static void say_core_limits(const struct gw_sources *s, struct gw_findings *f)
{
	char receive[32], send[32];
	if (gw_source_line(receive, sizeof(receive), s->proc, "sys/net/core/rmem_max") &&
		gw_source_line(send, sizeof(send), s->proc, "sys/net/core/wmem_max"))
		gw_found(f, GW_FINDING_OK, "sockets",
			"net.core.rmem_max %s, wmem_max %s: not a limit, because the kernel sizes the buffers itself",
			receive, send);
}

void gw_doctor_sockets(const struct gw_sources *s, const struct gw_doctor_path *path, struct gw_findings *f)
{
	if (!path || !path->connected || path->loopback || path->round_trip_ms <= 0)
		return;
	double rate = link_speed(s, path->netdev);
	if (path->bytes_per_s > rate)
		rate = path->bytes_per_s;
	if (rate <= 0)
		return;
	double needed = rate * path->round_trip_ms / 1e3;
	check_buffer(s, "tcp_rmem", needed, rate, f);
	check_buffer(s, "tcp_wmem", needed, rate, f);
	say_core_limits(s, f);
}

static bool may_lock_anything(const struct gw_sources *s)
{
	char line[64];
	return gw_source_find(line, sizeof(line), s->proc, "self/status", "CapEff:") &&
	       (strtoull(line, NULL, 16) >> CAP_IPC_LOCK_BIT & 1);
}

void gw_doctor_memlock(const struct gw_sources *s, struct gw_findings *f)
{
	char line[128], text[GW_UNITS_TEXT];
	if (!gw_source_find(line, sizeof(line), s->proc, "self/limits", "Max locked memory"))
		return;
	bool unlimited = strncmp(line, "unlimited", 9) == 0;
	uint64_t limit = strtoull(line, NULL, 10);
	if (unlimited || may_lock_anything(s)) {
		gw_found(f, GW_FINDING_OK, "rdma", "locked memory is not limited");
		return;
	}
	gw_units_bytes((double)limit, text);
	if (limit >= 8 * CONNECTION_LOCKS) {
		gw_found(f, GW_FINDING_OK, "rdma", "locked memory is limited to %s", text);
		return;
	}
	gw_found(f, limit < CONNECTION_LOCKS ? GW_FINDING_PROBLEM : GW_FINDING_WARNING, "rdma",
		"locked memory is limited to %s; a connection over RDMA takes 10 MiB", text);
	gw_found_advice(f, "raise the limit: ulimit -l unlimited, LimitMEMLOCK=infinity in a systemd unit, or --ulimit "
			   "memlock=-1 for a container");
}
