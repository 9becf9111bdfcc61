#include "transport/rdma_link.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/list/transports.h"

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

void link_tcp(struct gw_transport **a, struct gw_transport **b)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(bind(listener, (struct sockaddr *)&at, len) == 0 && listen(listener, 1) == 0, "listen");
	must(getsockname(listener, (struct sockaddr *)&at, &len) == 0, "getsockname");
	must(connect(near, (struct sockaddr *)&at, len) == 0, "connect");
	int far = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	must(far >= 0, "accept");
	close(listener);
	must(gw_transport_from_fd(near, a, NULL) == GW_OK && gw_transport_from_fd(far, b, NULL) == GW_OK,
		"gw_transport_from_fd");
}

static enum gw_status prove(struct gw_rdma *a, struct gw_rdma *b, struct gw_error *err)
{
	enum gw_status status = gw_rdma_send_probe(a, 2000, err);
	if (!status)
		status = gw_rdma_await_probe(b, 2000, err);
	if (!status)
		status = gw_rdma_send_probe(b, 2000, err);
	return status ? status : gw_rdma_await_probe(a, 2000, err);
}

static enum gw_status bring_up(
	struct gw_rdma *a, struct gw_rdma *b, const struct gw_rdma_path *path, struct gw_error *err)
{
	struct gw_rdma_address at_a, at_b;
	gw_rdma_local(a, path, &at_a);
	gw_rdma_local(b, path, &at_b);
	enum gw_status status = gw_rdma_activate(b, path, &at_a, err);
	if (!status)
		status = gw_rdma_activate(a, path, &at_b, err);
	return !status && path == &gw_rdma_ggwire_path ? prove(a, b, err) : status;
}

enum gw_status link_rdma(
	const struct gw_rdma_path *path, struct gw_transport **a, struct gw_transport **b, struct gw_error *err)
{
	struct gw_transport *tcp_a, *tcp_b;
	struct gw_rdma *ra = NULL, *rb = NULL;
	link_tcp(&tcp_a, &tcp_b);
	enum gw_status status = gw_rdma_open(tcp_a, GW_RDMA_ROCE, &ra, err);
	if (!status)
		status = gw_rdma_open(tcp_b, GW_RDMA_ROCE, &rb, err);
	if (!status)
		status = bring_up(ra, rb, path, err);
	if (!status) {
		*a = gw_rdma_start(ra);
		*b = gw_rdma_start(rb);
		return GW_OK;
	}
	gw_rdma_free(ra);
	gw_rdma_free(rb);
	tcp_a->ops->close(tcp_a);
	tcp_b->ops->close(tcp_b);
	return status;
}
