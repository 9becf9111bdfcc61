#include "cli/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/cursor.h"
#include "wire/message.h"

static enum gw_status call(struct gw_visit *v, enum gw_cmd cmd, const void *body, size_t size, void *reply,
	size_t reply_size, struct gw_error *err)
{
	const struct iovec part = {.iov_base = (void *)body, .iov_len = size};
	gw_visit_begin(v);
	enum gw_status status = gw_client_call(v->client, cmd, &part, size > 0, reply, reply_size);
	gw_visit_end(v);
	return status ? gw_visit_explain(v, status, err) : GW_OK;
}

static enum gw_status make_devices(
	const struct gw_visit *v, struct gw_ask_server *server, uint32_t n, struct gw_error *err)
{
	if (n > GW_EXT_MAX_DEVICES)
		return gw_error_set(err, GW_ERR_LIMIT, "server at %s announces %u devices, more than %d",
			gw_client_name(v->client), (unsigned)n, GW_EXT_MAX_DEVICES);
	server->devices = calloc(n ? n : 1, sizeof(*server->devices));
	if (!server->devices)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	server->n_devices = n;
	return GW_OK;
}

static enum gw_status ask_count(struct gw_visit *v, uint32_t *count, struct gw_error *err)
{
	uint8_t reply[4];
	enum gw_status status = call(v, GW_CMD_DEVICE_COUNT, NULL, 0, reply, sizeof(reply), err);
	if (!status)
		(void)gw_wire_count_rsp_decode(reply, sizeof(reply), count);
	return status;
}

static enum gw_status take_info(
	const struct gw_visit *v, const struct gw_ext_info *info, struct gw_ask_server *server, struct gw_error *err)
{
	enum gw_status status = make_devices(v, server, info->n_devices, err);
	if (status)
		return status;
	snprintf(server->version, sizeof(server->version), "%s", info->version[0] ? info->version : "?");
	server->flags = info->flags;
	for (uint32_t i = 0; i < server->n_devices; i++) {
		memcpy(server->devices[i].name, info->devices[i].name, GW_EXT_TEXT);
		memcpy(server->devices[i].description, info->devices[i].description, GW_EXT_TEXT);
	}
	return GW_OK;
}

static enum gw_status ask_info(struct gw_visit *v, struct gw_ask_server *server, struct gw_error *err)
{
	uint8_t level[4];
	const struct iovec part = {.iov_base = level, .iov_len = sizeof(level)};
	struct gw_buf reply = {0};
	struct gw_ext_info info;
	gw_put_le32(level, GW_EXT_LEVEL);
	gw_visit_begin(v);
	enum gw_status status = gw_client_call_var(v->client, GW_CMD_EXT_INFO, &part, 1, &reply, GW_EXT_INFO_MAX);
	gw_visit_end(v);
	if (!status)
		status = gw_ext_info_decode(reply.data, reply.len, &info);
	gw_buf_free(&reply);
	if (status)
		return gw_visit_explain(v, status, err);
	status = take_info(v, &info, server, err);
	gw_ext_info_free(&info);
	return status;
}

static enum gw_status ask_device_memory(
	struct gw_visit *v, uint32_t index, struct gw_ask_device *device, struct gw_error *err)
{
	uint8_t request[GW_WIRE_MAX_FIXED], reply[16];
	struct gw_wire_memory_rsp memory = {0};
	size_t n = gw_wire_device_req_encode(index, request);
	enum gw_status status = call(v, GW_CMD_GET_DEVICE_MEMORY, request, n, reply, sizeof(reply), err);
	if (status)
		return status;
	(void)gw_wire_memory_rsp_decode(reply, sizeof(reply), &memory);
	device->free = memory.free;
	device->total = memory.total;
	return GW_OK;
}

enum gw_status gw_ask_server(struct gw_visit *v, struct gw_ask_server *out, struct gw_error *err)
{
	struct gw_ask_server server = {0};
	uint32_t count = 0;
	enum gw_status status;
	if (gw_client_extensions(v->client) > 0) {
		status = ask_info(v, &server, err);
	} else {
		status = ask_count(v, &count, err);
		if (!status)
			status = make_devices(v, &server, count, err);
	}
	if (status) {
		gw_ask_server_free(&server);
		return status;
	}
	*out = server;
	return GW_OK;
}

enum gw_status gw_ask_memory(struct gw_visit *v, struct gw_ask_server *server, struct gw_error *err)
{
	enum gw_status status = GW_OK;
	for (uint32_t i = 0; !status && i < server->n_devices; i++)
		status = ask_device_memory(v, i, &server->devices[i], err);
	return status;
}

void gw_ask_server_free(struct gw_ask_server *server)
{
	free(server->devices);
	*server = (struct gw_ask_server){0};
}

enum gw_status gw_ask_nothing(struct gw_visit *v, struct gw_error *err)
{
	uint32_t count;
	return ask_count(v, &count, err);
}

static const char *kind_of(const struct gw_visit *v, const char *version, char *out, size_t size)
{
	if (gw_client_server(v->client).extensions == 0)
		snprintf(out, size, "stock server");
	else if (version[0])
		snprintf(out, size, "ggwire %.100s", version);
	else
		snprintf(out, size, "ggwire");
	return out;
}

const char *gw_ask_kind_text(const struct gw_visit *v, const char *version, char out[GW_ASK_TEXT])
{
	struct gw_version theirs = gw_client_server(v->client).version;
	char kind[128];
	snprintf(out, GW_ASK_TEXT, "%s, protocol %u.%u.%u", kind_of(v, version, kind, sizeof(kind)), theirs.major,
		theirs.minor, theirs.patch);
	return out;
}

const char *gw_ask_server_text(const struct gw_visit *v, const char *version, char out[GW_ASK_TEXT])
{
	size_t used = strlen(gw_ask_kind_text(v, version, out));
	snprintf(out + used, GW_ASK_TEXT - used, ", %s", gw_client_transport(v->client)->ops->title);
	return out;
}

static void json_version(struct gw_json *j, const char *key, struct gw_version v)
{
	char text[16];
	snprintf(text, sizeof(text), "%u.%u.%u", v.major, v.minor, v.patch);
	gw_json_text(j, key, text);
}

void gw_ask_server_json(struct gw_json *j, const struct gw_visit *v, const char *version)
{
	struct gw_client_server server = gw_client_server(v->client);
	const struct gw_error *why = gw_client_why_not_upgraded(v->client);
	gw_json_text(j, "endpoint", gw_client_name(v->client));
	gw_json_text(j, "peer", gw_client_transport(v->client)->peer);
	json_version(j, "protocol", server.version);
	json_version(j, "dialect", gw_client_dialect(v->client)->version);
	gw_json_bool(j, "ggwire", server.extensions > 0);
	gw_json_text(j, "version", version[0] ? version : NULL);
	gw_json_text(j, "transport", gw_client_transport(v->client)->ops->name);
	gw_json_text(j, "why_not_rdma", why ? why->text : "");
}
