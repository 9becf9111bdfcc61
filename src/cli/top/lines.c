#include "cli/top/lines.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/terminal.h"
#include "base/text.h"
#include "base/units.h"

/* Memory of a device that is nearly full. */
#define FULL 0.95

struct output {
	gw_top_line *line;
	void *user;
	unsigned width;
};

static void put(const struct output *o, enum gw_top_style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void put(const struct output *o, enum gw_top_style style, const char *fmt, ...)
{
	char text[512], safe[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	o->line(o->user, style, gw_text_safe(text, safe, sizeof(safe)));
}

static void put_device(const struct output *o, const struct gw_ext_status_device *d)
{
	enum {
		WIDE = 20,
		NARROW = 6,
		USUAL = 80
	};
	char bar[WIDE + 1], used[GW_UNITS_TEXT], total[GW_UNITS_TEXT];
	uint64_t taken = d->total > d->free ? d->total - d->free : 0;
	double share = d->total ? (double)taken / (double)d->total : 0;
	gw_terminal_bar(share, o->width < USUAL ? NARROW : WIDE, bar);
	put(o, share > FULL ? GW_TOP_ALARM : GW_TOP_PLAIN, "  %-10.10s [%s] %9s of %9s  %.24s", d->name, bar,
		gw_units_bytes((double)taken, used), gw_units_bytes((double)d->total, total), d->description);
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

/* What a client has received and sent, its graphs and its tokens, each a second: unknown before there are two answers.
 */
struct rates {
	char in[GW_UNITS_TEXT], out[GW_UNITS_TEXT], graphs[GW_UNITS_TEXT], tokens[GW_UNITS_TEXT], time[GW_UNITS_TEXT];
};

static void measure(
	const struct gw_watch_view *v, const struct gw_ext_status_client *c, double seconds, struct rates *r)
{
	const struct gw_ext_status_client *b = find_before(v, c);
	*r = (struct rates){"-", "-", "-", "-", "-"};
	if (!b || seconds <= 0)
		return;
	double graphs = rate(c->count, b->count, GW_COUNT_GRAPHS, seconds);
	gw_units_bytes(rate(c->count, b->count, GW_COUNT_RECEIVED, seconds), r->in);
	gw_units_bytes(rate(c->count, b->count, GW_COUNT_SENT, seconds), r->out);
	snprintf(r->graphs, sizeof(r->graphs), "%.1f", graphs);
	double tokens = rate(c->count, b->count, GW_COUNT_TOKENS, seconds);
	if (c->count[GW_COUNT_TOKENS] > 0)
		snprintf(r->tokens, sizeof(r->tokens), "%.*f", tokens < 999.95, tokens);
	if (graphs > 0)
		gw_units_seconds(rate(c->count, b->count, GW_COUNT_GRAPH_NS, seconds) / graphs / 1e9, r->time);
}

/* In the order of the screen; the last of the ranks is left out first. */
static const struct column {
	const char *title;
	int width; /* negative: to the left */
	unsigned rank;
} columns[] = {
	{"CLIENT", -21, 0},
	{"VIA", -4, 7},
	{"IN/S", 9, 4},
	{"OUT/S", 9, 5},
	{"GRAPH/S", 7, 1},
	{"TOK/S", 5, 2},
	{"TIME", 7, 6},
	{"HELD", 9, 3},
	{"SINCE", -5, 8},
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define BLANKS 2 /* before the first */

static unsigned width_of(const struct column *c)
{
	return (unsigned)(c->width < 0 ? -c->width : c->width) + 1;
}

/* Which ranks are shown: those below the result. The first always is. */
static unsigned count_ranks(unsigned width)
{
	unsigned used = BLANKS;
	for (unsigned rank = 0; rank < N_COLUMNS; rank++)
		for (size_t i = 0; i < N_COLUMNS; i++) {
			if (columns[i].rank != rank)
				continue;
			used += width_of(&columns[i]);
			if (used > width + 1 && rank > 0)
				return rank;
		}
	return N_COLUMNS;
}

static void put_row(const struct output *o, enum gw_top_style style, const char *const cells[N_COLUMNS])
{
	char text[256] = "";
	size_t used = (size_t)snprintf(text, sizeof(text), "%*s", BLANKS - 1, "");
	unsigned ranks = count_ranks(o->width);
	for (size_t i = 0; i < N_COLUMNS; i++)
		if (columns[i].rank < ranks && used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, i == 0 ? " %*.21s" : " %*s",
				columns[i].width, cells[i]);
	put(o, style, "%s", text);
}

static void put_client(
	const struct output *o, const struct gw_watch_view *v, const struct gw_ext_status_client *c, double seconds)
{
	char held[GW_UNITS_TEXT], age[GW_UNITS_TEXT], name[GW_EXT_CLIENT_NAME];
	struct rates r;
	measure(v, c, seconds, &r);
	const char *const cells[N_COLUMNS] = {gw_ext_client_name(c, name), gw_ext_transport_name(c->transport), r.in,
		r.out, r.graphs, r.tokens, r.time, gw_units_bytes((double)c->buffer_bytes, held),
		gw_units_age(c->connected_ms, age)};
	put_row(o, GW_TOP_PLAIN, cells);
}

static void put_titles(const struct output *o)
{
	const char *titles[N_COLUMNS];
	for (size_t i = 0; i < N_COLUMNS; i++)
		titles[i] = columns[i].title;
	put_row(o, GW_TOP_TITLES, titles);
}

static void put_clients(const struct output *o, const struct gw_watch_view *v)
{
	uint32_t others = 0;
	double seconds = elapsed(v);
	for (uint32_t i = 0; i < v->status.n_clients; i++) {
		const struct gw_ext_status_client *c = &v->status.clients[i];
		if (gw_ext_client_is_tool(c))
			continue;
		if (others++ == 0)
			put_titles(o);
		put_client(o, v, c, seconds);
	}
	if (others == 0)
		put(o, GW_TOP_PLAIN, "  no client is connected");
}

void gw_top_lines(const char *endpoint, const struct gw_watch_view *v, unsigned width, gw_top_line *line, void *user)
{
	const struct output o = {line, user, width};
	char age[GW_UNITS_TEXT];
	if (!v->reached) {
		put(&o, GW_TOP_HEADING, "%s", endpoint);
		put(&o, v->why[0] ? GW_TOP_ALARM : GW_TOP_PLAIN, "  %s", v->why[0] ? v->why : "connecting");
		return;
	}
	if (v->told)
		put(&o, GW_TOP_HEADING, "%s: %s, up %s", endpoint, v->about.text,
			gw_units_age(v->status.uptime_ms, age));
	else
		put(&o, GW_TOP_HEADING, "%s: %s", endpoint, v->about.text);
	for (uint32_t i = 0; i < v->status.n_devices; i++)
		put_device(&o, &v->status.devices[i]);
	if (v->told)
		put_clients(&o, v);
	else
		put(&o, GW_TOP_PLAIN, "  %s", v->why);
}
