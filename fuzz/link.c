/* Other servers that lie. input[0] says how many there are, and on which side this one is; input[1] how values travel;
 * input[2] how many elements there are. The rest is what the others send, in turn 64 bytes each. Every byte that is
 * read or written beyond the elements is found by the sanitizer. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device/peers/group.h"
#include "fuzz/quiet.h"

#define OTHERS_MAX 3
#define PIECE 64

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	gw_log_set_sink(discard, NULL);
	return 0;
}

/* What one of the others sends, and then it is gone. */
static int other(const uint8_t *data, size_t size, size_t index, size_t n)
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		abort();
	for (size_t at = index * PIECE; at < size; at += n * PIECE) {
		size_t piece = size - at < PIECE ? size - at : PIECE;
		if (send(fds[1], data + at, piece, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
	}
	shutdown(fds[1], SHUT_WR);
	/* What this server sends has somewhere to go. */
	static int last[OTHERS_MAX];
	if (last[index])
		close(last[index]);
	last[index] = fds[1];
	return fds[0];
}

static void reduce(struct gw_group *g, uint8_t how, size_t n)
{
	const struct gw_buffer buffer = {.is_host = true};
	struct gw_tensor tensors[2] = {{.buffer = &buffer}, {.buffer = &buffer}};
	const bool computed[2] = {how & 4, how & 8};
	struct gw_group_memory memory = {0};
	const struct gw_group_reduction r = {.format = how & 1 ? GW_PEERS_BF16 : GW_PEERS_F32,
		.steps = how & 2 ? 2 : 1,
		.elements = n,
		.n = how & 16 ? 2 : 1,
		.tensors = tensors,
		.computed = computed};
	for (size_t i = 0; i < 2; i++) {
		tensors[i].ggml.data = calloc(n ? n : 1, sizeof(float));
		if (!tensors[i].ggml.data)
			abort();
	}
	while (gw_group_reduce(g, &r, &memory, NULL) == GW_OK && n > 0 && g->size > 1)
		;
	gw_group_memory_free(&memory);
	for (size_t i = 0; i < 2; i++)
		free(tensors[i].ggml.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3)
		return 0;
	const struct gw_link_terms terms = {.opened = data[0] & 128, .mode = GW_TRANSPORT_TCP};
	struct gw_group g = {.size = 2 + data[0] % OTHERS_MAX};
	bool whole = true;
	g.self = data[0] / 16 % g.size;
	for (size_t k = 0, i = 0; k < g.size; k++)
		if (k != g.self) {
			int fd = other(data + 3, size - 3, i++, g.size - 1);
			whole &= gw_link_new(fd, &terms, &g.links[k], NULL) == GW_OK;
		}
	if (whole)
		reduce(&g, data[1], data[2]);
	for (size_t k = 0; k < g.size; k++)
		gw_link_free(g.links[k]);
	return 0;
}
