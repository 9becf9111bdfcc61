/* Arbitrary replies of a server: the plug-in connects, queries the server and uses it. The input is the server's
 * side. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backend/remote.h"
#include "backend/sequence.h"
#include "fuzz/bytes.h"
#include "fuzz/quiet.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	gw_log_set_sink(discard, NULL);
	return 0;
}

static enum gw_status dial(void *user, const char *endpoint, struct gw_client **out, struct gw_error *err)
{
	const struct input *input = user;
	return gw_client_start(bytes_transport(input->data, input->size), endpoint, 10000, out, err);
}

static void use(struct gw_remote_conn *conn)
{
	uint8_t memory[256], request[GW_WIRE_GET_REQ] = {0};
	const struct iovec part = {request, sizeof(request)};
	const struct gw_wire_get_req what = {.size = 64};
	const struct gw_dest dest = {memory, 16, 4, 64};
	struct gw_ext_status status;
	struct gw_ext_alloc_rsp buffer;
	struct gw_buf reply = {0};
	uint64_t ticket;
	for (uint32_t i = 0; i < conn->n_devices && i < 4; i++) {
		(void)gw_remote_conn_alignment(conn, i);
		(void)gw_remote_conn_max_size(conn, i);
	}
	gw_sequence_get(conn, &what, &dest);
	if (gw_sequence_mark(conn, &ticket))
		gw_sequence_drain(conn, ticket);
	(void)gw_client_call_var(conn->client, GW_CMD_GET_TENSOR, &part, 1, &reply, 4096);
	gw_buf_free(&reply);
	gw_sequence_get(conn, &what, &dest);
	gw_sequence_wait(conn);
	(void)gw_client_alloc_buffer(conn->client, 0, 64, &buffer, NULL);
	if (gw_client_status(conn->client, &status, NULL) == GW_OK)
		gw_ext_status_free(&status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct gw_remote *remote = gw_remote_new("input:1", dial, &input);
	struct gw_remote_conn *conn;
	if (!remote)
		abort();
	if (gw_remote_connect(remote, &conn) == GW_OK) {
		use(conn);
		gw_remote_put(conn);
	}
	gw_remote_free(remote);
	return 0;
}
