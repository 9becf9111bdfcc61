#include "cli/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum gw_status gw_query_server(struct gw_client *c, struct gw_query *out, struct gw_error *err)
{
	out->memory = NULL;
	return gw_client_describe(c, GW_EXT_ASKER_TOOL, &out->info, err);
}

enum gw_status gw_query_memory(struct gw_client *c, struct gw_query *q, struct gw_error *err)
{
	enum gw_status status = GW_OK;
	q->memory = calloc(q->info.n_devices ? q->info.n_devices : 1, sizeof(*q->memory));
	if (!q->memory)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	for (uint32_t i = 0; !status && i < q->info.n_devices; i++)
		status = gw_client_device_memory(c, i, &q->memory[i], err);
	return status;
}

void gw_query_free(struct gw_query *q)
{
	gw_ext_info_free(&q->info);
	free(q->memory);
	*q = (struct gw_query){0};
}

const char *gw_query_device_text(const struct gw_ext_device *device)
{
	return device->description[0] ? device->description : device->name;
}

const char *gw_query_kind_text(const struct gw_client *c, const struct gw_query *q, char out[GW_QUERY_TEXT])
{
	struct gw_client_server server = gw_client_server(c);
	const char *program = server.extensions ? "ggwire" : "stock server";
	const char *version = q->info.version;
	snprintf(out, GW_QUERY_TEXT, "%s%s%.100s, protocol %u.%u.%u", program, version[0] ? " " : "", version,
		server.version.major, server.version.minor, server.version.patch);
	return out;
}

const char *gw_query_server_text(const struct gw_client *c, const struct gw_query *q, char out[GW_QUERY_TEXT])
{
	size_t used = strlen(gw_query_kind_text(c, q, out));
	snprintf(out + used, GW_QUERY_TEXT - used, ", %s", gw_client_transport(c)->ops->title);
	return out;
}

static void json_version(struct gw_json *j, const char *key, struct gw_version v)
{
	char text[16];
	snprintf(text, sizeof(text), "%u.%u.%u", v.major, v.minor, v.patch);
	gw_json_text(j, key, text);
}

void gw_query_about(const struct gw_client *c, const struct gw_query *q, struct gw_query_about *out)
{
	struct gw_client_server server = gw_client_server(c);
	const struct gw_transport *t = gw_client_transport(c);
	const struct gw_error *why = gw_client_why_not_upgraded(c);
	*out = (struct gw_query_about){.protocol = server.version,
		.dialect = gw_client_dialect(c)->version,
		.is_ggwire = server.extensions > 0,
		.transport = t->ops->name};
	gw_query_server_text(c, q, out->text);
	memcpy(out->version, q->info.version, sizeof(out->version));
	memcpy(out->peer, t->peer, sizeof(out->peer));
	if (why)
		out->why_not_rdma = *why;
}

void gw_query_server_json_begin(struct gw_json *j, const char *endpoint, const struct gw_query_about *about)
{
	gw_json_text(j, "endpoint", endpoint);
	gw_json_object(j, "server");
	gw_json_text(j, "text", about->text);
	gw_json_bool(j, "ggwire", about->is_ggwire);
	gw_json_text(j, "version", about->version[0] ? about->version : NULL);
	json_version(j, "protocol", about->protocol);
	json_version(j, "dialect", about->dialect);
	gw_json_text(j, "peer", about->peer);
	gw_json_text(j, "transport", about->transport);
	gw_json_text(j, "why_not_rdma", about->why_not_rdma.text);
}

void gw_query_server_json(struct gw_json *j, const char *endpoint, const struct gw_query_about *about)
{
	if (about) {
		gw_query_server_json_begin(j, endpoint, about);
		gw_json_object_end(j);
	} else {
		gw_json_text(j, "endpoint", endpoint);
		gw_json_null(j, "server");
	}
}
