#include "daemon/workers/refusals.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
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
		snprintf(out, size, "its host has %u connections already; raise --max-clients-per-host",
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
		snprintf(out, size, "its key is used by %u connections already; raise --max-clients-per-host",
			r->max_per_host);
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
	gw_log_warn("client %s refused: %s", peer, why);
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
