#include "rpc/client.h"

#include "base/log.h"
#include "rpc/client_hello.h"
#include "rpc/replies.h"
#include "transport/list/endpoint.h"
#include "transport/list/transports.h"

#define TIMEOUT_MS 10000 /* for the connection, and again for the answer to HELLO */

static enum gw_status start(struct gw_transport *transport, const char *name, int timeout_ms,
	enum gw_transport_mode mode, bool *start_over, struct gw_client **out, struct gw_error *err)
{
	struct gw_client *c;
	enum gw_status status = gw_client_new(transport, name, &c);
	if (status) {
		transport->ops->close(transport);
		return gw_error_set(err, status, "server at %s: no memory for a connection", name);
	}
	status = gw_client_handshake(c, mode, timeout_ms, start_over, err);
	if (status)
		gw_client_free(c);
	else
		*out = c;
	return status;
}

static enum gw_status mode_of(const char *name, enum gw_transport_mode *mode, struct gw_error *err)
{
	if (gw_transport_mode_from_env(mode, err))
		return gw_error_prefix(err, "server at %s", name);
	return GW_OK;
}

enum gw_status gw_client_start(
	struct gw_transport *transport, const char *name, int timeout_ms, struct gw_client **out, struct gw_error *err)
{
	enum gw_transport_mode mode;
	bool start_over;
	if (mode_of(name, &mode, err)) {
		transport->ops->close(transport);
		return GW_ERR_INVALID;
	}
	return start(transport, name, timeout_ms, mode, &start_over, out, err);
}

static enum gw_status connect_once(const struct gw_endpoint *ep, const char *name, enum gw_transport_mode mode,
	int timeout_ms, bool *start_over, struct gw_client **out, struct gw_error *err)
{
	struct gw_transport *t;
	enum gw_status status = gw_transport_dial(ep, timeout_ms, &t, err);
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
	return status ? status : gw_client_connect_within(endpoint, mode, TIMEOUT_MS, out, err);
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
		return connect_once(&ep, endpoint, GW_TRANSPORT_TCP, timeout_ms, &start_over, out, err);
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
	gw_client_free(c);
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
	return (struct gw_client_server){c->version, c->server_level};
}

const struct gw_transport *gw_client_transport(const struct gw_client *c)
{
	return c->transport;
}

const struct gw_error *gw_client_why_not_upgraded(const struct gw_client *c)
{
	return c->upgraded ? NULL : &c->stay;
}

uint64_t gw_client_turn(const struct gw_client *c)
{
	return atomic_load_explicit(&c->turns, memory_order_relaxed);
}

void gw_client_interrupt(struct gw_client *c, const struct gw_error *why)
{
	c->interruption = *why;
	atomic_store(&c->interrupted, true);
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
