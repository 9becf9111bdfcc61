/* Makes the seeds of the fuzz targets from the recorded sessions: seeds RECORDINGS OUT. Replaces buffers and addresses
 * by those of fuzz/world.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/digest.h"
#include "fuzz/world.h"
#include "wire/ext_status.h"
#include "wire/extension.h"
#include "wire/message.h"
#include "wire/recording.h"

#define GRAPH_MAX 48000 /* bytes; larger graphs add nothing new */

static const char *out_dir;

/* The byte that selects protocol 8.0 in the targets. */
static uint8_t dialect_8_0(void)
{
	uint8_t i = 0;
	while (gw_dialect_at(i) != &gw_dialect_8_0)
		i++;
	return i;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void save(const char *target, const char *name, const void *data, size_t size)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", out_dir, target);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%s/%s", out_dir, target, name);
	FILE *file = fopen(path, "wb");
	if (!file || fwrite(data, 1, size, file) != size || fclose(file))
		die(path);
}

/* Recorded handles in order of appearance, and the lowest address of each. */
static struct {
	uint64_t handle, base;
} known[WORLD_BUFFERS];

static int place_of(uint64_t handle, uint64_t address)
{
	for (int i = 0; i < WORLD_BUFFERS; i++) {
		if (known[i].handle != handle && known[i].handle != 0)
			continue;
		known[i].handle = handle;
		if (known[i].base == 0 || address < known[i].base)
			known[i].base = address;
		return i;
	}
	return -1;
}

static void map_tensor(uint8_t *wire)
{
	struct gw_wire_tensor t;
	gw_wire_tensor_decode(&gw_dialect_8_0, wire, &t);
	int i = t.buffer ? place_of(t.buffer, t.data) : -1;
	t.data = i < 0 ? 0 : WORLD_BASE(i) + (t.data - known[i].base);
	t.buffer = i < 0 ? 0 : WORLD_HANDLE(i);
	gw_wire_tensor_encode(&gw_dialect_8_0, &t, wire);
}

/* The offset of tensors in a command's body; -1: none. */
static int tensor_at(unsigned cmd)
{
	switch (cmd) {
	case GW_CMD_SET_TENSOR:
	case GW_CMD_SET_TENSOR_HASH:
	case GW_CMD_GET_TENSOR:
	case GW_CMD_INIT_TENSOR:
	case GW_CMD_MEMSET_TENSOR:
	case GW_CMD_SET_TENSOR_2D:
	case GW_CMD_GET_TENSOR_2D:
	case GW_CMD_COPY_TENSOR:
		return 0;
	case GW_CMD_GET_ALLOC_SIZE:
	case GW_CMD_COMM_ALLREDUCE:
		return 4;
	default:
		return -1;
	}
}

static void map_graph(uint8_t *body, size_t size)
{
	struct gw_wire_graph g;
	if (!gw_wire_graph_decode(&gw_dialect_8_0, body, size, &g))
		return;
	memset(known, 0, sizeof(known));
	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < g.n_tensors; i++) {
			uint8_t *at = body + (g.tensors - body) + (size_t)i * GW_WIRE_TENSOR_SIZE;
			struct gw_wire_tensor t;
			gw_wire_tensor_decode(&gw_dialect_8_0, at, &t);
			if (pass == 0 && t.buffer)
				place_of(t.buffer, t.data);
			else if (pass == 1)
				map_tensor(at);
		}
	}
}

static void append_request(struct gw_buf *session, unsigned cmd, const void *body, size_t size)
{
	uint8_t header[GW_REQUEST_HEADER] = {(uint8_t)cmd};
	gw_put_le64(header + 1, size);
	if (gw_buf_append(session, header, sizeof(header)) != GW_OK || gw_buf_append(session, body, size) != GW_OK)
		die("memory");
}

/* Three buffers as in fuzz/world.h. */
static void begin_session(struct gw_buf *session)
{
	uint8_t out[GW_WIRE_MAX_FIXED] = {dialect_8_0()};
	gw_buf_append(session, out, 1);
	for (int i = 0; i < WORLD_BUFFERS; i++) {
		size_t n = gw_wire_alloc_req_encode(&(struct gw_wire_alloc_req){.size = WORLD_SIZE}, out);
		append_request(session, GW_CMD_ALLOC_BUFFER, out, n);
		append_request(session, GW_CMD_BUFFER_GET_BASE, out, gw_wire_buffer_req_encode(WORLD_HANDLE(i), out));
	}
}

/* The index of a request's decoder in the table in fuzz/wire.c. */
static int decoder_of(unsigned cmd)
{
	static const struct {
		unsigned cmd;
		int decoder;
	} table[] = {{GW_CMD_HELLO, 0}, {GW_CMD_ALLOC_BUFFER, 2}, {GW_CMD_BUFFER_CLEAR, 5}, {GW_CMD_COMM_INIT, 6},
		{GW_CMD_SET_TENSOR_HASH, 8}, {GW_CMD_GET_TENSOR, 9}, {GW_CMD_COPY_TENSOR, 10}, {GW_CMD_INIT_TENSOR, 11},
		{GW_CMD_GET_ALLOC_SIZE, 12}, {GW_CMD_MEMSET_TENSOR, 13}, {GW_CMD_GET_TENSOR_2D, 14},
		{GW_CMD_COMM_ALLREDUCE, 15}, {GW_CMD_GRAPH_RECOMPUTE, 16}, {GW_CMD_DEVICE_COUNT, 17},
		{GW_CMD_GRAPH_COMPUTE, 18}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].cmd == cmd)
			return table[i].decoder;
	return -1;
}

static void save_wire(const struct gw_exchange *e, const char *name)
{
	struct gw_buf seed = {0};
	int decoder = decoder_of(e->cmd);
	uint8_t head[2] = {(uint8_t)decoder, dialect_8_0()};
	if (decoder < 0)
		return;
	gw_buf_append(&seed, head, sizeof(head));
	gw_buf_append(&seed, e->request, e->request_size);
	save("wire", name, seed.data, seed.len);
	gw_buf_free(&seed);
}

/* Takes one request of a session: the first of its command that is short enough. */
static void take(const struct gw_exchange *e, const char *name, struct gw_buf *session)
{
	if (e->request_size > GRAPH_MAX)
		return;
	save_wire(e, name);
	uint8_t *body = malloc(e->request_size + 1);
	if (!body)
		die("memory");
	if (e->request_size)
		memcpy(body, e->request, e->request_size);
	int at = tensor_at(e->cmd);
	if (e->cmd == GW_CMD_GRAPH_COMPUTE) {
		map_graph(body, e->request_size);
		save("graph", name, body, e->request_size);
	} else if (at >= 0 && e->request_size >= (size_t)at + GW_WIRE_TENSOR_SIZE) {
		memset(known, 0, sizeof(known));
		map_tensor(body + at);
	}
	if (e->cmd != GW_CMD_HELLO && e->cmd != GW_CMD_COMM_INIT && e->cmd != GW_CMD_FREE_BUFFER)
		append_request(session, e->cmd, body, e->request_size);
	free(body);
}

static void take_conversation(const char *recordings, const char *file)
{
	char path[512], name[80];
	struct gw_recording r;
	struct gw_exchange e;
	unsigned seen[GW_CMD_STOCK_COUNT] = {0};
	struct gw_buf session = {0};
	snprintf(path, sizeof(path), "%s/%s", recordings, file);
	if (!gw_recording_load(&r, path))
		die(path);
	begin_session(&session);
	while (gw_recording_next(&r, &gw_dialect_8_0, &e) == GW_RECORDING_EXCHANGE) {
		if (e.cmd >= GW_CMD_STOCK_COUNT || seen[e.cmd] >= (e.cmd == GW_CMD_GRAPH_COMPUTE ? 3 : 1))
			continue;
		if (e.request_size <= GRAPH_MAX)
			seen[e.cmd]++;
		snprintf(name, sizeof(name), "%.2s-%s-%u", file, gw_cmd_name(e.cmd), seen[e.cmd]);
		take(&e, name, &session);
	}
	snprintf(name, sizeof(name), "%.2s", file);
	save("session", name, session.data, session.len);
	save("client", name, r.bytes[GW_RECORDING_SERVER],
		r.size[GW_RECORDING_SERVER] < 2048 ? r.size[GW_RECORDING_SERVER] : 2048);
	gw_buf_free(&session);
	gw_recording_free(&r);
}

static void append_reply(struct gw_buf *stream, const void *body, size_t size)
{
	uint8_t header[GW_REPLY_HEADER];
	gw_put_le64(header, size);
	gw_buf_append(stream, header, sizeof(header));
	gw_buf_append(stream, body, size);
}

/* The replies of a ggwire server to a client that queries it and reads two tensors. */
static void save_extended(void)
{
	uint8_t out[GW_WIRE_MAX_FIXED] = {0};
	struct gw_buf stream = {0}, info = {0};
	struct gw_ext_device device = {
		.alignment = 32, .max_size = UINT64_MAX, .name = "CPU", .description = "some CPU"};
	const struct gw_ext_info i = {.level = GW_EXT_LEVEL, .version = "0.1.0", .n_devices = 1, .devices = &device};
	const struct gw_wire_hello_rsp hello = {.version = gw_dialect_8_0.version, .extensions = GW_EXT_LEVEL};
	append_reply(&stream, out, gw_wire_hello_rsp_encode(&hello, out));
	if (gw_ext_info_encode(&i, &info) != GW_OK)
		die("memory");
	append_reply(&stream, info.data, info.len);
	memset(out, 0xff, GW_REPLY_HEADER);
	gw_buf_append(&stream, out, GW_REPLY_HEADER);
	memset(out, 0, sizeof(out));
	for (int n = 0; n < 4; n++)
		append_reply(&stream, out, 64);
	save("client", "extended", stream.data, stream.len);
	gw_buf_free(&info);
	gw_buf_free(&stream);
}

/* The status of a ggwire server. */
static void save_status(void)
{
	const uint8_t head[2] = {20, dialect_8_0()};
	struct gw_buf seed = {0};
	struct gw_ext_status_device device = {
		.total = 1 << 30, .free = 1 << 29, .name = "CPU", .description = "some CPU"};
	struct gw_ext_status_client client = {.flags = GW_EXT_CLIENT_SELF,
		.protocol = gw_dialect_8_0.version,
		.address = "192.0.2.7:40312",
		.endpoint = "192.0.2.1:50052"};
	const struct gw_ext_status status = {.protocol = gw_dialect_8_0.version,
		.version = "0.1.0",
		.n_devices = 1,
		.n_clients = 1,
		.devices = &device,
		.clients = &client};
	gw_buf_append(&seed, head, sizeof(head));
	if (gw_ext_status_encode(&status, &seed) != GW_OK)
		die("memory");
	save("wire", "status", seed.data, seed.len);
	gw_buf_free(&seed);
}

/* A payload in a cache, and a record with its XXH3 and, XORed with stray, its FNV-1a. Flags as in fuzz/cache.c. */
static void save_cache(const char *name, uint8_t flags, uint64_t stray)
{
	static const char payload[] = "bytes of a tensor";
	const uint8_t head[2] = {flags, 1};
	struct gw_digest digest;
	uint8_t record[32] = {0};
	struct gw_buf seed = {0};
	gw_digest_begin(&digest, true, true);
	gw_digest_update(&digest, payload, sizeof(payload));
	const struct gw_sums sums = gw_digest_end(&digest);
	gw_put_le64(record, sums.fnv ^ stray);
	gw_put_le64(record + 8, sums.xxh3.low);
	gw_put_le64(record + 16, sums.xxh3.high);
	gw_buf_append(&seed, head, sizeof(head));
	gw_buf_append(&seed, record, sizeof(record));
	gw_buf_append(&seed, payload, sizeof(payload));
	save("cache", name, seed.data, seed.len);
	gw_buf_free(&seed);
}

int main(int argc, char **argv)
{
	static const char *const files[] = {"01-llama-load-prompt-decode.rec", "02-ops-0-48.rec", "03-alloc-size.rec",
		"04-device-count.rec", "05-comm-init-2d.rec"};
	if (argc != 3) {
		fprintf(stderr, "Usage: seeds RECORDINGS OUT\n");
		return 2;
	}
	out_dir = argv[2];
	mkdir(out_dir, 0755);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		take_conversation(argv[1], files[i]);
	save_extended();
	save_status();
	save_cache("found", 0x0f, 0);
	save_cache("other-fnv", 0x01, 1);
	return 0;
}
