/* A whole session of a server with a mock device: input[0] is the dialect, the rest is what the client sends after
 * HELLO. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device/server.h"
#include "fuzz/bytes.h"
#include "fuzz/mock.h"
#include "fuzz/quiet.h"
#include "transport/list/pairing.h"
#include "transport/upgrade.h"
#include "wire/message.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gw_server *server;

/* A peer server that completes the handshake, sends a limited amount of numbers, and never receives. */
static enum gw_status pair(
	void *user, const char *client, const struct gw_pairing *pairing, int *fd, struct gw_error *err)
{
	static const uint8_t zeros[GW_UPGRADE_CAPS + 1024];
	int fds[2];
	(void)user;
	(void)client;
	if (pairing->host[0] == '-' || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return gw_error_set(err, GW_ERR_SYSTEM, "no other server");
	if (send(fds[1], zeros, sizeof(zeros), MSG_NOSIGNAL) < 0)
		abort();
	close(fds[1]);
	*fd = fds[0];
	return GW_OK;
}

/* The other server came at once. */
static enum gw_status await_link(void *user, int ticket, int *fd, struct gw_error *err)
{
	(void)user;
	*fd = dup(ticket);
	return *fd < 0 ? gw_error_set(err, GW_ERR_SYSTEM, "no descriptor") : GW_OK;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static ggml_backend_dev_t devices[2];
	(void)argc;
	(void)argv;
	devices[0] = devices[1] = mock_device();
	const struct gw_server_options options = {.devices = devices,
		.n_devices = 2,
		.dialect = &gw_dialect_newest,
		.max_memory = (uint64_t)16 << 20,
		.pair = pair,
		.await_link = await_link};
	gw_log_set_sink(discard, NULL);
	return gw_server_new(&options, &server, NULL) == GW_OK ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t hello[GW_REQUEST_HEADER + GW_WIRE_HELLO_REQ] = {GW_CMD_HELLO, GW_WIRE_HELLO_REQ};
	size_t n_dialects = 0;
	if (size < 1)
		return 0;
	while (gw_dialect_at(n_dialects))
		n_dialects++;
	uint8_t *input = malloc(sizeof(hello) + size - 1);
	if (!input)
		abort();
	memcpy(input, hello, sizeof(hello));
	memcpy(input + sizeof(hello), data + 1, size - 1);
	struct gw_server_visit visit = {.dialect = gw_dialect_at(data[0] % n_dialects),
		.refused.reason = data[0] / n_dialects % 2 == 1 ? GW_EXT_REASON_FULL : GW_EXT_REASON_NONE};
	(void)gw_server_serve(server, bytes_transport(input, sizeof(hello) + size - 1), &visit, NULL);
	free(input);
	return 0;
}
