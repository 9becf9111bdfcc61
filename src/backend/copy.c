#include "backend/copy.h"

#include <stdlib.h>

#include "backend/encode.h"
#include "backend/links.h"
#include "backend/sequence.h"
#include "backend/transfer.h"
#include "base/checked.h"
#include "base/log.h"

/* Bytes in flight between two servers at a time. */
#define RELAY_BYTES ((size_t)16 << 20)

static bool place(const struct gw_buffer *b, const struct ggml_tensor *t, uint64_t size, struct gw_wire_tensor *out)
{
	uint64_t address = (uint64_t)(uintptr_t)t->data;

	if (gw_encode_shape(b->conn, t, out, NULL) != GW_OK)
		return false;
	if (address < b->remote.base || !gw_range_ok(address - b->remote.base, size, b->size))
		return false;
	out->buffer = b->remote.handle;
	out->data = address;
	return true;
}

bool gw_copy_on_server(const struct ggml_tensor *src, const struct ggml_tensor *dst)
{
	const struct gw_buffer *from = gw_buffer_of(src);
	const struct gw_buffer *to = gw_buffer_of(dst);
	struct gw_wire_copy_req req;
	bool done;

	if (!from || !to || from->conn != to->conn)
		return false;
	if (!place(from, src, ggml_nbytes(src), &req.src) || !place(to, dst, ggml_nbytes(src), &req.dst))
		return false;
	return gw_client_copy_tensor(to->conn->client, &req, &done, NULL) == GW_OK && done;
}

bool gw_copy_between_servers(const struct ggml_tensor *src, const struct ggml_tensor *dst)
{
	struct gw_buffer *from = gw_buffer_of(src);
	struct gw_buffer *to = gw_buffer_of(dst);
	size_t size = ggml_nbytes(src);
	size_t stage_size = size < RELAY_BYTES ? size : RELAY_BYTES;

	if (!from || !to || size != ggml_nbytes(dst))
		return false;
	uint8_t *stage = malloc(stage_size ? stage_size : 1);
	if (!stage)
		return false;
	for (size_t done = 0; done < size; done += stage_size) {
		size_t n = size - done < stage_size ? size - done : stage_size;
		struct gw_rows rows = {done, n, 1, n};
		gw_transfer_get(from, src, stage, &rows, n, true);
		gw_transfer_set(to, dst, stage, &rows, n, false);
	}
	free(stage);
	return true;
}

/* Under the lock of the links. A failure is told once for two connections. */
static bool are_linked_locked(struct gw_remote_conn *from, struct gw_remote_conn *to)
{
	struct gw_remote_conn *const both[] = {from, to};
	struct gw_error err;
	bool tried = gw_links_tried(from, to);
	if (gw_links_connect(both, 2, &err) == GW_OK)
		return true;
	if (!tried)
		gw_log_warn("RPC: data between two servers goes through this client, which is slower: %s", err.text);
	return false;
}

static struct gw_peers_copy_req describe(const struct gw_remote_conn *conn, const struct gw_remote_conn *other,
	const struct gw_wire_tensor *place, uint64_t size)
{
	return (struct gw_peers_copy_req){gw_links_number(conn, other), place->buffer, place->data, size};
}

bool gw_copy_over_link(const struct ggml_tensor *src, const struct ggml_tensor *dst)
{
	const struct gw_buffer *from = gw_buffer_of(src), *to = gw_buffer_of(dst);
	uint64_t size = ggml_nbytes(src);
	struct gw_wire_tensor at, there;
	if (!from || !to || size != ggml_nbytes(dst) || size > UINT32_MAX || !from->conn->makes_links ||
		!to->conn->makes_links || gw_client_lost(from->conn->client) || getenv("GGML_RPC_NO_COMM"))
		return false;
	if (!place(from, src, size, &at) || !place(to, dst, size, &there))
		return false;
	gw_links_lock();
	bool linked = are_linked_locked(from->conn, to->conn);
	if (linked) {
		const struct gw_peers_copy_req out = describe(from->conn, to->conn, &at, size);
		const struct gw_peers_copy_req in = describe(to->conn, from->conn, &there, size);
		/* If one of them cannot be told, it is lost, and the other one will find out. */
		(void)gw_sequence_copy(from->conn, true, &out);
		(void)gw_sequence_copy(to->conn, false, &in);
	}
	gw_links_unlock();
	if (linked) {
		gw_client_flush_soon(to->conn->client);
		gw_client_flush_soon(from->conn->client);
	}
	return linked;
}
