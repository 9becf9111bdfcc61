#include "cli/inventory.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/units.h"
#include "cli/verb.h"
#include "cli/verb_client.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

static void ask(struct gw_inventory_server *s, enum gw_transport_mode mode, double timeout_s)
{
	struct gw_verb_client v;
	const struct gw_verb_target target = {.endpoint = s->endpoint, .mode = mode, .timeout_s = timeout_s};
	s->status = gw_verb_connect(&v, &target, &s->err);
	if (s->status)
		return;
	s->status = gw_query_server(v.client, &s->server, &s->err);
	if (!s->status)
		s->status = gw_query_memory(v.client, &s->server, &s->err);
	if (s->status)
		gw_query_free(&s->server);
	else
		gw_query_about(v.client, &s->server, &s->about);
	gw_verb_disconnect(&v);
}

unsigned gw_inventory_take(const char *const *endpoints, size_t n, enum gw_transport_mode mode, double timeout_s,
	struct gw_inventory_server *out)
{
	unsigned n_devices = 0;
	for (size_t i = 0; i < n; i++) {
		out[i] = (struct gw_inventory_server){.endpoint = endpoints[i], .first = n_devices};
		ask(&out[i], mode, timeout_s);
		n_devices += out[i].server.info.n_devices;
	}
	return n_devices;
}

void gw_inventory_free(struct gw_inventory_server *servers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		gw_query_free(&servers[i].server);
}

void gw_inventory_print(FILE *to, const struct gw_inventory_server *servers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct gw_inventory_server *s = &servers[i];
		char safe[GW_QUERY_TEXT], total[GW_UNITS_TEXT], left[GW_UNITS_TEXT];
		if (s->status)
			continue;
		fprintf(to, "%s: %s\n", s->endpoint, gw_text_safe(s->about.text, safe, sizeof(safe)));
		for (uint32_t d = 0; d < s->server.info.n_devices; d++) {
			const struct gw_wire_memory_rsp *memory = &s->server.memory[d];
			const char *text = gw_query_device_text(&s->server.info.devices[d]);
			fprintf(to, "  RPC%-3u %10s free of %10s  %s\n", s->first + (unsigned)d,
				gw_units_bytes((double)memory->free, left),
				gw_units_bytes((double)memory->total, total),
				text[0] ? gw_text_safe(text, safe, sizeof(safe)) : "(the server does not tell)");
		}
	}
}

/* The free memory of all devices; NULL if memory runs out. */
static uint64_t *collect(
	const struct gw_inventory_server *servers, size_t n, const uint64_t *more, size_t n_more, size_t *count)
{
	size_t k = 0;
	*count = n_more;
	for (size_t i = 0; i < n; i++)
		*count += servers[i].server.info.n_devices;
	uint64_t *left = calloc(*count ? *count : 1, sizeof(*left));
	for (size_t i = 0; left && i < n; i++)
		for (uint32_t d = 0; d < servers[i].server.info.n_devices; d++)
			left[k++] = servers[i].server.memory[d].free;
	for (size_t i = 0; left && i < n_more; i++)
		left[k++] = more[i];
	return left;
}

/* In the largest unit in which no share is 0. */
static void put_shares(FILE *to, const uint64_t *left, size_t n)
{
	uint64_t least = UINT64_MAX;
	for (size_t i = 0; i < n; i++)
		least = left[i] < least ? left[i] : least;
	for (size_t i = 0; i < n; i++) {
		const char *comma = i > 0 ? "," : "";
		if (least >= GIB)
			fprintf(to, "%s%.1f", comma, (double)left[i] / (double)GIB);
		else
			fprintf(to, "%s%" PRIu64, comma, left[i] / MIB);
	}
}

char *gw_inventory_shares(const struct gw_inventory_server *servers, size_t n, const uint64_t *more, size_t n_more)
{
	char *text = NULL;
	size_t size, count;
	uint64_t *left = collect(servers, n, more, n_more, &count);
	FILE *to = left ? open_memstream(&text, &size) : NULL;
	bool failed = !to;
	if (to) {
		put_shares(to, left, count);
		failed = fclose(to) != 0;
	}
	free(left);
	if (!failed)
		return text;
	free(text);
	return NULL;
}
