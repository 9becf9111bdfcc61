#include "backend/buffer.h"

#include <stdlib.h>

#include "backend/sequence.h"

void gw_buffer_free(ggml_backend_buffer_t buffer)
{
	struct gw_buffer *b = buffer->context;

	gw_sequence_free_buffer(b->conn, &b->remote);
	gw_client_flush(b->conn->client);
	gw_remote_put(b->conn);
	free(b);
}

struct gw_buffer *gw_buffer_from(ggml_backend_buffer_t buffer)
{
	return buffer && buffer->iface.free_buffer == gw_buffer_free ? buffer->context : NULL;
}

struct gw_buffer *gw_buffer_of(const struct ggml_tensor *tensor)
{
	return gw_buffer_from(tensor->view_src ? tensor->view_src->buffer : tensor->buffer);
}

/* ggml computes addresses from the base and asserts on what it finds. */
static enum gw_status check_place(
	struct gw_remote_conn *conn, uint32_t device, size_t size, uint64_t base, struct gw_error *err)
{
	size_t alignment = gw_remote_alignment(conn->remote, conn, device);

	if (base != 0 && base % alignment == 0 && base <= UINT64_MAX - size)
		return GW_OK;
	return gw_error_set(err, GW_ERR_PROTOCOL,
		"server at %s placed a buffer at the invalid address 0x%llx (alignment %zu bytes)",
		gw_client_name(conn->client), (unsigned long long)base, alignment);
}

static enum gw_status allocate(
	struct gw_remote_conn *conn, uint32_t device, size_t size, struct gw_ext_alloc_rsp *got, struct gw_error *err)
{
	if (device >= conn->n_devices)
		return gw_error_set(
			err, GW_ERR_NOT_FOUND, "server at %s no longer has this device", gw_client_name(conn->client));
	enum gw_status status = gw_client_alloc_buffer(conn->client, device, size, got, err);
	if (status != GW_OK)
		return status;
	status = check_place(conn, device, size, got->base, err);
	if (status != GW_OK)
		(void)gw_client_free_buffer(conn->client, got->buffer, NULL);
	return status;
}

struct gw_buffer *gw_buffer_allocate(struct gw_remote *remote, uint32_t device, size_t size, struct gw_error *err)
{
	struct gw_buffer *b = calloc(1, sizeof(*b));
	struct gw_ext_alloc_rsp got;

	*err = (struct gw_error){.status = GW_OK};
	if (!b) {
		gw_error_set(err, GW_ERR_NOMEM, "out of memory");
		return NULL;
	}
	if (gw_remote_connect(remote, &b->conn) != GW_OK)
		goto free_buffer;
	if (allocate(b->conn, device, size, &got, err) != GW_OK)
		goto put_conn;
	b->device = device;
	b->size = size;
	b->remote = (struct gw_remote_buffer){.handle = got.buffer, .base = got.base};
	gw_remote_use(b->conn);
	gw_sequence_add_buffer(b->conn, &b->remote);
	return b;

put_conn:
	gw_remote_put(b->conn);
free_buffer:
	free(b);
	return NULL;
}
