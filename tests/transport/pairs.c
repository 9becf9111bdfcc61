#include "transport/pairs.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/faulty.h"
#include "transport/list/endpoint.h"
#include "transport/list/transports.h"
#include "transport/loopback.h"
#include "transport/tls_link.h"

static bool accept_one(int fd, struct gw_transport **out)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	if (poll(&pfd, 1, 5000) != 1)
		return false;
	int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (conn < 0)
		return false;
	if (gw_transport_from_fd(conn, out, NULL) == GW_OK)
		return true;
	close(conn);
	return false;
}

static bool make_socket(const struct pair_kind *kind, struct pair *pair)
{
	struct gw_endpoint ep, bound;
	char text[128];
	int fd;
	bool made = false;
	snprintf(text, sizeof(text), kind->endpoint, (long)getpid());
	if (gw_endpoint_parse(text, true, &ep, NULL) || gw_transport_listen(&ep, 1, &fd, &bound, NULL))
		return false;
	if (gw_transport_dial(&bound, 5000, &pair->a, NULL) == GW_OK) {
		made = accept_one(fd, &pair->b);
		if (!made)
			pair->a->ops->close(pair->a);
	}
	close(fd);
	if (ep.kind->has_file)
		unlink(ep.host);
	pair->bulk = 24 << 20;
	return made;
}

static bool make_loopback(const struct pair_kind *kind, struct pair *pair)
{
	pair->bulk = kind->chunk ? 20000 * kind->chunk : 8 << 20;
	return gw_loopback_pair(kind->chunk, &pair->a, &pair->b) == GW_OK;
}

static bool make_fault(const struct pair_kind *kind, struct pair *pair)
{
	struct gw_fault_plan plan = gw_fault_none;
	plan.max_chunk = kind->chunk;
	if (gw_loopback_pair(0, &pair->a, &pair->b))
		return false;
	if (gw_fault_wrap(pair->a, &plan, &pair->a) || gw_fault_wrap(pair->b, &plan, &pair->b)) {
		pair->a->ops->close(pair->a);
		pair->b->ops->close(pair->b);
		return false;
	}
	pair->bulk = 8000 * kind->chunk;
	return true;
}

static bool make_tls(const struct pair_kind *kind, struct pair *pair)
{
	bool made = kind->endpoint ? make_socket(kind, pair) : make_fault(kind, pair);
	if (!made)
		return false;
	pair->bulk = kind->endpoint ? 24 << 20 : 30000 * kind->chunk;
	if (tls_link(&pair->a, &pair->b))
		return true;
	pair->a->ops->close(pair->a);
	pair->b->ops->close(pair->b);
	return false;
}

const struct pair_kind pair_kinds[] = {
	{"tcp over IPv4", make_socket, "127.0.0.1:0", 0},
	{"tcp over IPv6", make_socket, "[::1]:0", 0},
	{"tcp by name", make_socket, "localhost:0", 0},
	{"unix", make_socket, "unix:/tmp/gw-test-%ld.sock", 0},
	{"loopback", make_loopback, NULL, 0},
	{"loopback of 7 bytes", make_loopback, NULL, 7},
	{"fault, chunks of 1", make_fault, NULL, 1},
	{"fault, chunks of 2", make_fault, NULL, 2},
	{"fault, chunks of 3", make_fault, NULL, 3},
	{"fault, chunks of 4", make_fault, NULL, 4},
	{"fault, chunks of 5", make_fault, NULL, 5},
	{"fault, chunks of 6", make_fault, NULL, 6},
	{"fault, chunks of 7", make_fault, NULL, 7},
	{"tls over IPv4", make_tls, "127.0.0.1:0", 0},
	{"tls over a Unix socket", make_tls, "unix:/tmp/gw-test-tls-%ld.sock", 0},
	{"tls, chunks of 1", make_tls, NULL, 1},
	{"tls, chunks of 6", make_tls, NULL, 6},
};
const size_t n_pair_kinds = sizeof(pair_kinds) / sizeof(pair_kinds[0]);

int pairs_end(void)
{
	return 0;
}
