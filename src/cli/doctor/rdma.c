/* RDMA as the kernel shows it: what there is, what it is called, and what of it a connection would use. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor/checks.h"
#include "transport/list/transports.h"

#define AREA "rdma"
#define GID 16
#define ROCE_MTU_MIN 4200 /* bytes of an interface's MTU from which packets carry 4096 */

/* An entry of a GID table. */
struct gid {
	uint8_t raw[GID];
	bool v2;
	char netdev[32];
};

/* One device and port, and what all of them come to. */
struct look {
	const struct gw_sources *s;
	const struct gw_doctor_path *path; /* NULL: none */
	struct gw_findings *f;
	const char *want_device; /* GGML_RDMA_DEV, or NULL */
	const char *want_gid;    /* GGML_RDMA_GID, or NULL */
	bool has_wanted_device;
	bool matches;        /* a GID is the path's address */
	bool matches_v2;     /* and one of RoCE v2 */
	bool has_infiniband; /* an active InfiniBand port */
	bool sits_below;     /* a device is on an interface below the path's */
	char below[96];      /* "mlx5_0 is on eth0" */
};

static bool parse_gid(const char *text, uint8_t out[GID])
{
	static const uint8_t zero[GID];
	return inet_pton(AF_INET6, text, out) == 1 && memcmp(out, zero, GID) != 0;
}

static void gid_text(const uint8_t raw[GID], char out[INET6_ADDRSTRLEN])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (memcmp(raw, mapped, sizeof(mapped)) == 0)
		inet_ntop(AF_INET, raw + 12, out, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, raw, out, INET6_ADDRSTRLEN);
}

/* False for an entry that is empty. */
static bool read_gid(const struct look *l, const char *dev, const char *port, const char *index, struct gid *out)
{
	char line[64];
	*out = (struct gid){0};
	if (!gw_source_line(line, sizeof(line), l->s->sys, "class/infiniband/%s/ports/%s/gids/%s", dev, port, index) ||
		!parse_gid(line, out->raw))
		return false;
	if (gw_source_line(
		    line, sizeof(line), l->s->sys, "class/infiniband/%s/ports/%s/gid_attrs/types/%s", dev, port, index))
		out->v2 = strstr(line, "v2") != NULL;
	(void)gw_source_line(out->netdev, sizeof(out->netdev), l->s->sys,
		"class/infiniband/%s/ports/%s/gid_attrs/ndevs/%s", dev, port, index);
	return true;
}

static void take_gid(struct look *l, const char *dev, const struct gid *gid)
{
	const struct gw_doctor_path *path = l->path;
	if (!path || !path->connected)
		return;
	if (memcmp(gid->raw, path->local, GID) == 0) {
		l->matches = true;
		l->matches_v2 |= gid->v2;
	}
	/* The interface of the connection is a bridge or bond, and the device belongs to one of its ports. */
	if (gid->netdev[0] && path->netdev[0] &&
		gw_source_exists(l->s->sys, "class/net/%s/lower_%s", path->netdev, gid->netdev)) {
		l->sits_below = true;
		snprintf(l->below, sizeof(l->below), "%s is on %s", dev, gid->netdev);
	}
}

static void check_mtu(struct look *l, const char *dev, const char *port, const char *netdev)
{
	char mtu[32];
	if (!netdev[0] || !gw_source_line(mtu, sizeof(mtu), l->s->sys, "class/net/%s/mtu", netdev) ||
		atoi(mtu) >= ROCE_MTU_MIN)
		return;
	gw_found(l->f, GW_FINDING_WARNING, AREA, "%s port %s: interface %s has an MTU of %s, so packets carry %d bytes",
		dev, port, netdev, mtu, atoi(mtu) >= 2200 ? 2048 : 1024);
	gw_found_advice(l->f, "ip link set %s mtu 9000, on both machines and on the switch between them", netdev);
}

static void say_gids(struct look *l, const char *dev, const char *port)
{
	struct gw_source_names list = gw_source_list(l->s->sys, "class/infiniband/%s/ports/%s/gids", dev, port);
	char address[INET6_ADDRSTRLEN], netdev[32] = "";
	struct gid gid;
	size_t n = 0;
	for (size_t i = 0; i < list.n; i++) {
		if (!read_gid(l, dev, port, list.names[i], &gid))
			continue;
		n++;
		gid_text(gid.raw, address);
		gw_found(l->f, GW_FINDING_OK, AREA, "%s port %s: GID %s is %s, RoCE %s%s%s", dev, port, list.names[i],
			address, gid.v2 ? "v2" : "v1", gid.netdev[0] ? ", interface " : "", gid.netdev);
		take_gid(l, dev, &gid);
		memcpy(netdev, gid.netdev, sizeof(netdev));
	}
	gw_source_names_free(&list);
	check_mtu(l, dev, port, netdev);
	if (n > 0)
		return;
	gw_found(l->f, GW_FINDING_PROBLEM, AREA, "%s port %s: the GID table is empty", dev, port);
	gw_found_advice(
		l->f, "give its network interface an address and bring it up: ip addr add ..., ip link set ... up");
}

static void say_infiniband(struct look *l, const char *dev, const char *port)
{
	l->has_infiniband = true;
	gw_found(
		l->f, GW_FINDING_WARNING, AREA, "%s port %s is InfiniBand, whose GIDs are not IP addresses", dev, port);
	gw_found_advice(l->f,
		"ggwire peers use it if no RoCE device fits; connections to stock peers stay on TCP; TCP itself "
		"needs an address on the port (IPoIB)");
}

static void say_port(struct look *l, const char *dev, const char *port)
{
	char state[64] = "?", layer[64] = "?", rate[64] = "?";
	(void)gw_source_line(state, sizeof(state), l->s->sys, "class/infiniband/%s/ports/%s/state", dev, port);
	(void)gw_source_line(layer, sizeof(layer), l->s->sys, "class/infiniband/%s/ports/%s/link_layer", dev, port);
	(void)gw_source_line(rate, sizeof(rate), l->s->sys, "class/infiniband/%s/ports/%s/rate", dev, port);
	if (!strstr(state, "ACTIVE")) {
		gw_found(l->f, GW_FINDING_WARNING, AREA, "%s port %s is not active (%s)", dev, port, state);
		gw_found_advice(l->f, "plug in the cable, bring the interface up, and check the switch port");
		return;
	}
	gw_found(l->f, GW_FINDING_OK, AREA, "%s port %s is active: %s, %s", dev, port, layer, rate);
	if (strcmp(layer, "InfiniBand") == 0)
		say_infiniband(l, dev, port);
	else
		say_gids(l, dev, port);
}

static void say_device(struct look *l, const char *dev)
{
	struct gw_source_names ports = gw_source_list(l->s->sys, "class/infiniband/%s/ports", dev);
	l->has_wanted_device |= l->want_device && strcmp(l->want_device, dev) == 0;
	for (size_t i = 0; i < ports.n; i++)
		say_port(l, dev, ports.names[i]);
	if (ports.n == 0)
		gw_found(l->f, GW_FINDING_WARNING, AREA, "%s has no port", dev);
	gw_source_names_free(&ports);
}

/* Devices that the kernel shows and this process must not open. */
static void check_files(const struct gw_sources *s, struct gw_findings *f)
{
	struct gw_source_names files = gw_source_list(s->dev, "infiniband");
	bool any = false;
	for (size_t i = 0; i < files.n; i++)
		any |= strncmp(files.names[i], "uverbs", 6) == 0;
	gw_source_names_free(&files);
	if (any)
		return;
	gw_found(f, GW_FINDING_PROBLEM, AREA,
		"there are RDMA devices, but no /dev/infiniband/uverbs*: is this a container without device files?");
	gw_found_advice(f, "start the container with --network host --device /dev/infiniband --ulimit memlock=-1; "
			   "outside a container, run modprobe ib_uverbs");
}

static void check_environment(struct look *l)
{
	const char *transport = getenv("GGML_RPC_TRANSPORT");
	if (getenv("GGML_RPC_NO_RDMA") || (transport && strcmp(transport, "tcp") == 0)) {
		gw_found(l->f, GW_FINDING_WARNING, AREA, "RDMA is disabled on this machine by %s",
			getenv("GGML_RPC_NO_RDMA") ? "GGML_RPC_NO_RDMA" : "GGML_RPC_TRANSPORT=tcp");
		gw_found_advice(l->f, "unset the variable to use RDMA");
	}
	if (l->want_device && !l->has_wanted_device) {
		gw_found(l->f, GW_FINDING_PROBLEM, AREA, "GGML_RDMA_DEV=%s: there is no such device", l->want_device);
		gw_found_advice(l->f, "unset it, or name one of the devices above");
	}
}

static void say_no_match(const struct look *l)
{
	const struct gw_doctor_path *path = l->path;
	const char *where = path->netdev[0] ? path->netdev : "another interface";
	if (l->has_infiniband) {
		gw_found(l->f, GW_FINDING_OK, AREA,
			"no GID is %s: a connection to a ggwire peer would use the InfiniBand port", path->local_text);
	} else if (l->sits_below) {
		gw_found(l->f, GW_FINDING_PROBLEM, AREA,
			"no GID is %s: this address belongs to %s, a bridge or bond, but %s", path->local_text, where,
			l->below);
		gw_found_advice(l->f, "give the card itself an address, and connect to that address");
	} else {
		gw_found(l->f, GW_FINDING_PROBLEM, AREA,
			"no GID is %s, the local address of connections to this server (on %s)", path->local_text,
			where);
		gw_found_advice(l->f,
			"use addresses of the RDMA interfaces at both ends; start a container with --network host");
	}
}

/* What the library itself chooses is what counts; without it, what the tables say. */
static void say_choice(const struct look *l, const char *library_error)
{
	char choice[160];
	struct gw_error why;
	if (!l->matches && !l->want_gid) {
		say_no_match(l);
		return;
	}
	if (library_error)
		return;
	if (gw_transport_upgrade->describe(l->path->local, choice, sizeof(choice), &why)) {
		gw_found(l->f, GW_FINDING_PROBLEM, AREA, "no device for connections from %s: %s", l->path->local_text,
			why.text);
		const char *advice = gw_doctor_upgrade_advice(why.cause);
		if (advice)
			gw_found_advice(l->f, "%s", advice);
		return;
	}
	gw_found(l->f, GW_FINDING_OK, AREA, "connections from %s use %s: %s", l->path->local_text, choice,
		l->want_gid ? "set by GGML_RDMA_GID" : "it has that address");
}

static void say_v1(const struct look *l)
{
	if (!l->matches || l->matches_v2 || l->want_gid)
		return;
	gw_found(l->f, GW_FINDING_WARNING, AREA, "%s is a RoCE v1 GID, which routers do not forward",
		l->path->local_text);
	gw_found_advice(l->f, "switch to RoCE v2: cma_roce_mode -d DEVICE -m 2, or the driver's setting");
}

static const char *set(const char *variable)
{
	const char *value = getenv(variable);
	return value && *value ? value : NULL;
}

void gw_doctor_rdma(
	const struct gw_sources *s, const struct gw_doctor_path *path, const char *library_error, struct gw_findings *f)
{
	struct look l = {
		.s = s, .path = path, .f = f, .want_device = set("GGML_RDMA_DEV"), .want_gid = set("GGML_RDMA_GID")};
	struct gw_source_names devices = gw_source_list(s->sys, "class/infiniband");
	if (devices.n == 0) {
		gw_found(f, GW_FINDING_OK, AREA, "no RDMA device on this machine: connections use TCP");
		check_environment(&l);
		return;
	}
	if (library_error) {
		gw_found(f, GW_FINDING_PROBLEM, AREA, "%s", library_error);
		gw_found_advice(f, "apt install libibverbs1 ibverbs-providers");
	}
	check_files(s, f);
	for (size_t i = 0; i < devices.n; i++)
		say_device(&l, devices.names[i]);
	gw_source_names_free(&devices);
	gw_doctor_memlock(s, f);
	check_environment(&l);
	if (path && path->connected && !path->loopback) {
		say_choice(&l, library_error);
		say_v1(&l);
	}
}

const char *gw_doctor_upgrade_advice(unsigned cause)
{
	static const char *const advice[GW_UPGRADE_CAUSES] = {
		[GW_UPGRADE_CAUSE_NOT_BUILT] = "configure ggwire with -DGGWIRE_RDMA=ON",
		[GW_UPGRADE_CAUSE_SWITCHED_OFF] =
			"unset GGML_RPC_NO_RDMA and GGML_RPC_TRANSPORT there; --transport auto for the server",
		[GW_UPGRADE_CAUSE_NO_LIBRARY] = "apt install libibverbs1 ibverbs-providers",
		[GW_UPGRADE_CAUSE_NO_DEVICE] =
			"load the card's driver and ib_uverbs, or give the container /dev/infiniband",
		[GW_UPGRADE_CAUSE_NO_ADDRESS] = "use addresses of the RDMA interfaces at both ends",
		[GW_UPGRADE_CAUSE_BAD_SETTING] =
			"unset GGML_RDMA_DEV and GGML_RDMA_GID, or set them to a device and an entry that exist",
		[GW_UPGRADE_CAUSE_NO_MEMORY] = "raise the limit of locked memory: ulimit -l unlimited",
		[GW_UPGRADE_CAUSE_NO_ROUTE] = "set GGML_RDMA_GID to a GID of the same network at both ends",
		[GW_UPGRADE_CAUSE_NO_PASSAGE] =
			"allow UDP port 4791, and set the same MTU at both ends and on the switch",
		[GW_UPGRADE_CAUSE_ENCRYPTED] = "GGWIRE_RDMA_PLAINTEXT=1 here and --rdma-plaintext there",
		[GW_UPGRADE_CAUSE_NOT_OFFERED] = "look at the server's own log, or run ggwire doctor there",
	};
	return cause < GW_UPGRADE_CAUSES ? advice[cause] : NULL;
}
