#include "daemon/status/report.h"

#include <inttypes.h>

#include "base/text.h"
#include "base/units.h"

static void put_server(FILE *to, const struct gw_ext_status *s)
{
	char version[GW_EXT_TEXT], age[GW_UNITS_TEXT];
	fprintf(to, "ggwire %s, protocol %u.%u.%u, up %s, %" PRIu32 " of %" PRIu32 " clients\n",
		gw_text_safe(s->version, version, sizeof(version)), s->protocol.major, s->protocol.minor,
		s->protocol.patch, gw_units_age(s->uptime_ms, age), gw_ext_status_users(s), s->max_clients);
}

static void put_totals(FILE *to, const struct gw_ext_status *s)
{
	char a[GW_UNITS_TEXT], b[GW_UNITS_TEXT], c[GW_UNITS_TEXT];
	const uint64_t *n = s->count;
	fprintf(to, "  connections  %" PRIu64 " served, %" PRIu64 " refused, %" PRIu64 " dropped\n",
		n[GW_COUNT_CONNECTIONS], n[GW_COUNT_REFUSED], n[GW_COUNT_DROPPED]);
	fprintf(to, "  traffic      %s received, %s sent\n", gw_units_bytes((double)n[GW_COUNT_RECEIVED], a),
		gw_units_bytes((double)n[GW_COUNT_SENT], b));
	fprintf(to, "  graphs       %" PRIu64, n[GW_COUNT_GRAPHS]);
	if (n[GW_COUNT_GRAPHS] > 0)
		fprintf(to, ", %s on average",
			gw_units_seconds((double)n[GW_COUNT_GRAPH_NS] / 1e9 / (double)n[GW_COUNT_GRAPHS], a));
	fprintf(to, "\n  tokens       %" PRIu64 " rows of logits read", n[GW_COUNT_TOKENS]);
	fprintf(to, "\n  tensors      %s from the network, %s from the cache, %s from local models\n",
		gw_units_bytes((double)n[GW_COUNT_LOADED_NETWORK], a),
		gw_units_bytes((double)n[GW_COUNT_LOADED_CACHE], b),
		gw_units_bytes((double)n[GW_COUNT_LOADED_MODEL], c));
}

static void put_device(FILE *to, const struct gw_ext_status_device *d)
{
	char name[GW_EXT_TEXT], description[GW_EXT_TEXT], used[GW_UNITS_TEXT], total[GW_UNITS_TEXT], age[GW_UNITS_TEXT];
	uint64_t taken = d->total > d->free ? d->total - d->free : 0;
	fprintf(to, "  %-10s %9s used of %9s  %s", gw_text_safe(d->name, name, sizeof(name)),
		gw_units_bytes((double)taken, used), gw_units_bytes((double)d->total, total),
		gw_text_safe(d->description, description, sizeof(description)));
	/* No client uses the device, so the number is old: other programs may use it since. */
	if (d->age_ms != GW_EXT_UNKNOWN && d->age_ms >= 60000)
		fprintf(to, " (%s ago)", gw_units_age(d->age_ms, age));
	fprintf(to, "\n");
}

static void put_client(FILE *to, const struct gw_ext_status_client *c)
{
	char name[GW_EXT_CLIENT_NAME], address[GW_EXT_CLIENT_NAME], connected[GW_UNITS_TEXT], in[GW_UNITS_TEXT],
		out[GW_UNITS_TEXT], held[GW_UNITS_TEXT], idle[GW_UNITS_TEXT];
	fprintf(to, "  %-21s %-4s %9s %9s %8" PRIu64 " %8" PRIu64 " %9s  %s, %s\n",
		gw_text_safe(gw_ext_client_name(c, name), address, sizeof(address)),
		gw_ext_transport_name(c->transport), gw_units_bytes((double)c->count[GW_COUNT_RECEIVED], in),
		gw_units_bytes((double)c->count[GW_COUNT_SENT], out), c->count[GW_COUNT_GRAPHS],
		c->count[GW_COUNT_TOKENS], gw_units_bytes((double)c->buffer_bytes, held),
		gw_units_age(c->connected_ms, connected), gw_units_age(c->idle_ms, idle));
}

void gw_report_text(FILE *to, const struct gw_ext_status *s)
{
	put_server(to, s);
	put_totals(to, s);
	fprintf(to, "Devices:\n");
	for (uint32_t i = 0; i < s->n_devices; i++)
		put_device(to, &s->devices[i]);
	if (gw_ext_status_users(s) == 0) {
		fprintf(to, "Clients: none\n");
		return;
	}
	fprintf(to, "%-23s %-4s %9s %9s %8s %8s %9s  connected, idle\n", "Clients:", "via", "received", "sent",
		"graphs", "tokens", "held");
	for (uint32_t i = 0; i < s->n_clients; i++)
		if (!gw_ext_client_is_tool(&s->clients[i]))
			put_client(to, &s->clients[i]);
}
