#include "wire/ext_status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/cursor.h"
#include "wire/ext_text.h"

#define US UINT64_C(1000)
#define MS (1000 * US)

const uint64_t gw_ext_bucket_ns[GW_EXT_BUCKETS - 1] = {50 * US, 100 * US, 250 * US, 500 * US, 1 * MS, 2500 * US, 5 * MS,
	10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, 1000 * MS, 2500 * MS, 5000 * MS, 10000 * MS};

unsigned gw_ext_bucket(uint64_t ns)
{
	unsigned i = 0;
	while (i < GW_EXT_BUCKETS - 1 && ns > gw_ext_bucket_ns[i])
		i++;
	return i;
}

const char *gw_ext_transport_name(uint32_t transport)
{
	static const char *const names[] = {"tcp", "unix", "rdma", "tls"};
	return transport < sizeof(names) / sizeof(names[0]) ? names[transport] : "other";
}

const char *gw_ext_client_name(const struct gw_ext_status_client *client, char out[GW_EXT_CLIENT_NAME])
{
	snprintf(out, GW_EXT_CLIENT_NAME, "%s%s%s", client->identity, client->identity[0] ? "@" : "", client->address);
	return out;
}

bool gw_ext_client_is_tool(const struct gw_ext_status_client *client)
{
	return client->flags & (GW_EXT_CLIENT_SELF | GW_EXT_CLIENT_TOOL);
}

uint32_t gw_ext_status_users(const struct gw_ext_status *status)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < status->n_clients; i++)
		n += !gw_ext_client_is_tool(&status->clients[i]);
	return n;
}

/* Appends to out; the first failure sticks. */
struct writer {
	struct gw_buf *out;
	enum gw_status status;
};

static void put_u32(struct writer *w, uint32_t v)
{
	if (!w->status)
		w->status = gw_ext_put_u32(w->out, v);
}

static void put_u64(struct writer *w, uint64_t v)
{
	if (!w->status)
		w->status = gw_ext_put_u64(w->out, v);
}

static void put_text(struct writer *w, const char *text)
{
	if (!w->status)
		w->status = gw_ext_put_text(w->out, text);
}

static void put_version(struct writer *w, const struct gw_version *v)
{
	put_u32(w, (uint32_t)v->major | (uint32_t)v->minor << 8 | (uint32_t)v->patch << 16);
}

static void put_counts(struct writer *w, const uint64_t count[GW_COUNTS])
{
	put_u32(w, GW_COUNTS);
	for (size_t i = 0; i < GW_COUNTS; i++)
		put_u64(w, count[i]);
}

/* A record's length precedes it, but is known only after it was written. */
static size_t begin_record(struct writer *w)
{
	size_t at = w->out->len;
	put_u32(w, 0);
	return at;
}

static void end_record(struct writer *w, size_t at)
{
	if (!w->status)
		gw_put_le32(w->out->data + at, (uint32_t)(w->out->len - at - 4));
}

static void put_server(struct writer *w, const struct gw_ext_status *s)
{
	size_t at = begin_record(w);
	put_u64(w, s->time_ms);
	put_u64(w, s->uptime_ms);
	put_u32(w, s->max_clients);
	put_u32(w, s->workers);
	put_version(w, &s->protocol);
	put_text(w, s->version);
	put_counts(w, s->count);
	put_text(w, s->host);
	put_text(w, s->endpoints);
	end_record(w, at);
}

static void put_device(struct writer *w, const struct gw_ext_status_device *d)
{
	size_t at = begin_record(w);
	put_u64(w, d->total);
	put_u64(w, d->free);
	put_u64(w, d->age_ms);
	put_text(w, d->name);
	put_text(w, d->description);
	end_record(w, at);
}

static void put_client(struct writer *w, const struct gw_ext_status_client *c)
{
	size_t at = begin_record(w);
	put_u32(w, c->flags);
	put_u32(w, c->transport);
	put_version(w, &c->protocol);
	put_u64(w, c->connected_ms);
	put_u64(w, c->idle_ms);
	put_u64(w, c->buffers);
	put_u64(w, c->buffer_bytes);
	put_text(w, c->address);
	put_text(w, c->endpoint);
	put_counts(w, c->count);
	put_text(w, c->identity);
	end_record(w, at);
}

enum gw_status gw_ext_status_encode(const struct gw_ext_status *s, struct gw_buf *out)
{
	if (s->n_devices > GW_EXT_MAX_DEVICES || s->n_clients > GW_EXT_STATUS_CLIENTS)
		return GW_ERR_LIMIT;
	size_t start = out->len;
	struct writer w = {.out = out};
	put_server(&w, s);
	put_u32(&w, s->n_devices);
	for (uint32_t i = 0; i < s->n_devices; i++)
		put_device(&w, &s->devices[i]);
	put_u32(&w, s->n_clients);
	for (uint32_t i = 0; i < s->n_clients; i++)
		put_client(&w, &s->clients[i]);
	if (!w.status && out->len - start > GW_EXT_STATUS_MAX)
		w.status = GW_ERR_LIMIT;
	if (w.status)
		out->len = start;
	return w.status;
}

/* The next record, as a reader of its own; r is bad if it is cut. */
static struct gw_rd take_record(struct gw_rd *r)
{
	uint32_t n = gw_rd_u32(r);
	const uint8_t *bytes = gw_rd_bytes(r, n);
	struct gw_rd record = gw_rd_init(bytes, bytes ? n : 0);
	record.bad = r->bad;
	return record;
}

/* Back from a record: what it lacks is missing for good. */
static void leave_record(struct gw_rd *r, const struct gw_rd *record)
{
	r->bad = r->bad || record->bad;
}

static struct gw_version take_version(struct gw_rd *r)
{
	uint32_t v = gw_rd_u32(r);
	return (struct gw_version){(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16)};
}

static void take_counts(struct gw_rd *r, uint64_t count[GW_COUNTS])
{
	uint32_t n = gw_rd_u32(r);
	for (uint32_t i = 0; i < n && !r->bad; i++) {
		uint64_t value = gw_rd_u64(r);
		if (i < GW_COUNTS)
			count[i] = value;
	}
}

static void take_server(struct gw_rd *r, struct gw_ext_status *s)
{
	struct gw_rd in = take_record(r);
	s->time_ms = gw_rd_u64(&in);
	s->uptime_ms = gw_rd_u64(&in);
	s->max_clients = gw_rd_u32(&in);
	s->workers = gw_rd_u32(&in);
	s->protocol = take_version(&in);
	gw_ext_take_text(&in, s->version);
	take_counts(&in, s->count);
	if (gw_rd_left(&in) > 0) {
		gw_ext_take_text(&in, s->host);
		gw_ext_take_text(&in, s->endpoints);
	}
	leave_record(r, &in);
}

static void take_device(struct gw_rd *r, struct gw_ext_status_device *d)
{
	struct gw_rd in = take_record(r);
	d->total = gw_rd_u64(&in);
	d->free = gw_rd_u64(&in);
	d->age_ms = gw_rd_u64(&in);
	gw_ext_take_text(&in, d->name);
	gw_ext_take_text(&in, d->description);
	leave_record(r, &in);
}

static void take_client(struct gw_rd *r, struct gw_ext_status_client *c)
{
	struct gw_rd in = take_record(r);
	c->flags = gw_rd_u32(&in);
	c->transport = gw_rd_u32(&in);
	c->protocol = take_version(&in);
	c->connected_ms = gw_rd_u64(&in);
	c->idle_ms = gw_rd_u64(&in);
	c->buffers = gw_rd_u64(&in);
	c->buffer_bytes = gw_rd_u64(&in);
	gw_ext_take_text(&in, c->address);
	gw_ext_take_text(&in, c->endpoint);
	take_counts(&in, c->count);
	if (gw_rd_left(&in) > 0)
		gw_ext_take_text(&in, c->identity);
	leave_record(r, &in);
}

static enum gw_status take_devices(struct gw_rd *r, struct gw_ext_status *s)
{
	uint32_t n = gw_rd_u32(r);
	if (r->bad || n > GW_EXT_MAX_DEVICES)
		return GW_ERR_PROTOCOL;
	s->devices = calloc(n ? n : 1, sizeof(*s->devices));
	if (!s->devices)
		return GW_ERR_NOMEM;
	s->n_devices = n;
	for (uint32_t i = 0; i < n; i++)
		take_device(r, &s->devices[i]);
	return r->bad ? GW_ERR_PROTOCOL : GW_OK;
}

static enum gw_status take_clients(struct gw_rd *r, struct gw_ext_status *s)
{
	uint32_t n = gw_rd_u32(r);
	/* Each has its length at least: memory is taken for what can be there. */
	if (r->bad || n > GW_EXT_STATUS_CLIENTS || n > gw_rd_left(r) / 4)
		return GW_ERR_PROTOCOL;
	s->clients = calloc(n ? n : 1, sizeof(*s->clients));
	if (!s->clients)
		return GW_ERR_NOMEM;
	s->n_clients = n;
	for (uint32_t i = 0; i < n; i++)
		take_client(r, &s->clients[i]);
	return r->bad ? GW_ERR_PROTOCOL : GW_OK;
}

enum gw_status gw_ext_status_decode(const void *body, size_t size, struct gw_ext_status *status)
{
	struct gw_ext_status got = {0};
	struct gw_rd r = gw_rd_init(body, size);
	if (size > GW_EXT_STATUS_MAX)
		return GW_ERR_PROTOCOL;
	take_server(&r, &got);
	enum gw_status st = r.bad ? GW_ERR_PROTOCOL : take_devices(&r, &got);
	if (!st)
		st = take_clients(&r, &got);
	if (st) {
		gw_ext_status_free(&got);
		return st;
	}
	*status = got;
	return GW_OK;
}

void gw_ext_status_free(struct gw_ext_status *status)
{
	free(status->devices);
	free(status->clients);
	*status = (struct gw_ext_status){0};
}
