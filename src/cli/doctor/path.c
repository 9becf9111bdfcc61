/* The way to a server, step by step: name, connection, handshake, versions, transport, and how fast it is. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/doctor/checks.h"
#include "cli/query.h"
#include "cli/stats.h"
#include "cli/verb.h"
#include "cli/verb_client.h"
#include "transport/list/endpoint.h"
#include "transport/tcp/address.h"
#include "transport/tcp/tcp.h"
#include "transport/upgrade.h"
#include "version.h"
#include "wire/cursor.h"

#define AREA "path"
#define ROUND_TRIPS 50
#define PIECE ((size_t)2 << 20)
#define STREAM_NS UINT64_C(300000000)

static const char *connect_advice(int failure)
{
	switch (failure) {
	case ECONNREFUSED:
		return "the machine is up, but nothing listens on that port: start ggwire serve with -H ADDRESS (by "
		       "default it listens on 127.0.0.1, which other machines cannot reach), or check whether a "
		       "firewall rejects the port";
	case ETIMEDOUT:
		return "check that the machine is on, that the address is right, and that no firewall drops packets "
		       "to the port";
	case EHOSTUNREACH:
	case ENETUNREACH:
		return "there is no route, or a router or firewall rejects the connection: check with ip route get "
		       "ADDRESS";
	case ECONNRESET:
		return "something on the path resets connections: a firewall, or a proxy whose server is down";
	case EACCES:
	case EPERM:
		return "a local firewall or security policy forbids it";
	default:
		return "check the address and this machine's network";
	}
}

static void set_mapped(uint8_t out[16], const struct sockaddr *a)
{
	memset(out, 0, 16);
	if (a->sa_family == AF_INET6) {
		memcpy(out, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 16);
		return;
	}
	out[10] = out[11] = 0xff;
	memcpy(out + 12, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
}

static bool is_ip(const struct sockaddr *a)
{
	return a && (a->sa_family == AF_INET || a->sa_family == AF_INET6);
}

/* The interface that has the address. */
static void find_netdev(struct gw_doctor_path *path)
{
	struct ifaddrs *list;
	uint8_t address[16];
	if (getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *i = list; i && !path->netdev[0]; i = i->ifa_next) {
		if (!is_ip(i->ifa_addr))
			continue;
		set_mapped(address, i->ifa_addr);
		if (memcmp(address, path->local, sizeof(address)) == 0)
			snprintf(path->netdev, sizeof(path->netdev), "%s", i->ifa_name);
	}
	freeifaddrs(list);
}

static void note_local(int fd, struct gw_doctor_path *path)
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof(address);
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return;
	set_mapped(path->local, (const struct sockaddr *)&address);
	bool v4 = memcmp(path->local, mapped, sizeof(mapped)) == 0;
	inet_ntop(v4 ? AF_INET : AF_INET6, path->local + (v4 ? 12 : 0), path->local_text, sizeof(path->local_text));
	path->connected = true;
	find_netdev(path);
	path->loopback = strcmp(path->netdev, "lo") == 0;
}

/* Each address of the name by itself: one that fails is worth a line even where another does not. */
static bool reach(const struct gw_endpoint *ep, int timeout_ms, struct gw_doctor_path *path, struct gw_findings *f)
{
	struct addrinfo *list;
	struct gw_error err;
	char name[128];
	if (gw_tcp_resolve(ep, false, &list, &err)) {
		gw_found(f, GW_FINDING_PROBLEM, AREA, "%s", err.text);
		gw_found_advice(
			f, "use the machine's address, or check the spelling, /etc/hosts and DNS (getent hosts NAME)");
		return false;
	}
	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		uint64_t start = gw_clock_ns();
		int fd = -1, failure = gw_tcp_try_address(ai, gw_clock_deadline(timeout_ms), &fd);
		gw_tcp_address_text(ai->ai_addr, ai->ai_addrlen, name, sizeof(name));
		if (failure) {
			gw_found(f, GW_FINDING_PROBLEM, AREA, "%s: %s", name,
				failure == ETIMEDOUT ? "no answer" : strerror(failure));
			gw_found_advice(f, "%s", connect_advice(failure));
			continue;
		}
		gw_found(f, GW_FINDING_OK, AREA, "%s accepts connections (%.1f ms)", name,
			(double)(gw_clock_ns() - start) / 1e6);
		if (!path->connected)
			note_local(fd, path);
		close(fd);
	}
	freeaddrinfo(list);
	return path->connected;
}

static void say_no_handshake(enum gw_status status, const struct gw_error *err, struct gw_findings *f)
{
	gw_found(f, GW_FINDING_PROBLEM, AREA, "%s", err->text);
	if (status == GW_ERR_TIMEOUT)
		gw_found_advice(f,
			"wait until the other client has left, or run ggwire serve there, which serves many; if no "
			"server runs there, a firewall or proxy may have accepted the connection");
	else if (status == GW_ERR_LIMIT)
		gw_found_advice(f, "the server's log has a line for each refused client");
	else if (status == GW_ERR_PROTOCOL)
		gw_found_advice(f, "check the port: what answers is not an RPC server, or it refuses this machine "
				   "(--allow, --max-clients), which its log says");
	else if (status == GW_ERR_UNSUPPORTED)
		gw_found_advice(f,
			"update the older end, or serve old clients on an endpoint of their own (--listen ...,proto=)");
}

static void say_versions(const struct gw_client *c, const struct gw_query *q, struct gw_findings *f)
{
	struct gw_version theirs = gw_client_server(c).version, used = gw_client_dialect(c)->version;
	const char *version = q->info.version;
	char text[GW_QUERY_TEXT];
	gw_query_server_text(c, q, text);
	gw_found(f, GW_FINDING_OK, AREA, "it is a %s, compatible with this ggwire %s", text, GGWIRE_VERSION);
	if (memcmp(&theirs, &used, sizeof(used)) != 0) {
		gw_found(f, GW_FINDING_WARNING, AREA,
			"it speaks protocol %u.%u.%u, newer than this ggwire, which uses %u.%u.%u", theirs.major,
			theirs.minor, theirs.patch, used.major, used.minor, used.patch);
		gw_found_advice(f, "update ggwire here");
	}
	if (version[0] && strcmp(version, GGWIRE_VERSION) != 0) {
		gw_found(f, GW_FINDING_WARNING, AREA, "the server runs ggwire %s, this machine %s", version,
			GGWIRE_VERSION);
		gw_found_advice(f, "this works; run the same version at both ends to use all extensions");
	}
	for (uint32_t i = 0; i < q->info.n_devices; i++)
		if (q->memory[i].free < q->memory[i].total / 20) {
			gw_found(f, GW_FINDING_WARNING, AREA, "device %u has less than 5 %% of its memory free",
				(unsigned)i);
			gw_found_advice(f, "another client or program uses it: see ggwire status");
		}
}

static void say_transport(const struct gw_client *c, bool tcp, struct gw_findings *f)
{
	const struct gw_error *why = gw_client_why_not_upgraded(c);
	struct gw_source_names devices = gw_source_list("/sys", "class/infiniband");
	bool has_rdma = devices.n > 0;
	gw_source_names_free(&devices);
	const char *title = gw_client_transport(c)->ops->title;
	if (!why || !tcp) {
		gw_found(f, GW_FINDING_OK, AREA, "the connection runs over %s", title);
		return;
	}
	gw_found(f, has_rdma ? GW_FINDING_WARNING : GW_FINDING_OK, AREA, "the connection runs over %s: %s", title,
		why->text);
	const char *advice = gw_doctor_upgrade_advice(why->cause);
	if (has_rdma && advice)
		gw_found_advice(f, "%s", advice);
}

static void measure_round_trip(struct gw_client *c, struct gw_doctor_path *path)
{
	struct gw_stats stats = {0};
	for (unsigned i = 0; i < ROUND_TRIPS; i++) {
		uint64_t start = gw_clock_ns();
		if (gw_client_ping(c, NULL) || gw_stats_add(&stats, gw_clock_ns() - start))
			break;
	}
	if (stats.n == ROUND_TRIPS)
		path->round_trip_ms = gw_stats_min_ms(&stats);
	gw_stats_free(&stats);
}

static enum gw_status send_piece(struct gw_client *c, const uint8_t *piece)
{
	const struct gw_dest nothing = {.base = NULL};
	uint64_t ticket;
	enum gw_status status = gw_client_stream(c, piece, PIECE, &nothing, &ticket, NULL);
	return status ? status : gw_client_drain(c, ticket);
}

static void measure_rate(struct gw_client *c, struct gw_doctor_path *path)
{
	uint8_t *piece = calloc(1, PIECE);
	uint64_t start = gw_clock_ns(), bytes = 0;
	while (piece && gw_clock_ns() - start < STREAM_NS && send_piece(c, piece) == GW_OK)
		bytes += PIECE;
	if (bytes > 0)
		path->bytes_per_s = (double)bytes / ((double)(gw_clock_ns() - start) / 1e9);
	free(piece);
}

static void measure(struct gw_client *c, const struct gw_query *q, struct gw_doctor_path *path, struct gw_findings *f)
{
	char text[GW_EXT_REFUSAL_TEXT];
	measure_round_trip(c, path);
	if (q->info.flags & GW_EXT_SERVER_FULL) {
		gw_found(f, GW_FINDING_WARNING, AREA, "%s", gw_ext_refusal_text(&q->info.refusal, text));
		gw_found_advice(f, "ggwire status shows who uses it; its log has a line for each refused client");
		return;
	}
	if (q->info.flags & GW_EXT_SERVER_STREAM)
		measure_rate(c, path);
	if (path->bytes_per_s > 0)
		gw_found(f, GW_FINDING_OK, AREA, "round trip %.3f ms, upload %.0f MB/s", path->round_trip_ms,
			path->bytes_per_s / 1e6);
	else if (path->round_trip_ms > 0)
		gw_found(f, GW_FINDING_OK, AREA, "round trip %.3f ms", path->round_trip_ms);
}

static void shake_hands(const char *endpoint, double timeout_s, struct gw_doctor_path *path, struct gw_findings *f)
{
	struct gw_verb_client v;
	struct gw_error err;
	struct gw_query q = {0};
	struct gw_verb_target target = {.endpoint = endpoint, .timeout_s = timeout_s};
	enum gw_status status = gw_transport_mode_from_env(&target.mode, &err);
	if (!status)
		status = gw_verb_connect(&v, &target, &err);
	if (status) {
		say_no_handshake(status, &err, f);
		return;
	}
	if (gw_query_server(v.client, &q, &err) || gw_query_memory(v.client, &q, &err)) {
		gw_found(f, GW_FINDING_PROBLEM, AREA, "%s", err.text);
		gw_found_advice(f, "look at the server's log, which says why a worker died");
	} else {
		say_versions(v.client, &q, f);
		say_transport(v.client, path->connected, f);
		measure(v.client, &q, path, f);
	}
	gw_query_free(&q);
	gw_verb_disconnect(&v);
}

void gw_doctor_server(const char *endpoint, double timeout_s, struct gw_doctor_path *path, struct gw_findings *f)
{
	struct gw_endpoint ep;
	*path = (struct gw_doctor_path){0};
	if (gw_endpoint_parse(endpoint, false, &ep, NULL))
		return;
	if (ep.kind != &gw_tcp_transport || reach(&ep, (int)(timeout_s * 1000), path, f))
		shake_hands(endpoint, timeout_s, path, f);
}
