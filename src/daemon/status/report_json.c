#include "daemon/status/report.h"

#include <stdio.h>

#define NS 1e-9
#define MS 1e-3

static void version(struct gw_json *j, const char *key, const struct gw_version *v)
{
	char text[16];
	snprintf(text, sizeof(text), "%u.%u.%u", v->major, v->minor, v->patch);
	gw_json_text(j, key, text);
}

static void counts(struct gw_json *j, const uint64_t count[GW_COUNTS])
{
	gw_json_u64(j, "received_bytes", count[GW_COUNT_RECEIVED]);
	gw_json_u64(j, "sent_bytes", count[GW_COUNT_SENT]);
	gw_json_u64(j, "graphs", count[GW_COUNT_GRAPHS]);
	gw_json_number(j, "graph_seconds", (double)count[GW_COUNT_GRAPH_NS] * NS, 9);
	gw_json_u64(j, "tokens", count[GW_COUNT_TOKENS]);
	gw_json_object(j, "tensor_bytes");
	gw_json_u64(j, "network", count[GW_COUNT_LOADED_NETWORK]);
	gw_json_u64(j, "cache", count[GW_COUNT_LOADED_CACHE]);
	gw_json_u64(j, "model", count[GW_COUNT_LOADED_MODEL]);
	gw_json_object_end(j);
}

static void server(struct gw_json *j, const struct gw_ext_status *s)
{
	gw_json_object(j, "server");
	gw_json_text(j, "version", s->version);
	version(j, "protocol", &s->protocol);
	gw_report_json_server(j, s);
	gw_json_object_end(j);
}

void gw_report_json_server(struct gw_json *j, const struct gw_ext_status *s)
{
	gw_json_text(j, "host", s->host[0] ? s->host : NULL);
	gw_json_text(j, "endpoints", s->endpoints[0] ? s->endpoints : NULL);
	gw_json_number(j, "time", (double)s->time_ms * MS, 3);
	gw_json_number(j, "uptime_seconds", (double)s->uptime_ms * MS, 3);
	gw_json_u64(j, "max_clients", s->max_clients);
	gw_json_u64(j, "workers", s->workers);
}

static void totals(struct gw_json *j, const struct gw_ext_status *s)
{
	gw_json_object(j, "totals");
	counts(j, s->count);
	gw_json_array(j, "graph_classes");
	for (size_t i = 0; i < GW_EXT_BUCKETS; i++) {
		gw_json_object(j, NULL);
		if (i < GW_EXT_BUCKETS - 1)
			gw_json_number(j, "up_to_seconds", (double)gw_ext_bucket_ns[i] * NS, 6);
		else
			gw_json_null(j, "up_to_seconds");
		gw_json_u64(j, "graphs", s->count[GW_COUNT_BUCKET + i]);
		gw_json_object_end(j);
	}
	gw_json_array_end(j);
	gw_json_u64(j, "connections", s->count[GW_COUNT_CONNECTIONS]);
	gw_json_u64(j, "refused", s->count[GW_COUNT_REFUSED]);
	gw_json_u64(j, "dropped", s->count[GW_COUNT_DROPPED]);
	gw_json_object_end(j);
}

static void device(struct gw_json *j, const struct gw_ext_status_device *d)
{
	gw_json_object(j, NULL);
	gw_json_text(j, "name", d->name);
	gw_json_text(j, "description", d->description);
	gw_json_u64(j, "memory_total_bytes", d->total);
	gw_json_u64(j, "memory_free_bytes", d->free);
	if (d->age_ms == GW_EXT_UNKNOWN)
		gw_json_null(j, "memory_age_seconds");
	else
		gw_json_number(j, "memory_age_seconds", (double)d->age_ms * MS, 3);
	gw_json_object_end(j);
}

static void client(struct gw_json *j, const struct gw_ext_status_client *c)
{
	gw_json_object(j, NULL);
	gw_json_text(j, "address", c->address);
	gw_json_text(j, "identity", c->identity[0] ? c->identity : NULL);
	gw_json_text(j, "endpoint", c->endpoint);
	gw_json_text(j, "transport", gw_ext_transport_name(c->transport));
	version(j, "protocol", &c->protocol);
	gw_json_bool(j, "self", c->flags & GW_EXT_CLIENT_SELF);
	gw_json_bool(j, "tool", gw_ext_client_is_tool(c));
	gw_json_number(j, "connected_seconds", (double)c->connected_ms * MS, 3);
	gw_json_number(j, "idle_seconds", (double)c->idle_ms * MS, 3);
	gw_json_u64(j, "buffers", c->buffers);
	gw_json_u64(j, "buffer_bytes", c->buffer_bytes);
	counts(j, c->count);
	gw_json_object_end(j);
}

void gw_report_json_devices(struct gw_json *j, const struct gw_ext_status *s)
{
	gw_json_array(j, "devices");
	for (uint32_t i = 0; i < s->n_devices; i++)
		device(j, &s->devices[i]);
	gw_json_array_end(j);
}

void gw_report_json(struct gw_json *j, const struct gw_ext_status *s)
{
	server(j, s);
	gw_report_json_activity(j, s);
}

void gw_report_json_activity(struct gw_json *j, const struct gw_ext_status *s)
{
	totals(j, s);
	gw_report_json_devices(j, s);
	gw_json_array(j, "clients");
	for (uint32_t i = 0; i < s->n_clients; i++)
		client(j, &s->clients[i]);
	gw_json_array_end(j);
}
