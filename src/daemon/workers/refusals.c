#include "daemon/workers/refusals.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "transport/mode.h"
#include "wire/command.h"
#include "wire/cursor.h"
#include "wire/peers.h"

#define TIME_NS UINT64_C(5000000000)
#define LINES_MAX 5

void gw_refusals_init(struct gw_refusals *r, struct gw_scoreboard *board, unsigned max_clients, unsigned max_per_host)
{
	*r = (struct gw_refusals){.board = board, .max_clients = max_clients, .max_per_host = max_per_host};
}

static void explain(const struct gw_refusals *r, enum gw_refusal cause, char *out, size_t size)
{
	switch (cause) {
	case GW_REFUSED_ADDRESS:
		snprintf(out, size, "its address is not in --allow");
		break;
	case GW_REFUSED_SILENT:
		snprintf(out, size, "it has not sent HELLO in time; it may not be an RPC client");
		break;
	case GW_REFUSED_CROWD:
		snprintf(out, size,
			"too many connections have not sent HELLO yet, and most are from its host; it may not be an "
			"RPC client");
		break;
	case GW_REFUSED_FULL:
		snprintf(out, size, "all %u client slots are in use; raise --max-clients or try again later",
			r->max_clients);
		break;
	case GW_REFUSED_HOST:
		snprintf(out, size, "its host already has %u connections; raise --max-clients-per-host",
			r->max_per_host);
		break;
	case GW_REFUSED_PLAIN:
		snprintf(out, size,
			"it does not use TLS, which this endpoint requires; give it a key: ggwire key add NAME");
		break;
	case GW_REFUSED_TLS:
		snprintf(out, size, "it uses TLS, and this endpoint has none; see --tls and --tls-psk");
		break;
	case GW_REFUSED_KEY:
		snprintf(out, size, "it has not proved that it has a key");
		break;
	case GW_REFUSED_SHAKING:
		snprintf(out, size, "too many TLS handshakes are in progress");
		break;
	case GW_REFUSED_LINK:
		snprintf(out, size,
			"it presents itself as a server that no client here expects; if it is one, its secret was used "
			"or is older than %d s",
			GW_PEERS_EXPECT_MS / 1000);
		break;
	case GW_REFUSED_NAME:
		snprintf(
			out, size, "its key already has %u connections; raise --max-clients-per-host", r->max_per_host);
		break;
	case GW_REFUSED_STATUS:
		snprintf(out, size, "its address is only in --allow-status; add it to --allow");
		break;
	case GW_REFUSED_STOPPING:
		snprintf(out, size, "the server is shutting down");
		break;
	default:
		snprintf(out, size, "no worker process can be started; the lines above say why");
	}
}

void gw_refusals_note(struct gw_refusals *r, enum gw_refusal cause, const char *peer)
{
	char why[160];
	explain(r, cause, why, sizeof(why));
	gw_refusals_note_why(r, cause, peer, why);
}

void gw_refusals_note_why(struct gw_refusals *r, enum gw_refusal cause, const char *peer, const char *why)
{
	if (r->board)
		gw_scoreboard_count(r->board, GW_COUNT_REFUSED);
	gw_refusals_tick(r);
	if (!r->causes[cause].until)
		r->causes[cause].until = gw_clock_ns() + TIME_NS;
	if (r->causes[cause].lines == LINES_MAX) {
		r->causes[cause].more++;
		return;
	}
	r->causes[cause].lines++;
	gw_log_event(GW_LOG_WARN, &(const struct gw_log_fields){.client = peer, .reason = why}, "client %s refused: %s",
		peer, why);
}

struct gw_ext_refusal gw_refusals_reason(const struct gw_refusals *r, enum gw_refusal cause)
{
	switch (cause) {
	case GW_REFUSED_FULL:
		return (struct gw_ext_refusal){GW_EXT_REASON_FULL, r->max_clients};
	case GW_REFUSED_HOST:
		return (struct gw_ext_refusal){GW_EXT_REASON_HOST, r->max_per_host};
	case GW_REFUSED_NAME:
		return (struct gw_ext_refusal){GW_EXT_REASON_KEY, r->max_per_host};
	case GW_REFUSED_ADDRESS:
		return (struct gw_ext_refusal){.reason = GW_EXT_REASON_ADDRESS};
	case GW_REFUSED_STATUS:
		return (struct gw_ext_refusal){.reason = GW_EXT_REASON_STATUS};
	case GW_REFUSED_STOPPING:
		return (struct gw_ext_refusal){.reason = GW_EXT_REASON_STOPPING};
	case GW_REFUSED_WORKER:
		return (struct gw_ext_refusal){.reason = GW_EXT_REASON_WORKER};
	case GW_REFUSED_PLAIN:
		return (struct gw_ext_refusal){.reason = GW_EXT_REASON_TLS};
	default:
		return (struct gw_ext_refusal){.reason = GW_EXT_REASON_NONE};
	}
}

/* A TLS client expects a record; this one is the alert "access denied". */
static void tell_tls(int fd)
{
	static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 49};
	(void)send(fd, alert, sizeof(alert), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void tell_plain(int fd, uint32_t reason)
{
	uint8_t reply[GW_REPLY_HEADER];
	gw_put_le64(reply, GW_REPLY_REFUSED + reason);
	(void)send(fd, reply, sizeof(reply), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void gw_refusals_end(struct gw_refusals *r, enum gw_refusal cause, const struct gw_visitor *v)
{
	const struct gw_ext_refusal refusal = gw_refusals_reason(r, cause);
	bool is_tls = v->speaks_tls || (v->terms.tls == GW_TLS_REQUIRE && cause != GW_REFUSED_PLAIN);
	uint8_t request[64];
	/* Closing with unread bytes would reset the connection. */
	ssize_t n = recv(v->fd, request, sizeof(request), MSG_DONTWAIT);
	(void)n;
	if (is_tls && cause == GW_REFUSED_ADDRESS)
		tell_tls(v->fd);
	else if (!is_tls && refusal.reason != GW_EXT_REASON_NONE && !gw_transport_stock_only())
		tell_plain(v->fd, refusal.reason);
	close(v->fd);
	gw_refusals_note(r, cause, v->peer);
}

uint64_t gw_refusals_deadline(const struct gw_refusals *r)
{
	uint64_t at = UINT64_MAX;
	for (size_t i = 0; i < GW_REFUSALS; i++)
		if (r->causes[i].more > 0 && r->causes[i].until < at)
			at = r->causes[i].until;
	return at;
}

void gw_refusals_tick(struct gw_refusals *r)
{
	uint64_t now = gw_clock_ns();
	for (size_t i = 0; i < GW_REFUSALS; i++) {
		char why[160];
		uint64_t more = r->causes[i].more;
		if (!r->causes[i].until || now < r->causes[i].until)
			continue;
		r->causes[i].until = 0;
		r->causes[i].lines = 0;
		r->causes[i].more = 0;
		explain(r, (enum gw_refusal)i, why, sizeof(why));
		if (more > 0)
			gw_log_warn("%" PRIu64 " more clients refused within 5 s: %s", more, why);
	}
}
