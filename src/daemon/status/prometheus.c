#include "daemon/status/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Of which there are numbers; each is another time series for whoever collects them. */
#define CLIENTS_MAX 64
#define NS 1e-9

/* Appends; the first failure sticks. */
struct writer {
	struct gw_buf *out;
	enum gw_status status;
};

static void put(struct writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct writer *w, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (!w->status)
		w->status = n >= (int)sizeof(line) ? GW_ERR_LIMIT : gw_buf_append(w->out, line, (size_t)n);
}

static void head(struct writer *w, const char *name, const char *type, const char *help)
{
	put(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(struct writer *w, const char *name, const char *type, const char *help, uint64_t value)
{
	head(w, name, type, help);
	put(w, "%s %" PRIu64 "\n", name, value);
}

/* A label's value: harmless, and with backslashes before what would end it. */
#define LABEL_MAX (2 * GW_EXT_TEXT)
static const char *label(const char *text, char out[LABEL_MAX])
{
	char safe[GW_EXT_TEXT];
	size_t len = 0;
	gw_text_safe(text, safe, sizeof(safe));
	for (const char *c = safe; *c; c++) {
		if (*c == '"' || *c == '\\')
			out[len++] = '\\';
		out[len++] = *c;
	}
	out[len] = '\0';
	return out;
}

static void server(struct writer *w, const struct gw_ext_status *s)
{
	char version[LABEL_MAX];
	const struct gw_version *v = &s->protocol;
	head(w, "ggwire_build_info", "gauge", "Version of the server and of the protocol on its usual endpoint.");
	put(w, "ggwire_build_info{version=\"%s\",protocol=\"%u.%u.%u\"} 1\n", label(s->version, version), v->major,
		v->minor, v->patch);
	head(w, "ggwire_start_time_seconds", "gauge", "When the server started, in seconds since 1970.");
	put(w, "ggwire_start_time_seconds %.3f\n",
		(double)(s->time_ms > s->uptime_ms ? s->time_ms - s->uptime_ms : 0) / 1000);
	single(w, "ggwire_workers", "gauge", "Worker processes.", s->workers);
	single(w, "ggwire_clients", "gauge", "Clients that are connected, without tools like ggwire top.",
		gw_ext_status_users(s));
	single(w, "ggwire_clients_max", "gauge", "Clients that may be connected at once.", s->max_clients);
}

static void connections(struct writer *w, const struct gw_ext_status *s)
{
	single(w, "ggwire_connections_total", "counter", "Connections that were given to a worker.",
		s->count[GW_COUNT_CONNECTIONS]);
	single(w, "ggwire_connections_refused_total", "counter", "Connections that were turned away.",
		s->count[GW_COUNT_REFUSED]);
	single(w, "ggwire_connections_dropped_total", "counter", "Connections that ended otherwise than cleanly.",
		s->count[GW_COUNT_DROPPED]);
	single(w, "ggwire_received_bytes_total", "counter", "Bytes received from clients.",
		s->count[GW_COUNT_RECEIVED]);
	single(w, "ggwire_sent_bytes_total", "counter", "Bytes sent to clients.", s->count[GW_COUNT_SENT]);
	head(w, "ggwire_tensor_bytes_total", "counter", "Bytes written into tensors, by where they came from.");
	put(w, "ggwire_tensor_bytes_total{source=\"network\"} %" PRIu64 "\n", s->count[GW_COUNT_LOADED_NETWORK]);
	put(w, "ggwire_tensor_bytes_total{source=\"cache\"} %" PRIu64 "\n", s->count[GW_COUNT_LOADED_CACHE]);
	put(w, "ggwire_tensor_bytes_total{source=\"model\"} %" PRIu64 "\n", s->count[GW_COUNT_LOADED_MODEL]);
}

static void graphs(struct writer *w, const struct gw_ext_status *s)
{
	static const char name[] = "ggwire_graph_duration_seconds";
	uint64_t sum = 0;
	head(w, name, "histogram", "How long graphs took to compute.");
	for (size_t i = 0; i < GW_EXT_BUCKETS - 1; i++) {
		sum += s->count[GW_COUNT_BUCKET + i];
		put(w, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, (double)gw_ext_bucket_ns[i] * NS, sum);
	}
	sum += s->count[GW_COUNT_BUCKET + GW_EXT_BUCKETS - 1];
	put(w, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, sum);
	put(w, "%s_sum %.9f\n%s_count %" PRIu64 "\n", name, (double)s->count[GW_COUNT_GRAPH_NS] * NS, name, sum);
}

static void tokens(struct writer *w, const struct gw_ext_status *s)
{
	single(w, "ggwire_tokens_total", "counter",
		"Rows of logits that clients read: tokens, where this server has the output layer.",
		s->count[GW_COUNT_TOKENS]);
}

static void buffers(struct writer *w, const struct gw_ext_status *s)
{
	uint64_t n = 0, bytes = 0;
	for (uint32_t i = 0; i < s->n_clients; i++) {
		n += s->clients[i].buffers;
		bytes += s->clients[i].buffer_bytes;
	}
	single(w, "ggwire_buffers", "gauge", "Buffers that clients have.", n);
	single(w, "ggwire_buffer_bytes", "gauge", "Bytes of the buffers that clients have.", bytes);
}

/* One family: the same number of every device. */
static void device_numbers(struct writer *w, const struct gw_ext_status *s, const char *name, const char *help,
	uint64_t (*number)(const struct gw_ext_status_device *), double scale)
{
	head(w, name, "gauge", help);
	for (uint32_t i = 0; i < s->n_devices; i++) {
		char device[LABEL_MAX];
		put(w, "%s{device=\"%s\",index=\"%" PRIu32 "\"} %.15g\n", name, label(s->devices[i].name, device), i,
			(double)number(&s->devices[i]) * scale);
	}
}

static uint64_t device_total(const struct gw_ext_status_device *d)
{
	return d->total;
}

static uint64_t device_free(const struct gw_ext_status_device *d)
{
	return d->free;
}

static uint64_t device_age(const struct gw_ext_status_device *d)
{
	return d->age_ms;
}

static void devices(struct writer *w, const struct gw_ext_status *s)
{
	device_numbers(w, s, "ggwire_device_memory_bytes", "Memory of a device.", device_total, 1);
	device_numbers(w, s, "ggwire_device_memory_free_bytes", "Free memory of a device, when it was last looked at.",
		device_free, 1);
	device_numbers(w, s, "ggwire_device_memory_age_seconds", "How long ago a device's memory was looked at.",
		device_age, 1e-3);
}

static uint64_t client_buffers(const struct gw_ext_status_client *c)
{
	return c->buffer_bytes;
}

static uint64_t client_received(const struct gw_ext_status_client *c)
{
	return c->count[GW_COUNT_RECEIVED];
}

static uint64_t client_sent(const struct gw_ext_status_client *c)
{
	return c->count[GW_COUNT_SENT];
}

static uint64_t client_tokens(const struct gw_ext_status_client *c)
{
	return c->count[GW_COUNT_TOKENS];
}

static uint64_t client_graphs(const struct gw_ext_status_client *c)
{
	return c->count[GW_COUNT_GRAPHS];
}

static void client_numbers(struct writer *w, const struct gw_ext_status *s, const char *name, const char *type,
	const char *help, uint64_t (*number)(const struct gw_ext_status_client *))
{
	head(w, name, type, help);
	unsigned n = 0;
	for (uint32_t i = 0; i < s->n_clients && n < CLIENTS_MAX; i++) {
		const struct gw_ext_status_client *c = &s->clients[i];
		char address[LABEL_MAX], identity[LABEL_MAX];
		if (gw_ext_client_is_tool(c))
			continue;
		n++;
		put(w, "%s{client=\"%s\",identity=\"%s\",transport=\"%s\"} %" PRIu64 "\n", name,
			label(c->address, address), label(c->identity, identity), gw_ext_transport_name(c->transport),
			number(c));
	}
}

static void clients(struct writer *w, const struct gw_ext_status *s)
{
	client_numbers(w, s, "ggwire_client_buffer_bytes", "gauge", "Bytes of a client's buffers.", client_buffers);
	client_numbers(w, s, "ggwire_client_received_bytes_total", "counter", "Bytes received from a client.",
		client_received);
	client_numbers(w, s, "ggwire_client_sent_bytes_total", "counter", "Bytes sent to a client.", client_sent);
	client_numbers(w, s, "ggwire_client_graphs_total", "counter", "Graphs computed for a client.", client_graphs);
	client_numbers(
		w, s, "ggwire_client_tokens_total", "counter", "Rows of logits that a client read.", client_tokens);
}

enum gw_status gw_report_prometheus(const struct gw_ext_status *s, struct gw_buf *out)
{
	struct writer w = {.out = out};
	server(&w, s);
	connections(&w, s);
	graphs(&w, s);
	tokens(&w, s);
	buffers(&w, s);
	devices(&w, s);
	clients(&w, s);
	return w.status;
}
