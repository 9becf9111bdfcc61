#include "cli/top/lines.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/terminal.h"
#include "base/text.h"
#include "base/units.h"

struct output {
	gw_top_line *line;
	void *user;
};

static void put(const struct output *o, bool heading, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void put(const struct output *o, bool heading, const char *fmt, ...)
{
	char text[512], safe[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	o->line(o->user, heading, gw_text_safe(text, safe, sizeof(safe)));
}

static void put_device(const struct output *o, const struct gw_ext_status_device *d)
{
	enum {
		WIDTH = 20
	};
	char bar[WIDTH + 1], used[GW_UNITS_TEXT], total[GW_UNITS_TEXT];
	uint64_t taken = d->total > d->free ? d->total - d->free : 0;
	gw_terminal_bar(d->total ? (double)taken / (double)d->total : 0, WIDTH, bar);
	put(o, false, "  %-10.10s [%s] %9s of %9s  %.24s", d->name, bar, gw_units_bytes((double)taken, used),
		gw_units_bytes((double)d->total, total), d->description);
}

/* The same client in the answer before, or NULL. */
static const struct gw_ext_status_client *find_before(
	const struct gw_watch_view *v, const struct gw_ext_status_client *c)
{
	for (uint32_t i = 0; v->has_before && i < v->before.n_clients; i++) {
		const struct gw_ext_status_client *b = &v->before.clients[i];
		if (strcmp(b->address, c->address) == 0 && strcmp(b->endpoint, c->endpoint) == 0 &&
			b->connected_ms <= c->connected_ms)
			return b;
	}
	return NULL;
}

static double rate(const uint64_t *now, const uint64_t *before, enum gw_ext_count what, double seconds)
{
	return now[what] >= before[what] ? (double)(now[what] - before[what]) / seconds : 0;
}

/* Between the two answers, in seconds. */
static double elapsed(const struct gw_watch_view *v)
{
	return v->has_before && v->status.time_ms > v->before.time_ms
		       ? (double)(v->status.time_ms - v->before.time_ms) / 1000
		       : 0;
}

/* What a client has received and sent, and the graphs, each a second: unknown before there are two answers. */
struct rates {
	char in[GW_UNITS_TEXT], out[GW_UNITS_TEXT], graphs[GW_UNITS_TEXT], time[GW_UNITS_TEXT];
};

static void measure(
	const struct gw_watch_view *v, const struct gw_ext_status_client *c, double seconds, struct rates *r)
{
	const struct gw_ext_status_client *b = find_before(v, c);
	*r = (struct rates){"-", "-", "-", "-"};
	if (!b || seconds <= 0)
		return;
	double graphs = rate(c->count, b->count, GW_COUNT_GRAPHS, seconds);
	gw_units_bytes(rate(c->count, b->count, GW_COUNT_RECEIVED, seconds), r->in);
	gw_units_bytes(rate(c->count, b->count, GW_COUNT_SENT, seconds), r->out);
	snprintf(r->graphs, sizeof(r->graphs), "%.1f", graphs);
	if (graphs > 0)
		gw_units_seconds(rate(c->count, b->count, GW_COUNT_GRAPH_NS, seconds) / graphs / 1e9, r->time);
}

static void put_client(
	const struct output *o, const struct gw_watch_view *v, const struct gw_ext_status_client *c, double seconds)
{
	char held[GW_UNITS_TEXT], age[GW_UNITS_TEXT], name[GW_EXT_CLIENT_NAME];
	struct rates r;
	measure(v, c, seconds, &r);
	put(o, false, "  %-21.21s %-4s %9s %9s %7s %7s %9s %s", gw_ext_client_name(c, name),
		gw_ext_transport_name(c->transport), r.in, r.out, r.graphs, r.time,
		gw_units_bytes((double)c->buffer_bytes, held), gw_units_age(c->connected_ms, age));
}

static void put_clients(const struct output *o, const struct gw_watch_view *v)
{
	uint32_t others = 0;
	double seconds = elapsed(v);
	for (uint32_t i = 0; i < v->status.n_clients; i++) {
		const struct gw_ext_status_client *c = &v->status.clients[i];
		if (c->flags & GW_EXT_CLIENT_SELF)
			continue;
		if (others++ == 0)
			put(o, false, "  %-21s %-4s %9s %9s %7s %7s %9s %s", "CLIENT", "VIA", "IN/S", "OUT/S",
				"GRAPH/S", "TIME", "HELD", "SINCE");
		put_client(o, v, c, seconds);
	}
	if (others == 0)
		put(o, false, "  nobody else is connected");
}

void gw_top_lines(const char *endpoint, const struct gw_watch_view *v, gw_top_line *line, void *user)
{
	const struct output o = {line, user};
	char age[GW_UNITS_TEXT];
	if (!v->reached) {
		put(&o, true, "%s", endpoint);
		put(&o, false, "  %s", v->why[0] ? v->why : "connecting");
		return;
	}
	if (v->told)
		put(&o, true, "%s: %s, up %s", endpoint, v->about.text, gw_units_age(v->status.uptime_ms, age));
	else
		put(&o, true, "%s: %s", endpoint, v->about.text);
	for (uint32_t i = 0; i < v->status.n_devices; i++)
		put_device(&o, &v->status.devices[i]);
	if (v->told)
		put_clients(&o, v);
	else
		put(&o, false, "  %s", v->why);
}
