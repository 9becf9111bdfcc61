#include "transport/list/pairing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "transport/list/transports.h"
#include "transport/tcp/address.h"
#include "transport/tcp/tcp.h"
#include "transport/upgrade.h"

#define LOWEST_PORT 1024
/* As stock servers do. The other one is told to listen at the same time. */
#define CONNECT_MS 5000
#define RETRY_MS 50

#define ATTEMPT_MS 2000 /* for one address */
#define BACKLOG 4
#define CANDIDATES 8 /* connections that have not sent anything yet */
#define ADDRESSES 16 /* of the other server */

/* The other server's addresses: IPv6, with IPv4 mapped into it. */
struct peers {
	struct in6_addr address[ADDRESSES];
	size_t n;
};

/* Waiting for the other server. */
struct wait {
	const struct gw_pairing_rules *rules;
	struct peers peers;
	struct pollfd poll[1 + CANDIDATES]; /* the listener, and connections that may be the other server's */
	nfds_t n;
	bool called_off;
};

static bool is_loopback(const struct in6_addr *a)
{
	return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

static bool is_one_machine(const struct in6_addr *a)
{
	bool any_ipv4 = IN6_IS_ADDR_V4MAPPED(a) && (a->s6_addr[12] == 0 || a->s6_addr[12] >= 224);
	return !IN6_IS_ADDR_UNSPECIFIED(a) && !IN6_IS_ADDR_MULTICAST(a) && !any_ipv4;
}

static struct in6_addr mapped(const struct in_addr *ipv4)
{
	struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
	memcpy(a.s6_addr + 12, ipv4, sizeof(*ipv4));
	return a;
}

static bool to_ipv6(const struct sockaddr *address, struct in6_addr *out)
{
	if (address->sa_family == AF_INET6) {
		*out = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
		return true;
	}
	if (address->sa_family != AF_INET)
		return false;
	*out = mapped(&((const struct sockaddr_in *)(const void *)address)->sin_addr);
	return true;
}

static socklen_t to_sockaddr(const struct in6_addr *a, uint16_t port, union gw_socket_address *out)
{
	*out = (union gw_socket_address){0};
	if (!IN6_IS_ADDR_V4MAPPED(a)) {
		out->in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = *a};
		return sizeof(out->in6);
	}
	out->in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	memcpy(&out->in.sin_addr, a->s6_addr + 12, 4);
	return sizeof(out->in);
}

enum gw_status gw_pairing_rules_init(
	const struct gw_endpoint *own, const char *peer, struct gw_pairing_rules *rules, struct gw_error *err)
{
	struct gw_endpoint client = {.kind = &gw_tcp_transport};
	struct in_addr ipv4;
	if (own->kind != &gw_tcp_transport)
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "the client is connected through a Unix socket");
	*rules = (struct gw_pairing_rules){.port = own->port};
	memcpy(rules->host, own->host, sizeof(rules->host));
	if (gw_tcp_transport.parse(peer, true, &client, NULL))
		return GW_OK;
	/* Addresses are compared without their scope. */
	client.host[strcspn(client.host, "%")] = '\0';
	if (inet_pton(AF_INET, client.host, &ipv4) == 1)
		rules->client = mapped(&ipv4);
	else
		(void)inet_pton(AF_INET6, client.host, &rules->client);
	return GW_OK;
}

static bool permits(const struct gw_pairing_rules *rules, const struct in6_addr *a)
{
	union gw_socket_address address;
	to_sockaddr(a, 0, &address);
	return !rules->permits || rules->permits(rules->user, &address.any);
}

/* What a client on another machine calls localhost is that machine. */
static struct in6_addr seen_from_here(const struct in6_addr *a, const struct gw_pairing_rules *rules)
{
	bool known = !IN6_IS_ADDR_UNSPECIFIED(&rules->client);
	return known && is_loopback(a) && !is_loopback(&rules->client) ? rules->client : *a;
}

static bool knows(const struct peers *peers, const struct in6_addr *a)
{
	for (size_t i = 0; i < peers->n; i++)
		if (IN6_ARE_ADDR_EQUAL(&peers->address[i], a))
			return true;
	return false;
}

static enum gw_status find_peers(const struct gw_pairing *pairing, const struct gw_pairing_rules *rules,
	struct peers *peers, struct gw_error *err)
{
	struct gw_endpoint ep = {.kind = &gw_tcp_transport, .port = pairing->port};
	struct addrinfo *list;
	snprintf(ep.host, sizeof(ep.host), "%s", pairing->host);
	enum gw_status status = gw_tcp_resolve(&ep, false, &list, err);
	if (status)
		return status;
	for (const struct addrinfo *ai = list; ai && peers->n < ADDRESSES; ai = ai->ai_next) {
		struct in6_addr a;
		if (!to_ipv6(ai->ai_addr, &a))
			continue;
		a = seen_from_here(&a, rules);
		if (is_one_machine(&a) && permits(rules, &a) && !knows(peers, &a))
			peers->address[peers->n++] = a;
	}
	freeaddrinfo(list);
	if (peers->n == 0)
		return gw_error_set(
			err, GW_ERR_INVALID, "no address of \"%s\" is allowed here (--allow)", pairing->host);
	return GW_OK;
}

/* 0 or an errno. */
static int connect_once(const struct peers *peers, uint16_t port, uint64_t deadline, int *fd)
{
	int failure = ETIMEDOUT;
	for (size_t i = 0; i < peers->n && gw_clock_ns() < deadline; i++) {
		uint64_t attempt = gw_clock_deadline(ATTEMPT_MS);
		union gw_socket_address address;
		struct addrinfo ai = {.ai_socktype = SOCK_STREAM, .ai_addr = &address.any};
		ai.ai_addrlen = to_sockaddr(&peers->address[i], port, &address);
		ai.ai_family = address.any.sa_family;
		failure = gw_tcp_try_address(&ai, attempt < deadline ? attempt : deadline, fd);
		if (!failure)
			return 0;
	}
	return failure;
}

static enum gw_status connect_to_peer(
	const struct gw_pairing *pairing, const struct peers *peers, int *fd, struct gw_error *err)
{
	const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
	uint64_t deadline = gw_clock_deadline(CONNECT_MS);
	int failure;
	while ((failure = connect_once(peers, pairing->port, deadline, fd))) {
		if (pairing->links || gw_clock_ns() >= deadline)
			return gw_error_set(err, GW_ERR_TIMEOUT, "cannot connect to %s:%u: %s", pairing->host,
				pairing->port, strerror(failure));
		nanosleep(&pause, NULL);
	}
	return GW_OK;
}

static enum gw_status open_link(
	const struct gw_pairing *pairing, const struct peers *peers, int *fd, struct gw_error *err)
{
	int made;
	enum gw_status status = connect_to_peer(pairing, peers, &made, err);
	if (status)
		return status;
	/* A new connection has room for this little. */
	if (send(made, pairing->first, sizeof(pairing->first), MSG_NOSIGNAL) != (ssize_t)sizeof(pairing->first)) {
		close(made);
		return gw_error_set(err, GW_ERR_LOST, "%s:%u closed the connection", pairing->host, pairing->port);
	}
	*fd = made;
	return GW_OK;
}

static void drop(int fd, const char *why)
{
	char name[128];
	gw_transport_peer_name(fd, name, sizeof(name));
	gw_log_warn("connection from %s dropped while waiting for another server: %s", name, why);
	close(fd);
}

static bool address_of(int fd, struct in6_addr *out)
{
	union gw_socket_address address = {0};
	socklen_t len = sizeof(address);
	return getpeername(fd, &address.any, &len) == 0 && to_ipv6(&address.any, out);
}

static bool is_client(const struct wait *w, const struct in6_addr *a)
{
	return IN6_ARE_ADDR_EQUAL(a, &w->rules->client);
}

/* Whether a connection may be the other server's, or the client's, as far as its address tells. */
static bool is_welcome(const struct wait *w, int fd)
{
	struct in6_addr a;
	if (!address_of(fd, &a))
		close(fd);
	else if (w->peers.n > 0 && !knows(&w->peers, &a) && !is_client(w, &a))
		drop(fd, "the client expects it from another address");
	else if (!permits(w->rules, &a))
		drop(fd, "--allow does not name it");
	else
		return true;
	return false;
}

static void take_candidate(struct wait *w)
{
	int fd = accept4(w->poll[0].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 || !is_welcome(w, fd))
		return;
	if (w->n > CANDIDATES) {
		drop(w->poll[1].fd, "it is silent, and others have come");
		memmove(&w->poll[1], &w->poll[2], (--w->n - 1) * sizeof(w->poll[0]));
	}
	w->poll[w->n++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* The first thing that the other server sends is its queue pair and packet number (docs/protocol.md, HELLO), or zeros.
 */
static bool is_plausible(const uint8_t caps[GW_UPGRADE_CAPS])
{
	static const uint8_t none[GW_UPGRADE_CAPS];
	return memcmp(caps, none, sizeof(none)) == 0 || (memcmp(caps, caps + 4, 3) == 0 && caps[7] == 0);
}

/* Looks at what candidate i has sent, and leaves it there. True if it is the other server. */
static bool is_peer(struct wait *w, nfds_t i)
{
	uint8_t caps[GW_UPGRADE_CAPS];
	struct in6_addr a = {0};
	int fd = w->poll[i].fd;
	ssize_t n = recv(fd, caps, sizeof(caps), MSG_PEEK | MSG_DONTWAIT);
	bool by_client = address_of(fd, &a) && is_client(w, &a);
	bool by_peer = w->peers.n == 0 || knows(&w->peers, &a);
	if (n == (ssize_t)sizeof(caps) && is_plausible(caps) && by_peer)
		return true;
	if (n > 0 && n < (ssize_t)sizeof(caps))
		return false;
	w->poll[i] = w->poll[--w->n];
	w->called_off |= n == 0 && by_client;
	drop(fd, n > 0 ? "it does not begin as a server does" : "it was closed");
	return false;
}

/* -1 when the time is over, or the client has come to say that nobody else will. */
static int await_peer(struct wait *w)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	uint64_t deadline = gw_clock_deadline(GW_PAIRING_MS);
	while (gw_clock_ns() < deadline && !w->called_off) {
		if (poll(w->poll, w->n, gw_clock_ms_left(deadline)) <= 0)
			continue;
		for (nfds_t i = w->n; i-- > 1;)
			if (w->poll[i].revents && is_peer(w, i))
				return w->poll[i].fd;
		if (w->poll[0].revents)
			take_candidate(w);
		else
			/* Somebody has sent the beginning of something. */
			nanosleep(&pause, NULL);
	}
	return -1;
}

static enum gw_status nobody_came(const struct wait *w, uint16_t port, struct gw_error *err)
{
	if (w->called_off)
		return gw_error_set(err, GW_ERR_CLOSED, "the other server is not going to come");
	return gw_error_set(err, GW_ERR_TIMEOUT, "the other server did not connect to port %u within %d s", port,
		GW_PAIRING_MS / 1000);
}

static enum gw_status listen_for_peer(const struct gw_pairing *pairing, struct wait *w, int *fd, struct gw_error *err)
{
	struct gw_endpoint ep = {.kind = &gw_tcp_transport, .port = pairing->port};
	uint16_t expected = (uint16_t)(w->rules->port + GW_PAIRING_PORT_OFFSET);
	memcpy(ep.host, w->rules->host, sizeof(ep.host));
	if (pairing->port != expected)
		return gw_error_set(
			err, GW_ERR_INVALID, "the client asks for port %u, and not for %u", pairing->port, expected);
	enum gw_status status = gw_transport_listen(&ep, BACKLOG, &w->poll[0].fd, NULL, err);
	if (status)
		return status;
	w->poll[0].events = POLLIN;
	w->n = 1;
	int found = await_peer(w);
	for (nfds_t i = 0; i < w->n; i++)
		if (w->poll[i].fd != found)
			close(w->poll[i].fd);
	if (found < 0)
		return nobody_came(w, pairing->port, err);
	*fd = found;
	return GW_OK;
}

enum gw_status gw_pairing_open(
	const struct gw_pairing *pairing, const struct gw_pairing_rules *rules, int *fd, struct gw_error *err)
{
	struct wait w = {.rules = rules};
	enum gw_status status = GW_OK;
	if (pairing->port < LOWEST_PORT)
		return gw_error_set(err, GW_ERR_INVALID, "port %u is not above %d", pairing->port, LOWEST_PORT - 1);
	if (pairing->links && pairing->listens)
		return gw_error_set(err, GW_ERR_INVALID, "a link is not waited for here");
	if (!pairing->listens || pairing->host[0])
		status = find_peers(pairing, rules, &w.peers, err);
	if (status)
		return status;
	if (pairing->listens)
		return listen_for_peer(pairing, &w, fd, err);
	return (pairing->links ? open_link : connect_to_peer)(pairing, &w.peers, fd, err);
}
