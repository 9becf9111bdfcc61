#include "rpc/connection.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "rpc/connection_state.h"
#include "transport/list/transports.h"
#include "wire/extension.h"
#include "wire/message.h"
#include "wire/refusal.h"

#define HANDSHAKE_MS 10000

/* A stock client sends a token's step in some thirty pieces, each of which would wake this side. Ours sends a step at
 * once. Measured with two processors, idle and busy (docs/benchmarks.md). */
#define STOCK_SPIN_NS UINT64_C(100000)

enum gw_status gw_connection_new(struct gw_transport *t, const struct gw_dialect *dialect, struct gw_connection **out)
{
	struct gw_connection *p = calloc(1, sizeof(*p));
	if (!p)
		return GW_ERR_NOMEM;
	if (gw_inbuf_init(&p->in, t))
		goto free_peer;
	if (gw_outq_init(&p->out, t))
		goto free_in;
	if (pthread_mutex_init(&p->sending, NULL))
		goto free_out;
	p->transport = t;
	p->dialect = dialect;
	*out = p;
	return GW_OK;

free_out:
	gw_outq_free(&p->out);
free_in:
	gw_inbuf_free(&p->in);
free_peer:
	free(p);
	return GW_ERR_NOMEM;
}

void gw_connection_free(struct gw_connection *p)
{
	struct gw_transport *t = p->transport;
	if (!p->failed)
		(void)gw_connection_flush(p, NULL);
	else
		t->ops->shutdown(t);
	gw_heartbeat_stop(p->alive);
	pthread_mutex_destroy(&p->sending);
	gw_transport_upgrade->drop(p->upgrade);
	t->ops->close(t);
	gw_outq_free(&p->out);
	gw_inbuf_free(&p->in);
	free(p);
}

static enum gw_status read_hello(struct gw_connection *p, struct gw_wire_hello_req *hello, struct gw_error *err)
{
	uint8_t body[GW_WIRE_HELLO_REQ];
	unsigned cmd;
	uint64_t size;
	/* Something other than an RPC client may send a single byte and wait. */
	enum gw_status status = gw_connection_checked(p, gw_inbuf_fill(&p->in, 1, err));
	if (status)
		return status;
	if (*gw_inbuf_peek(&p->in) != GW_CMD_HELLO)
		return gw_error_set(err, GW_ERR_PROTOCOL, "no HELLO, first byte 0x%02x: this is not an RPC client",
			*gw_inbuf_peek(&p->in));
	status = gw_connection_header(p, &cmd, &size, err);
	if (status)
		return status;
	if (size == 0)
		return gw_error_set(
			err, GW_ERR_PROTOCOL, "HELLO without a body: the client speaks RPC protocol 3 or older");
	if (size != sizeof(body))
		return gw_error_set(
			err, GW_ERR_PROTOCOL, "HELLO of %" PRIu64 " bytes, expected %zu", size, sizeof(body));
	status = gw_connection_read(p, body, sizeof(body), err);
	if (status)
		return status;
	if (!gw_wire_hello_req_decode(body, sizeof(body), hello))
		return gw_error_set(err, GW_ERR_PROTOCOL, "HELLO cannot be decoded");
	return GW_OK;
}

/* A wrong setting deserves a warning; a machine without RDMA does not. */
static void warn_of_setting(const struct gw_connection *p)
{
	if (p->stay.status == GW_ERR_INVALID)
		gw_log_warn("%s: RDMA is not used: %s", gw_connection_name(p), p->stay.text);
}

static void switched_off(struct gw_error *why)
{
	gw_error_because(
		why, GW_UPGRADE_CAUSE_SWITCHED_OFF, gw_error_set(why, GW_ERR_UNSUPPORTED, "the server is set to TCP"));
}

/* Between HELLO and its reply: prepares for a stock client, which switches without another message. */
static enum gw_status accept_upgrade(struct gw_connection *p, const uint8_t theirs[GW_UPGRADE_CAPS],
	uint8_t ours[GW_UPGRADE_CAPS], struct gw_error *err)
{
	memset(ours, 0, GW_UPGRADE_CAPS);
	if (p->mode == GW_TRANSPORT_AUTO && gw_transport_mode_from_env(&p->mode, err))
		return GW_ERR_INVALID;
	if (p->mode == GW_TRANSPORT_TCP)
		switched_off(&p->stay);
	else if (p->transport->keep_encrypted)
		gw_upgrade_keeps_encrypted(&p->stay);
	else if (gw_transport_upgrade->accept(p->transport, theirs, ours, &p->upgrade, &p->stay))
		warn_of_setting(p);
	return GW_OK;
}

enum gw_status gw_connection_handshake(struct gw_connection *p, struct gw_error *err)
{
	struct gw_wire_hello_rsp answer = {.version = p->dialect->version};
	struct gw_wire_hello_req hello;
	uint8_t body[GW_WIRE_HELLO_RSP];
	gw_inbuf_set_deadline(&p->in, HANDSHAKE_MS);
	answer.extensions = gw_transport_stock_only() ? 0 : GW_EXT_LEVEL;
	enum gw_status status = read_hello(p, &hello, err);
	gw_inbuf_set_deadline(&p->in, 0);
	p->in.spin_ns = STOCK_SPIN_NS;
	if (!status)
		status = accept_upgrade(p, hello.caps, answer.caps, err);
	if (!status)
		status = gw_connection_reply(p, body, gw_wire_hello_rsp_encode(&answer, body), err);
	p->upgrading = true;
	return status ? status : gw_connection_flush(p, err);
}

static void go_over(struct gw_connection *p, struct gw_transport *t)
{
	p->transport = p->in.transport = p->out.transport = t;
	p->in.spin_ns = 0;
	p->upgraded = true;
}

/* gw_upgrade_channel */
static enum gw_status send_message(void *user, const void *body, size_t size, struct gw_error *err)
{
	enum gw_status status = gw_connection_reply(user, body, size, err);
	return status ? status : gw_connection_flush(user, err);
}

static enum gw_status receive_message(void *user, void *body, size_t max, size_t *size, struct gw_error *err)
{
	unsigned cmd;
	uint64_t n;
	enum gw_status status = gw_connection_header(user, &cmd, &n, err);
	if (status)
		return status;
	if (cmd != gw_transport_upgrade->command || n > max)
		return gw_error_set(err, GW_ERR_PROTOCOL, "command %u of %" PRIu64 " bytes where %s was expected", cmd,
			n, gw_cmd_name(gw_transport_upgrade->command));
	*size = (size_t)n;
	return gw_connection_read(user, body, *size, err);
}

/* The client's first request is on the connection as it was. It may ask for the upgrade. */
static enum gw_status negotiate(struct gw_connection *p, struct gw_error *err)
{
	const struct gw_upgrade_channel channel = {p, send_message, receive_message};
	struct gw_transport *t = NULL;
	struct gw_error refusal, why;
	enum gw_status status = gw_connection_checked(p, gw_inbuf_fill(&p->in, 1, err));
	if (status || *gw_inbuf_peek(&p->in) != gw_transport_upgrade->command || gw_transport_stock_only())
		return status;
	bool is_refused = p->mode == GW_TRANSPORT_TCP || p->transport->keep_encrypted;
	if (p->mode == GW_TRANSPORT_TCP)
		switched_off(&refusal);
	else
		gw_upgrade_keeps_encrypted(&refusal);
	status = gw_transport_upgrade->negotiate(p->transport, &channel, is_refused ? &refusal : NULL, &t, &why);
	if (t)
		go_over(p, t);
	else if (!status) {
		p->stay = why;
		warn_of_setting(p);
	} else if (err) {
		*err = why;
	}
	return status;
}

/* The client's first bytes show on which transport it goes on. */
static enum gw_status complete_upgrade(struct gw_connection *p, struct gw_error *err)
{
	struct gw_upgrade *upgrade = p->upgrade;
	struct gw_transport *t = NULL;
	enum gw_status status = GW_OK;
	p->upgrade = NULL;
	if (upgrade && gw_inbuf_len(&p->in) == 0)
		status = gw_connection_checked(p, gw_transport_upgrade->await_first(upgrade, &t, err));
	else
		gw_transport_upgrade->drop(upgrade);
	if (t)
		go_over(p, t);
	else if (upgrade)
		gw_error_set(&p->stay, GW_ERR_UNSUPPORTED, "the client sent its first request on the old connection");
	if (!status && !t)
		status = negotiate(p, err);
	if (status || p->upgraded)
		return status;
	gw_log_debug("%s: stays on %s: %s", gw_connection_name(p), p->transport->ops->title, p->stay.text);
	if (p->mode == GW_TRANSPORT_RDMA)
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "this server allows only RDMA, but %s", p->stay.text);
	return GW_OK;
}

enum gw_status gw_connection_next(struct gw_connection *p, unsigned *cmd, uint64_t *size, struct gw_error *err)
{
	assert(p->body_left == 0 && p->reply_left == 0);
	if (p->upgrading) {
		p->upgrading = false;
		enum gw_status status = complete_upgrade(p, err);
		if (status)
			return status;
	}
	return gw_connection_header(p, cmd, size, err);
}

enum gw_status gw_connection_keep_alive(struct gw_connection *p, uint32_t interval_ms, struct gw_error *err)
{
	if (p->alive)
		return GW_OK;
	pthread_mutex_lock(&p->sending);
	p->takes_reports = true;
	pthread_mutex_unlock(&p->sending);
	return gw_heartbeat_start(gw_connection_report_alive, p, interval_ms, &p->alive, err);
}

void gw_connection_set_mode(struct gw_connection *p, enum gw_transport_mode mode)
{
	p->mode = mode;
}

void gw_connection_count(struct gw_connection *p, _Atomic uint64_t *received, _Atomic uint64_t *sent)
{
	p->in.received = received;
	p->out.sent = sent;
}

void gw_connection_register_memory(struct gw_connection *p, void *base, size_t size)
{
	struct gw_transport *t = p->transport;
	if (t->ops->register_memory)
		t->ops->register_memory(t, base, size);
}

void gw_connection_unregister_memory(struct gw_connection *p, const void *base)
{
	struct gw_transport *t = p->transport;
	if (t->ops->unregister_memory)
		t->ops->unregister_memory(t, base);
}

void gw_connection_shutdown(struct gw_connection *p)
{
	p->transport->ops->shutdown(p->transport);
}

static bool lock_for(pthread_mutex_t *lock, uint64_t ms)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until = gw_clock_timespec((uint64_t)until.tv_sec * GW_NS_PER_S + (uint64_t)until.tv_nsec + ms * GW_NS_PER_MS);
	return pthread_mutex_timedlock(lock, &until) == 0;
}

void gw_connection_stop(struct gw_connection *p)
{
	uint8_t bytes[GW_REPLY_HEADER];
	const struct iovec iov = {bytes, sizeof(bytes)};
	struct gw_transport *t = p->transport;
	gw_put_le64(bytes, GW_REPLY_STOPPING);
	if (lock_for(&p->sending, GW_CONNECTION_STOP_MS)) {
		if (p->takes_reports && !p->mid_reply)
			(void)t->ops->sendv(t, &iov, 1, NULL);
		pthread_mutex_unlock(&p->sending);
	}
	t->ops->shutdown(t);
}

bool gw_connection_is_upgraded(const struct gw_connection *p)
{
	return p->upgraded;
}

const struct gw_dialect *gw_connection_dialect(const struct gw_connection *p)
{
	return p->dialect;
}

const char *gw_connection_name(const struct gw_connection *p)
{
	const struct gw_transport *t = p->transport;
	return t->peer;
}

const char *gw_connection_identity(const struct gw_connection *p)
{
	return p->transport->identity;
}

bool gw_connection_keeps_encrypted(const struct gw_connection *p)
{
	return p->transport->keep_encrypted;
}
