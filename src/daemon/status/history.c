#include "daemon/status/history.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"

#define PERIOD_S 2
#define PERIOD_NS (PERIOD_S * GW_NS_PER_S)
#define SAMPLES 160 /* a little more than the page's five minutes */
#define MS 1e-3
#define NS 1e-9

struct sample {
	uint64_t time_ms; /* since 1970 */
	uint64_t count[GW_COUNTS];
};

struct gw_history {
	struct gw_scoreboard *board;
	bool wanted;   /* a client was connected since the last sample */
	uint64_t next; /* the earliest time of the next sample, gw_clock_ns */
	size_t first, n;
	struct sample samples[SAMPLES];
};

enum gw_status gw_history_new(struct gw_scoreboard *board, struct gw_history **out)
{
	struct gw_history *h = calloc(1, sizeof(*h));
	if (!h)
		return GW_ERR_NOMEM;
	h->board = board;
	*out = h;
	return GW_OK;
}

void gw_history_free(struct gw_history *h)
{
	free(h);
}

uint64_t gw_history_deadline(const struct gw_history *h)
{
	return h && h->wanted ? h->next : UINT64_MAX;
}

void gw_history_begin(struct gw_history *h)
{
	h->wanted = true;
}

static struct sample *new_sample(struct gw_history *h)
{
	if (h->n < SAMPLES)
		return &h->samples[h->n++];
	struct sample *oldest = &h->samples[h->first];
	h->first = (h->first + 1) % SAMPLES;
	return oldest;
}

void gw_history_tick(struct gw_history *h)
{
	if (!h)
		return;
	bool busy = gw_scoreboard_is_busy(h->board);
	h->wanted |= busy;
	uint64_t now = h->wanted ? gw_clock_ns() : 0;
	if (!h->wanted || now < h->next)
		return;
	struct sample *s = new_sample(h);
	s->time_ms = gw_clock_unix_ms();
	gw_scoreboard_totals(h->board, s->count);
	h->next = now + PERIOD_NS;
	h->wanted = busy;
}

static void put_sample(struct gw_json *j, const struct sample *s)
{
	gw_json_object(j, NULL);
	gw_json_number(j, "time", (double)s->time_ms * MS, 3);
	gw_json_u64(j, "received_bytes", s->count[GW_COUNT_RECEIVED]);
	gw_json_u64(j, "sent_bytes", s->count[GW_COUNT_SENT]);
	gw_json_u64(j, "graphs", s->count[GW_COUNT_GRAPHS]);
	gw_json_number(j, "graph_seconds", (double)s->count[GW_COUNT_GRAPH_NS] * NS, 9);
	gw_json_u64(j, "tokens", s->count[GW_COUNT_TOKENS]);
	gw_json_array(j, "graph_classes");
	for (size_t i = 0; i < GW_EXT_BUCKETS; i++)
		gw_json_u64(j, NULL, s->count[GW_COUNT_BUCKET + i]);
	gw_json_array_end(j);
	gw_json_object_end(j);
}

void gw_history_json(const struct gw_history *h, struct gw_json *j)
{
	gw_json_u64(j, "period_seconds", PERIOD_S);
	gw_json_array(j, "graph_class_seconds");
	for (size_t i = 0; i < GW_EXT_BUCKETS - 1; i++)
		gw_json_number(j, NULL, (double)gw_ext_bucket_ns[i] * NS, 6);
	gw_json_array_end(j);
	gw_json_array(j, "samples");
	for (size_t i = 0; h && i < h->n; i++)
		put_sample(j, &h->samples[(h->first + i) % SAMPLES]);
	gw_json_array_end(j);
}
