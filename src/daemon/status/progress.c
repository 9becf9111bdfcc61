/* The cursor rests on an empty row above the lines: whatever another process logs fills that row, and the lines are
 * drawn again below it. */
#include "daemon/status/progress.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/events.h"
#include "base/log.h"
#include "base/terminal.h"
#include "base/text.h"
#include "base/units.h"

#define PERIOD_NS (250 * GW_NS_PER_MS)
/* A load that does not go on for so long is over. */
#define QUIET_NS (2000 * GW_NS_PER_MS)
#define LINES_MAX 16
#define COLUMNS_MAX 250
#define SOURCES 3

struct load {
	uint32_t slot;
	uint64_t begun_ns; /* when the client connected */
	uint64_t moved_ns; /* when bytes came last */
	uint64_t last;     /* bytes then */
	uint64_t drawn_ns; /* of the line drawn last, */
	uint64_t drawn;    /* and its bytes, */
	double rate;       /* and its bytes a second */
	uint64_t bytes[SOURCES];
	char client[GW_EXT_TEXT];
};

struct gw_progress {
	struct gw_scoreboard *board;
	struct load loads[LINES_MAX];
	size_t n;
	uint64_t draw_at;
};

static void put(const char *bytes, size_t n)
{
	/* A failure cannot be reported anywhere. */
	ssize_t written = write(STDERR_FILENO, bytes, n);
	(void)written;
}

/* Lines of the log take the place of those of the progress, which are drawn again below. */
static void log_above(enum gw_log_level level, const char *line, void *user)
{
	static const char clear[] = "\x1b[J";
	char text[8192];
	(void)level;
	(void)user;
	int n = snprintf(text, sizeof(text), "%s%s\n", clear, line);
	put(text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

enum gw_status gw_progress_new(struct gw_scoreboard *board, struct gw_progress **out, struct gw_error *err)
{
	*out = NULL;
	if (!gw_terminal_can_draw(STDERR_FILENO))
		return GW_OK;
	struct gw_progress *p = calloc(1, sizeof(*p));
	if (!p)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	p->board = board;
	gw_log_set_sink(log_above, p);
	*out = p;
	return GW_OK;
}

void gw_progress_free(struct gw_progress *p)
{
	if (p)
		gw_log_set_sink(NULL, NULL);
	free(p);
}

static uint64_t total(const struct load *l)
{
	return l->bytes[0] + l->bytes[1] + l->bytes[2];
}

/* "network 1.2 GiB, cache 3.4 GiB": the sources that gave anything. */
static void sources_text(const struct load *l, char *out, size_t size)
{
	static const char *const names[SOURCES] = {"network", "cache", "local model"};
	size_t len = 0;
	out[0] = '\0';
	for (size_t i = 0; i < SOURCES && len < size; i++) {
		char bytes[GW_UNITS_TEXT];
		if (l->bytes[i] > 0)
			len += (size_t)snprintf(out + len, size - len, "%s%s %s", len ? ", " : "", names[i],
				gw_units_bytes((double)l->bytes[i], bytes));
	}
}

static void look(const struct gw_progress *p, struct load *l, uint64_t now)
{
	uint64_t age;
	gw_scoreboard_loaded(p->board, l->slot, l->bytes, &age);
	l->begun_ns = now > age ? now - age : 0;
	if (total(l) != l->last) {
		l->last = total(l);
		l->moved_ns = now;
	}
}

static void conclude(struct gw_progress *p, size_t i)
{
	char bytes[GW_UNITS_TEXT], seconds[GW_UNITS_TEXT], sources[160];
	struct load l = p->loads[i];
	memmove(&p->loads[i], &p->loads[i + 1], (p->n - i - 1) * sizeof(p->loads[0]));
	p->n--;
	sources_text(&l, sources, sizeof(sources));
	gw_units_bytes((double)total(&l), bytes);
	gw_units_seconds((double)(l.moved_ns - l.begun_ns) / 1e9, seconds);
	gw_log_info("client %s has loaded %s within %s: %s", l.client, bytes, seconds, sources);
}

void gw_progress_begin(struct gw_progress *p, uint32_t slot, const char *client)
{
	if (!p || p->n == LINES_MAX)
		return;
	for (size_t i = 0; i < p->n; i++)
		if (p->loads[i].slot == slot)
			return;
	uint64_t now = gw_clock_ns();
	struct load *l = &p->loads[p->n++];
	*l = (struct load){.slot = slot, .moved_ns = now, .drawn_ns = now};
	gw_text_safe(client, l->client, sizeof(l->client));
	look(p, l, now);
	l->drawn = l->last;
	l->rate = now > l->begun_ns ? (double)l->last / ((double)(now - l->begun_ns) / 1e9) : 0;
	p->draw_at = now;
}

void gw_progress_end(struct gw_progress *p, uint32_t slot)
{
	for (size_t i = 0; p && i < p->n; i++) {
		if (p->loads[i].slot != slot)
			continue;
		look(p, &p->loads[i], gw_clock_ns());
		conclude(p, i);
		return;
	}
}

uint64_t gw_progress_deadline(const struct gw_progress *p)
{
	return p && p->n > 0 ? p->draw_at : GW_CLOCK_NEVER;
}

static size_t columns(void)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
}

static void update_rate(struct load *l, uint64_t now)
{
	if (now <= l->drawn_ns)
		return;
	double latest = (double)(l->last - l->drawn) / ((double)(now - l->drawn_ns) / 1e9);
	l->rate += (latest - l->rate) / 4;
	l->drawn_ns = now;
	l->drawn = l->last;
}

static void line_text(struct load *l, uint64_t now, char *out, size_t size)
{
	char bytes[GW_UNITS_TEXT], rate[GW_UNITS_TEXT], sources[160];
	update_rate(l, now);
	sources_text(l, sources, sizeof(sources));
	snprintf(out, size, "  %s loads: %s, %s/s (%s)", l->client, gw_units_bytes((double)l->last, bytes),
		gw_units_bytes(l->rate, rate), sources);
}

void gw_progress_draw(struct gw_progress *p)
{
	uint64_t now = gw_clock_ns();
	char out[LINES_MAX * (COLUMNS_MAX + 4) + 64];
	size_t len = (size_t)snprintf(out, sizeof(out), "\x1b[J");
	if (gw_progress_deadline(p) > now)
		return;
	for (size_t i = 0; i < p->n;) {
		look(p, &p->loads[i], now);
		if (now - p->loads[i].moved_ns > QUIET_NS)
			conclude(p, i);
		else
			i++;
	}
	for (size_t i = 0; i < p->n; i++) {
		char line[512];
		line_text(&p->loads[i], now, line, sizeof(line));
		len += (size_t)snprintf(out + len, sizeof(out) - len, "\n%.*s", (int)columns() - 1, line);
	}
	if (p->n > 0)
		len += (size_t)snprintf(out + len, sizeof(out) - len, "\r\x1b[%zuA", p->n);
	put(out, len);
	p->draw_at = now + PERIOD_NS;
}
