#include "ggml/abi.h"

#include <pthread.h>
#include <string.h>

#include "ggml/abi_check.h"
#include "ggml/bind.h"
#include "ggml/graph.h"
#include "ggml/layout.h"
#include "ggml/numbers.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct gw_abi abi;
static struct gw_error failure;

static void run_check(void)
{
	if (gw_numbers_get(&failure) && gw_abi_check(&abi, &failure) != GW_OK)
		gw_error_prefix(&failure, "%s has a private layout that this ggwire does not know", gw_ggml_text());
}

const struct gw_abi *gw_abi_get(struct gw_error *err)
{
	if (!gw_ggml_is_bound() && gw_ggml_bind(NULL, err) != GW_OK)
		return NULL;
	pthread_once(&once, run_check);
	if (failure.status == GW_OK)
		return &abi;
	if (err)
		*err = failure;
	return NULL;
}

static bool graph_known(const struct ggml_cgraph *graph)
{
	const struct gw_abi *a = gw_abi_get(NULL);
	return a && a->graph_private && graph->use_counts;
}

uint64_t gw_abi_graph_uid(const struct ggml_cgraph *graph)
{
	const struct gw_abi *a = gw_abi_get(NULL);
	return a && a->graph_uid ? graph->uid : 0;
}

int32_t gw_abi_graph_use_count(const struct ggml_cgraph *graph, const struct ggml_tensor *tensor)
{
	if (!graph_known(graph))
		return 0;
	size_t slot = gw_graph_slot(graph, tensor);
	return slot == GW_GRAPH_NO_SLOT ? 0 : graph->use_counts[slot];
}

bool gw_abi_graph_set_use_count(struct ggml_cgraph *graph, struct ggml_tensor *tensor, int32_t use_count)
{
	if (!graph_known(graph))
		return false;
	size_t slot = gw_graph_free_slot(graph, tensor);
	if (slot == GW_GRAPH_NO_SLOT)
		return false;
	gw_graph_take_slot(graph, slot, tensor);
	graph->use_counts[slot] = use_count;
	return true;
}

bool gw_abi_graph_part(const struct ggml_cgraph *graph, int begin, int end, struct ggml_cgraph *part)
{
	const struct gw_abi *a = gw_abi_get(NULL);

	if (!a || !a->graph_private)
		return false;
	memset(part, 0, sizeof(*part));
	memcpy(part, graph, offsetof(struct ggml_cgraph, uid));
	part->nodes += begin;
	part->n_nodes = end - begin;
	return true;
}

bool gw_abi_buft_plain_alloc(ggml_backend_buffer_type_t buft)
{
	const struct gw_abi *a = gw_abi_get(NULL);

	if (!a)
		return false;
	if (a->api_version == GW_GGML_API_2)
		return !((const union gw_ggml_buffer_type *)buft)->api_2.iface.get_alloc_size;
	return !buft->iface.get_alloc_size;
}

bool gw_abi_buffer_no_init(ggml_backend_buffer_t buffer)
{
	return gw_abi_get(NULL) && !buffer->iface.init_tensor;
}

const void *gw_abi_device_code(ggml_backend_dev_t dev)
{
	const void *code;

	if (!gw_abi_get(NULL))
		return NULL;
	memcpy(&code, &dev->iface.get_name, sizeof(code));
	return code;
}
