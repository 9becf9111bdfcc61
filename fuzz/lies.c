/* A lying server against a program that uses its devices through ggml's scheduler: no lie ends the program. The input
 * decides which replies of the server in tests/backend/liar.h are lies.
 *
 * Input: choices u16 of tests/backend/program.c | dialect u8 | level u8 | a byte for each reported number: below 0xC0
 * it is honest, up to 0xFE an edge case, and 0xFF means that the number follows in 8 bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "backend/device.h"
#include "backend/liar.h"
#include "backend/program.h"
#include "backend/reg.h"
#include "wire/cursor.h"

#define HEAD 4
#define MAX_DEVICES 4

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t left;
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (!gw_reg_get(NULL))
		return 1;
	program_hush();
	return 0;
}

static uint64_t edge(unsigned which, uint64_t honest)
{
	static const uint64_t edges[] = {0, 1, 2, 3, 31, 64, 100, 4096, 1 << 20, 1 << 30, UINT32_MAX, UINT64_C(1) << 40,
		UINT64_C(1) << 62, INT64_MAX, UINT64_MAX};
	const unsigned n = sizeof(edges) / sizeof(edges[0]);

	if (which < n)
		return edges[which];
	return which % 3 == 0 ? honest + 1 : which % 3 == 1 ? honest - 1 : honest * which;
}

static uint64_t say(void *user, enum liar_number what, uint64_t honest)
{
	struct input *in = user;
	uint64_t number;

	(void)what;
	if (in->left == 0)
		return honest;
	unsigned byte = *in->data++;
	in->left--;
	if (byte < 0xC0)
		return honest;
	if (byte < 0xFF || in->left < 8)
		return edge(byte - 0xC0, honest);
	number = gw_le64(in->data);
	in->data += 8;
	in->left -= 8;
	return number;
}

/* ggml has not registered these devices, so they can be freed. */
static void use(struct gw_remote *remote, unsigned choices)
{
	struct gw_remote_device *devices[MAX_DEVICES];
	ggml_backend_dev_t handles[MAX_DEVICES];
	struct gw_remote_conn *conn;
	uint32_t n = 0;

	if (gw_remote_connect(remote, &conn) != GW_OK)
		return;
	for (; n < conn->n_devices && n < MAX_DEVICES; n++) {
		devices[n] = gw_remote_device_new(remote, n, n, conn->devices[n].description, gw_reg_get(NULL));
		if (!devices[n])
			abort();
		handles[n] = &devices[n]->base;
	}
	gw_remote_put(conn);
	(void)program_run(handles, n, choices);
	while (n > 0)
		gw_remote_device_free(devices[--n]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < HEAD)
		return 0;
	struct input input = {data + HEAD, size - HEAD};
	const struct gw_dialect *dialect = gw_dialect_at(data[2]);
	struct liar liar = {.version = dialect ? dialect->version : gw_dialect_newest.version,
		.extensions = data[3] % 4,
		.say = say,
		.user = &input};
	struct gw_remote *remote = gw_remote_new("input:1", liar_dial, &liar);
	if (!remote)
		abort();
	use(remote, (unsigned)data[0] | (unsigned)data[1] << 8);
	gw_remote_free(remote);
	return 0;
}
