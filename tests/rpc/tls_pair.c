/* Replaces pair.c: the same pairs within TLS. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "rpc/harness.h"
#include "transport/list/transports.h"
#include "transport/loopback.h"
#include "transport/tls_link.h"

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "test harness: %s failed\n", what);
	abort();
}

void pair_loopback(struct gw_transport **client, struct gw_transport **server)
{
	must(gw_loopback_pair(0, client, server) == GW_OK, "gw_loopback_pair");
	must(tls_link(client, server), "TLS");
}

void pair_socket(struct gw_transport **client, struct gw_transport **server)
{
	int fds[2];
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
	must(gw_transport_from_fd(fds[0], client, NULL) == GW_OK, "gw_transport_from_fd");
	must(gw_transport_from_fd(fds[1], server, NULL) == GW_OK, "gw_transport_from_fd");
	must(tls_link(client, server), "TLS");
}
