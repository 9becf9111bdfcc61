/* Starting and ending a client's connection. */
#include "rpc/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "rpc/client_private.h"
#include "transport/tcp/tcp.h"

static enum gw_status client_new(struct gw_transport *t, const char *name, struct gw_client **out)
{
	struct gw_client *c = calloc(1, sizeof(*c));
	if (!c)
		return GW_ERR_NOMEM;
	if (gw_outq_init(&c->out, t))
		goto free_client;
	if (gw_inbuf_init(&c->in, t))
		goto free_out;
	if (pthread_mutex_init(&c->lock, NULL))
		goto free_in;
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->transport = t;
	*out = c;
	return GW_OK;

free_in:
	gw_inbuf_free(&c->in);
free_out:
	gw_outq_free(&c->out);
free_client:
	free(c);
	return GW_ERR_NOMEM;
}

static void client_free(struct gw_client *c)
{
	gw_rdma_free(c->rdma);
	c->transport->ops->close(c->transport);
	pthread_mutex_destroy(&c->lock);
	gw_inbuf_free(&c->in);
	gw_outq_free(&c->out);
	free(c);
}

/* start_over (may be NULL) is set if another connection, on TCP alone, may succeed where this one has failed. */
static enum gw_status start(struct gw_transport *transport, const char *name, int timeout_ms,
	enum gw_transport_mode mode, bool *start_over, struct gw_client **out, struct gw_error *err)
{
	struct gw_client *c;
	enum gw_status status = client_new(transport, name, &c);
	if (status) {
		transport->ops->close(transport);
		return gw_error_set(err, status, "server at %s: no memory for a connection", name);
	}
	c->mode = mode;
	status = gw_client_handshake(c, timeout_ms, err);
	if (status) {
		if (start_over)
			*start_over = c->start_over;
		client_free(c);
		return status;
	}
	*out = c;
	return GW_OK;
}

static enum gw_status mode_of(const char *name, enum gw_transport_mode *mode, struct gw_error *err)
{
	if (gw_transport_mode_from_env(mode, err))
		return gw_error_prefix(err, "server at %s", name);
	return GW_OK;
}

enum gw_status gw_client_start_within(
	struct gw_transport *transport, const char *name, int timeout_ms, struct gw_client **out, struct gw_error *err)
{
	enum gw_transport_mode mode;
	if (mode_of(name, &mode, err)) {
		transport->ops->close(transport);
		return GW_ERR_INVALID;
	}
	return start(transport, name, timeout_ms, mode, NULL, out, err);
}

enum gw_status gw_client_start(
	struct gw_transport *transport, const char *name, struct gw_client **out, struct gw_error *err)
{
	return gw_client_start_within(transport, name, GW_CLIENT_TIMEOUT_MS, out, err);
}

static enum gw_status connect_once(const struct gw_endpoint *ep, const char *name, enum gw_transport_mode mode,
	int timeout_ms, bool *start_over, struct gw_client **out, struct gw_error *err)
{
	struct gw_transport *t;
	enum gw_status status = gw_tcp_connect(ep, timeout_ms, &t, err);
	if (status) {
		gw_error_prefix(err, "server at %s", name);
		return status;
	}
	return start(t, name, timeout_ms, mode, start_over, out, err);
}

enum gw_status gw_client_connect(const char *endpoint, struct gw_client **out, struct gw_error *err)
{
	struct gw_endpoint ep;
	enum gw_transport_mode mode;
	enum gw_status status = gw_endpoint_parse(endpoint, false, &ep, err);
	if (!status)
		status = mode_of(endpoint, &mode, err);
	return status ? status : gw_client_connect_within(endpoint, mode, GW_CLIENT_TIMEOUT_MS, out, err);
}

enum gw_status gw_client_connect_within(
	const char *endpoint, enum gw_transport_mode mode, int timeout_ms, struct gw_client **out, struct gw_error *err)
{
	struct gw_error first;
	struct gw_endpoint ep;
	bool start_over = false;
	enum gw_status status = gw_endpoint_parse(endpoint, false, &ep, err);
	if (status)
		return status;
	status = connect_once(&ep, endpoint, mode, timeout_ms, &start_over, out, &first);
	if (status && start_over) {
		gw_log_warn("%s; connecting again without RDMA", first.text);
		return connect_once(&ep, endpoint, GW_TRANSPORT_TCP, timeout_ms, NULL, out, err);
	}
	if (status && err)
		*err = first;
	return status;
}

void gw_client_close(struct gw_client *c)
{
	if (!gw_client_enter(c)) {
		enum gw_status status = gw_client_send(c);
		/* Closing with bytes unread would look like a failure to the server. */
		if (!status)
			(void)gw_client_take_alive(c, NULL);
		(void)gw_client_leave(c, status);
	}
	client_free(c);
}

enum gw_status gw_client_enter(struct gw_client *c)
{
	if (atomic_load(&c->lost))
		return GW_ERR_LOST;
	pthread_mutex_lock(&c->lock);
	if (!atomic_load(&c->lost))
		return GW_OK;
	pthread_mutex_unlock(&c->lock);
	return GW_ERR_LOST;
}

enum gw_status gw_client_leave(struct gw_client *c, enum gw_status status)
{
	/* Only the call that lost the connection gets here with it lost; all later ones stop in gw_client_enter. */
	bool announce = atomic_load(&c->lost);
	pthread_mutex_unlock(&c->lock);
	/* why does not change any more, and the log is not ours to call under the lock. */
	if (announce)
		gw_log_error("RPC server %s: connection lost: %s", c->name, c->why.text);
	return status;
}

enum gw_status gw_client_fail(struct gw_client *c, enum gw_status status, const struct gw_error *why)
{
	c->why = *why;
	atomic_store(&c->lost, true);
	c->transport->ops->shutdown(c->transport);
	for (uint64_t t = c->done + 1; t <= c->issued; t++)
		gw_dest_zero(&c->pending[t % GW_CLIENT_MAX_PENDING].dest);
	return status == GW_ERR_CLOSED ? GW_ERR_LOST : status;
}

const struct gw_dialect *gw_client_dialect(const struct gw_client *c)
{
	return c->dialect;
}

const char *gw_client_name(const struct gw_client *c)
{
	return c->name;
}

unsigned gw_client_extensions(const struct gw_client *c)
{
	return c->extensions;
}

struct gw_client_server gw_client_server(const struct gw_client *c)
{
	return c->server;
}

const char *gw_client_transport(const struct gw_client *c)
{
	return c->transport->ops->name;
}

const char *gw_client_peer(const struct gw_client *c)
{
	return c->transport->peer;
}

const char *gw_client_why_not_rdma(const struct gw_client *c)
{
	return c->stay.text;
}

void gw_client_interrupt(struct gw_client *c)
{
	c->transport->ops->shutdown(c->transport);
}

void gw_client_give_up(struct gw_client *c, const struct gw_error *why)
{
	if (!gw_client_enter(c))
		(void)gw_client_leave(c, gw_client_fail(c, why->status, why));
}

bool gw_client_lost(const struct gw_client *c)
{
	return atomic_load(&c->lost);
}
