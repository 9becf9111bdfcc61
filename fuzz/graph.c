/* The checks of graphs: the input is the body of GRAPH_COMPUTE in protocol 8.0. The target accesses an accepted graph's
 * memory as a device would. The mutator knows the structure of graphs and changes a field of a tensor, or links two
 * tensors. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "device/graph/graph.h"
#include "device/session/device.h"
#include "fuzz/mock.h"
#include "fuzz/world.h"
#include "wire/message.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static const struct gw_dialect *const dialect = &gw_dialect_8_0;
static struct gw_buffers buffers;
static struct gw_counters counters;
static struct gw_device device;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	gw_device_init(&device, mock_device(), 1, &counters);
	gw_buffers_init(&buffers, 0);
	for (int i = 0; i < WORLD_BUFFERS; i++) {
		struct gw_buffer *b;
		if (gw_buffers_alloc(&buffers, device.dev, WORLD_SIZE, &b) != GW_OK || b->handle != WORLD_HANDLE(i) ||
			b->vbase != WORLD_BASE(i))
			abort();
		ggml_backend_buffer_clear(b->buffer, 0);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct gw_graph_source source = {
		.dialect = dialect, .opmap = gw_opmap_for(dialect), .buffers = &buffers, .dev = device.dev};
	struct gw_wire_graph wire;
	struct gw_graph *graph;
	struct gw_error err;
	if (!gw_wire_graph_decode(dialect, data, size, &wire) || gw_graph_build(&source, &wire, &graph, &err) != GW_OK)
		return 0;
	if (gw_device_launch(&device, graph, &err) != GW_OK)
		abort();
	gw_device_synchronize(&device);
	gw_graph_free(graph);
	return 0;
}

static uint32_t next(unsigned *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Numbers at which checks often fail. */
static uint64_t edge(unsigned *state)
{
	static const uint64_t edges[] = {0, 1, 2, 3, 31, 32, 33, 255, 256, 4095, 4096, 65535, WORLD_SIZE - 1,
		WORLD_SIZE, WORLD_SIZE + 1, INT32_MAX, UINT64_C(1) << 31, UINT32_MAX, UINT64_C(1) << 32, INT64_MAX,
		UINT64_MAX - 1, UINT64_MAX, WORLD_BASE(0), WORLD_BASE(1), WORLD_BASE(1) - 1,
		WORLD_BASE(0) + WORLD_SIZE - 4};
	return edges[next(state) % (sizeof(edges) / sizeof(edges[0]))];
}

/* Changes a number slightly, or to an edge case. */
static uint64_t change(uint64_t value, unsigned *state)
{
	switch (next(state) % 4) {
	case 0:
		return value + 1;
	case 1:
		return value - 1;
	case 2:
		return value ^ (UINT64_C(1) << next(state) % 64);
	default:
		return edge(state);
	}
}

static void mutate_tensor(struct gw_wire_tensor *t, const struct gw_wire_tensor *other, unsigned *state)
{
	unsigned i = next(state);
	switch (next(state) % 14) {
	case 0:
		t->op = next(state) % 102;
		break;
	case 1:
		t->type = next(state) % 42;
		break;
	case 2:
	case 3:
		t->ne[i % GW_WIRE_DIMS] = (uint32_t)change(t->ne[i % GW_WIRE_DIMS], state);
		break;
	case 4:
		t->nb[i % GW_WIRE_DIMS] = (uint32_t)change(t->nb[i % GW_WIRE_DIMS], state);
		break;
	case 5:
		t->op_params[i % GW_WIRE_OP_PARAMS] =
			(int32_t)change((uint32_t)t->op_params[i % GW_WIRE_OP_PARAMS], state);
		break;
	case 6:
		t->src[i % GW_WIRE_SRC] = other->id;
		break;
	case 7:
		t->src[i % GW_WIRE_SRC] = 0;
		break;
	case 8:
		t->view_src = i % 4 ? other->id : 0;
		break;
	case 9:
		t->view_offs = change(t->view_offs, state);
		break;
	case 10:
		t->data = change(t->data, state);
		break;
	case 11:
		t->buffer = next(state) % (WORLD_BUFFERS + 2);
		break;
	case 12:
		t->id = i % 2 ? other->id : change(t->id, state);
		break;
	default:
		memcpy(t->ne, other->ne, sizeof(t->ne));
		memcpy(t->nb, other->nb, sizeof(t->nb));
		break;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	struct gw_wire_graph wire;
	struct gw_wire_tensor t, other;
	unsigned state = seed;
	if (next(&state) % 16 == 0 || !gw_wire_graph_decode(dialect, data, size, &wire) || wire.n_tensors == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	for (unsigned n = 1 + next(&state) % 3; n > 0; n--) {
		uint32_t i = next(&state) % wire.n_tensors;
		gw_wire_graph_tensor(dialect, &wire, i, &t);
		gw_wire_graph_tensor(dialect, &wire, next(&state) % wire.n_tensors, &other);
		mutate_tensor(&t, &other, &state);
		size_t at = (size_t)(wire.tensors - data) + (size_t)i * GW_WIRE_TENSOR_SIZE;
		gw_wire_tensor_encode(dialect, &t, data + at);
	}
	return size;
}
