/* Headers of GGUF files, and their indices: everything that the parser accepts lies inside the file. */
#include <stdint.h>
#include <stdlib.h>

#include "base/checked.h"
#include "device/weights/gguf.h"
#include "device/weights/model_index.h"

/* Longer than the header, like real files. */
#define FILE_SIZE ((uint64_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const uint8_t *data, size_t size)
{
	struct gw_gguf gguf;
	uint64_t total = 0;

	if (gw_gguf_parse(data, size, FILE_SIZE, &gguf, NULL) != GW_OK)
		return;
	for (size_t i = 0; i < gguf.n; i++) {
		if (gguf.tensors[i].size == 0 || !gw_range_ok(gguf.tensors[i].offset, gguf.tensors[i].size, FILE_SIZE))
			abort();
		total += gguf.tensors[i].size;
	}
	if (total > FILE_SIZE)
		abort();
	gw_gguf_free(&gguf);
}

static void decode(const uint8_t *data, size_t size)
{
	struct gw_model_index index;

	if (gw_model_index_decode(data, size, "/m.gguf", &index) == GW_OK)
		gw_model_index_free(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse(data, size);
	decode(data, size);
	return 0;
}
