/* Replaces pair.c: the same tests over RDMA, the loopback on the stock path, the socket pair on the ggwire path. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "rpc/harness.h"
#include "transport/fake_verbs.h"
#include "transport/rdma_link.h"

static void stop(void)
{
	if (fake_stop())
		_Exit(EXIT_FAILURE);
}

static void make(const struct gw_rdma_path *path, struct gw_transport **client, struct gw_transport **server)
{
	static bool started;
	struct gw_error err;
	if (!started) {
		gw_log_set_level(GW_LOG_WARN);
		fake_start();
		fake_usual();
		atexit(stop);
		started = true;
	}
	if (!link_rdma(path, client, server, &err))
		return;
	fprintf(stderr, "test harness: %s\n", err.text);
	abort();
}

void pair_loopback(struct gw_transport **client, struct gw_transport **server)
{
	make(&gw_rdma_stock_path, client, server);
}

void pair_socket(struct gw_transport **client, struct gw_transport **server)
{
	make(&gw_rdma_ggwire_path, client, server);
}
