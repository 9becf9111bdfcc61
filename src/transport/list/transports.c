#include "transport/list/transports.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "transport/rdma/upgrade.h"
#include "transport/tcp/tcp.h"
#include "transport/tcp/unix.h"
#include "transport/tls/policy.h"

/* Every transport, one line each. The last one takes the endpoints without a prefix. */
static const struct gw_transport_kind *const kinds[] = {
	&gw_unix_transport,
	&gw_tcp_transport,
};

const struct gw_upgrade_kind *const gw_transport_upgrade = &gw_rdma_upgrade;

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

const struct gw_transport_kind *gw_transport_kind_of(const char *text)
{
	for (size_t i = 0; i < N_KINDS - 1; i++)
		if (strncmp(text, kinds[i]->prefix, strlen(kinds[i]->prefix)) == 0)
			return kinds[i];
	return kinds[N_KINDS - 1];
}

enum gw_status gw_transport_dial(
	const struct gw_endpoint *ep, int timeout_ms, struct gw_transport **out, struct gw_error *err)
{
	struct gw_tls_key key;
	bool use_tls;
	uint64_t deadline = gw_clock_deadline(timeout_ms > 0 ? timeout_ms : -1);
	enum gw_status status = gw_tls_choose(ep, &key, &use_tls, err);
	if (!status)
		status = ep->kind->dial(ep, timeout_ms, out, err);
	if (!status && use_tls)
		status = gw_tls_upgrade(out, &key, gw_clock_ms_left(deadline), err);
	gw_tls_key_wipe(&key);
	return status;
}

enum gw_status gw_transport_listen(
	const struct gw_endpoint *ep, int backlog, int *fd, struct gw_endpoint *bound, struct gw_error *err)
{
	struct gw_endpoint got = *ep;
	char name[sizeof(ep->host) + 16];
	enum gw_status status = ep->kind->listen(ep, backlog, fd, &got, err);
	if (status) {
		ep->kind->format(ep, name, sizeof(name));
		gw_error_prefix(err, "cannot listen on %s", name);
		return status;
	}
	if (bound)
		*bound = got;
	return GW_OK;
}

bool gw_transport_adopt(int fd, struct gw_endpoint *ep)
{
	bool found = false;
	for (size_t i = 0; i < N_KINDS && !found; i++)
		found = kinds[i]->adopt(fd, ep);
	return found;
}

enum gw_status gw_transport_from_fd(int fd, struct gw_transport **out, struct gw_error *err)
{
	enum gw_status status = GW_ERR_NOT_FOUND;
	for (size_t i = 0; i < N_KINDS && status == GW_ERR_NOT_FOUND; i++)
		status = kinds[i]->from_fd(fd, out, err);
	return status;
}

void gw_transport_peer_name(int fd, char *out, size_t size)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (kinds[i]->peer_name(fd, out, size))
			return;
	snprintf(out, size, "(not connected)");
}

void gw_transport_peer_domain(int fd, char *out, size_t size)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (kinds[i]->peer_domain(fd, out, size))
			return;
	snprintf(out, size, "%s", "");
}

enum gw_status gw_transport_accept(int listener, int *fd)
{
	for (;;) {
		int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (accepted >= 0) {
			*fd = accepted;
			return GW_OK;
		}
		switch (errno) {
		case EINTR:
		case ECONNABORTED:
		case EPROTO:
		case EPERM:
		case ENETDOWN:
		case ENETUNREACH:
		case EHOSTDOWN:
		case EHOSTUNREACH:
		case ENONET:
		case ENOPROTOOPT:
			continue;
		case EAGAIN:
			return GW_ERR_NOT_FOUND;
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
			return GW_ERR_LIMIT;
		default:
			return GW_ERR_SYSTEM;
		}
	}
}

const char *gw_transport_mode_text(enum gw_transport_mode mode)
{
	enum gw_transport_mode env = mode;
	if (mode == GW_TRANSPORT_AUTO && gw_transport_mode_from_env(&env, NULL) == GW_OK)
		mode = env;
	if (mode == GW_TRANSPORT_RDMA)
		return "RDMA alone";
	return mode == GW_TRANSPORT_AUTO && gw_transport_upgrade->is_built ? "TCP (RDMA auto-negotiate enabled)"
									   : "TCP";
}
