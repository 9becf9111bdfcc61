/* What a server may answer: the plug-in connects, asks what there is, and uses it; the input is the server's side. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backend/link.h"
#include "base/log.h"
#include "fuzz/bytes.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

static void discard(enum gw_log_level level, const char *line, void *user)
{
	(void)user;
	(void)level;
	(void)line;
}

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

static void use(struct gw_link *link)
{
	uint8_t memory[256], request[GW_WIRE_GET_REQ] = {0};
	struct iovec part = {request, sizeof(request)};
	const struct gw_dest dest = {memory, 16, 4, 64};
	struct gw_buf reply = {0};
	uint64_t ticket;
	for (uint32_t i = 0; i < link->n_devices && i < 4; i++) {
		(void)gw_link_alignment(link, i);
		(void)gw_link_max_size(link, i);
	}
	gw_link_get(link, GW_CMD_GET_TENSOR, &part, &dest);
	if (gw_link_mark(link, &ticket))
		gw_link_drain(link, ticket);
	(void)gw_client_call_var(link->client, GW_CMD_GET_TENSOR, &part, 1, &reply, 4096);
	gw_buf_free(&reply);
	gw_link_get(link, GW_CMD_GET_TENSOR, &part, &dest);
	gw_link_wait(link);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct gw_remote *remote = gw_remote_new("input:1", dial, &input);
	struct gw_link *link;
	if (!remote)
		abort();
	if (gw_remote_connect(remote, &link) == GW_OK) {
		use(link);
		gw_link_put(link);
	}
	gw_remote_free(remote);
	return 0;
}
