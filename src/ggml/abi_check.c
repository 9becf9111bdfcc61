#include "ggml/abi_check.h"

#include <string.h>

#include "ggml/graph.h"
#include "ggml/layout.h"

/* A probe ignores its arguments, so that a call through the wrong slot does no harm. It records its number and returns
 * the requested value. Slot i of every table holds probe i. */
#define NO_HIT SIZE_MAX
#define MAX_SLOTS 16

static size_t hit;
static uintptr_t result;

#define PROBE(n)                         \
	static uintptr_t probe_##n(void) \
	{                                \
		hit = n;                 \
		return result;           \
	}
PROBE(0)
PROBE(1)
PROBE(2)
PROBE(3)
PROBE(4)
PROBE(5)
PROBE(6)
PROBE(7)
PROBE(8)
PROBE(9)
PROBE(10)
PROBE(11)
PROBE(12)
PROBE(13)
PROBE(14)
PROBE(15)

typedef uintptr_t (*probe)(void);

static const probe probes[MAX_SLOTS] = {probe_0, probe_1, probe_2, probe_3, probe_4, probe_5, probe_6, probe_7, probe_8,
	probe_9, probe_10, probe_11, probe_12, probe_13, probe_14, probe_15};

/* Memory that a caller may use as any of ggml's objects, or as a string. */
static _Alignas(16) unsigned char blank[512];

/* The objects that the checks use. */
struct subject {
	int api_version;
	union gw_ggml_buffer_type types;
	ggml_backend_buffer_type_t buft;
	struct ggml_backend_buffer_i buffer_iface;
	ggml_backend_buffer_t buffer;
	struct ggml_backend backend;
	struct ggml_backend_event event;
	struct ggml_backend_device device;
	struct ggml_backend_reg reg;
	struct ggml_tensor tensor;
	struct ggml_tensor other;
	uint8_t bytes[16];
};

static void fill_table(void *table, size_t size)
{
	memcpy(table, probes, size);
}

static void make_tensor(struct subject *s, struct ggml_tensor *t)
{
	*t = (struct ggml_tensor){.type = GGML_TYPE_I8, .ne = {16, 1, 1, 1}, .nb = {1, 16, 16, 16}};
	t->data = s->bytes;
}

static void make_buffer_type(struct subject *s)
{
	s->buft = &s->types.api_3;
	if (s->api_version == GW_GGML_API_2) {
		fill_table(&s->types.api_2.iface, sizeof(s->types.api_2.iface));
		s->types.api_2.device = &s->device;
		return;
	}
	fill_table(&s->types.api_3.iface, sizeof(s->types.api_3.iface));
	s->types.api_3.device = &s->device;
}

/* A probe that returns true would make copies use another function. */
static void be_no_host_memory(struct subject *s)
{
	if (s->api_version == GW_GGML_API_2)
		s->types.api_2.iface.is_host = NULL;
	else
		s->types.api_3.iface.is_host = NULL;
}

static void make_subject(struct subject *s)
{
	_Static_assert(sizeof(struct ggml_backend_i) <= sizeof(probes), "a table has more slots than there are probes");
	memset(s, 0, sizeof(*s));
	s->api_version = ggml_backend_buft_alloc_buffer_n ? GW_GGML_API_3 : GW_GGML_API_2;
	make_buffer_type(s);
	fill_table(&s->buffer_iface, sizeof(s->buffer_iface));
	fill_table(&s->backend.iface, sizeof(s->backend.iface));
	fill_table(&s->device.iface, sizeof(s->device.iface));
	fill_table(&s->reg.iface, sizeof(s->reg.iface));
	s->reg.api_version = s->api_version;
	s->backend.guid = (ggml_guid_t)blank;
	s->backend.device = &s->device;
	s->event.device = &s->device;
	s->device.reg = &s->reg;
	make_tensor(s, &s->tensor);
	make_tensor(s, &s->other);
}

static void arm(uintptr_t value)
{
	hit = NO_HIT;
	result = value;
}

static bool reached(size_t slot, const char *what, struct gw_error *err)
{
	if (hit == slot)
		return true;
	if (hit == NO_HIT)
		gw_error_set(err, GW_ERR_UNSUPPORTED, "%s is not called", what);
	else
		gw_error_set(err, GW_ERR_UNSUPPORTED, "%s is in slot %zu and not in %zu", what, hit, slot);
	return false;
}

static bool same(bool equal, const char *what, struct gw_error *err)
{
	if (!equal)
		gw_error_set(err, GW_ERR_UNSUPPORTED, "%s is not where it should be", what);
	return equal;
}

/* call must reach this member of the table; its probe returns value. */
#define REACH(table, member, value, call)                                                              \
	do {                                                                                           \
		arm((uintptr_t)(value));                                                               \
		(void)(call);                                                                          \
		if (!reached(offsetof(struct table, member) / sizeof(probe), #table "." #member, err)) \
			return false;                                                                  \
	} while (0)
#define SAME(what, condition)                    \
	do {                                     \
		if (!same(condition, what, err)) \
			return false;            \
	} while (0)

static bool check_api(const struct subject *s, struct gw_error *err)
{
	if (s->api_version == GW_GGML_API_3)
		SAME("backend API 3 (ggml_backend_buft_get_alloc_size_n)",
			ggml_backend_buft_get_alloc_size_n && ggml_op_alloc_size_may_expand);
	/* A tensor in a context has an object's header of 32 bytes in front. */
	SAME("the end of ggml_tensor", ggml_tensor_overhead() == sizeof(struct ggml_tensor) + 32);
	return true;
}

static bool check_buffer_type_2(struct subject *s, struct gw_error *err)
{
	ggml_backend_buffer_type_t buft = s->buft;

	REACH(gw_ggml_buffer_type_2_i, get_name, blank, ggml_backend_buft_name(buft));
	REACH(gw_ggml_buffer_type_2_i, alloc_buffer, blank, ggml_backend_buft_alloc_buffer(buft, 1));
	REACH(gw_ggml_buffer_type_2_i, get_alignment, 64, ggml_backend_buft_get_alignment(buft));
	REACH(gw_ggml_buffer_type_2_i, get_max_size, 4096, ggml_backend_buft_get_max_size(buft));
	REACH(gw_ggml_buffer_type_2_i, get_alloc_size, 64, ggml_backend_buft_get_alloc_size(buft, &s->tensor));
	REACH(gw_ggml_buffer_type_2_i, is_host, 0, ggml_backend_buft_is_host(buft));
	return true;
}

static bool check_buffer_type_3(struct subject *s, struct gw_error *err)
{
	ggml_backend_buffer_type_t buft = s->buft;
	struct ggml_tensor *tensors[1] = {&s->other};

	REACH(ggml_backend_buffer_type_i, get_name, blank, ggml_backend_buft_name(buft));
	REACH(ggml_backend_buffer_type_i, alloc_buffer, blank, ggml_backend_buft_alloc_buffer(buft, 1));
	REACH(ggml_backend_buffer_type_i, alloc_buffer_n, blank, ggml_backend_buft_alloc_buffer_n(buft, tensors, 1));
	REACH(ggml_backend_buffer_type_i, get_alignment, 64, ggml_backend_buft_get_alignment(buft));
	REACH(ggml_backend_buffer_type_i, get_max_size, 4096, ggml_backend_buft_get_max_size(buft));
	REACH(ggml_backend_buffer_type_i, get_alloc_size, 64, ggml_backend_buft_get_alloc_size(buft, &s->tensor));
	REACH(ggml_backend_buffer_type_i, get_alloc_size_n, 64, ggml_backend_buft_get_alloc_size_n(buft, tensors, 1));
	REACH(ggml_backend_buffer_type_i, is_host, 0, ggml_backend_buft_is_host(buft));
	return true;
}

static bool check_buffer_type(struct subject *s, struct gw_error *err)
{
	bool ok = s->api_version == GW_GGML_API_2 ? check_buffer_type_2(s, err) : check_buffer_type_3(s, err);

	if (!ok)
		return false;
	SAME("ggml_backend_buffer_type.device", ggml_backend_buft_get_device(s->buft) == &s->device);
	return true;
}

static bool check_buffer_fields(struct subject *s, struct gw_error *err)
{
	ggml_backend_buffer_t b = s->buffer;

	SAME("ggml_backend_buffer.buft", b->buft == s->buft && ggml_backend_buffer_get_type(b) == s->buft);
	SAME("ggml_backend_buffer.context", b->context == s);
	SAME("ggml_backend_buffer.size", b->size == 4096 && ggml_backend_buffer_get_size(b) == 4096);
	SAME("ggml_backend_buffer.usage", b->usage == GGML_BACKEND_BUFFER_USAGE_ANY);
	ggml_backend_buffer_set_usage(b, GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
	SAME("ggml_backend_buffer.usage",
		b->usage == GGML_BACKEND_BUFFER_USAGE_WEIGHTS &&
			ggml_backend_buffer_get_usage(b) == GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
	return true;
}

static bool check_buffer(struct subject *s, struct gw_error *err)
{
	ggml_backend_buffer_t b = s->buffer;
	struct ggml_tensor *t = &s->tensor;
	uint8_t data[16] = {0};

	if (!check_buffer_fields(s, err))
		return false;
	t->buffer = b;
	s->other.buffer = b;
	REACH(ggml_backend_buffer_i, get_base, blank, ggml_backend_buffer_get_base(b));
	REACH(ggml_backend_buffer_i, init_tensor, 0, ggml_backend_buffer_init_tensor(b, t));
	REACH(ggml_backend_buffer_i, memset_tensor, 0, ggml_backend_tensor_memset(t, 0, 0, 16));
	REACH(ggml_backend_buffer_i, set_tensor, 0, ggml_backend_tensor_set(t, data, 0, 16));
	REACH(ggml_backend_buffer_i, get_tensor, 0, ggml_backend_tensor_get(t, data, 0, 16));
	REACH(ggml_backend_buffer_i, set_tensor_2d, 0, ggml_backend_tensor_set_2d(t, data, 0, 4, 2, 8, 8));
	REACH(ggml_backend_buffer_i, get_tensor_2d, 0, ggml_backend_tensor_get_2d(t, data, 0, 4, 2, 8, 8));
	REACH(ggml_backend_buffer_i, cpy_tensor, 1, ggml_backend_tensor_copy(t, &s->other));
	REACH(ggml_backend_buffer_i, clear, 0, ggml_backend_buffer_clear(b, 0));
	REACH(ggml_backend_buffer_i, reset, 0, ggml_backend_buffer_reset(b));
	return true;
}

static bool check_backend_transfers(struct subject *s, struct gw_error *err)
{
	ggml_backend_t b = &s->backend;
	struct ggml_tensor *t = &s->tensor;
	uint8_t data[16] = {0};

	REACH(ggml_backend_i, set_tensor_async, 0, ggml_backend_tensor_set_async(b, t, data, 0, 16));
	REACH(ggml_backend_i, get_tensor_async, 0, ggml_backend_tensor_get_async(b, t, data, 0, 16));
	REACH(ggml_backend_i, set_tensor_2d_async, 0, ggml_backend_tensor_set_2d_async(b, t, data, 0, 4, 2, 8, 8));
	REACH(ggml_backend_i, get_tensor_2d_async, 0, ggml_backend_tensor_get_2d_async(b, t, data, 0, 4, 2, 8, 8));
	REACH(ggml_backend_i, cpy_tensor_async, 1, ggml_backend_tensor_copy_async(b, b, t, &s->other));
	return true;
}

static bool check_backend(struct subject *s, struct gw_error *err)
{
	ggml_backend_t b = &s->backend;
	struct ggml_cgraph *graph = (struct ggml_cgraph *)(void *)blank;

	SAME("ggml_backend.guid", ggml_backend_guid(b) == (ggml_guid_t)blank);
	SAME("ggml_backend.device", ggml_backend_get_device(b) == &s->device);
	REACH(ggml_backend_i, get_name, blank, ggml_backend_name(b));
	REACH(ggml_backend_i, synchronize, 0, ggml_backend_synchronize(b));
	REACH(ggml_backend_i, graph_plan_create, blank, ggml_backend_graph_plan_create(b, graph));
	REACH(ggml_backend_i, graph_plan_free, 0, ggml_backend_graph_plan_free(b, blank));
	REACH(ggml_backend_i, graph_plan_compute, 0, ggml_backend_graph_plan_compute(b, blank));
	REACH(ggml_backend_i, graph_compute, 0, ggml_backend_graph_compute_async(b, graph));
	REACH(ggml_backend_i, event_record, 0, ggml_backend_event_record(&s->event, b));
	REACH(ggml_backend_i, event_wait, 0, ggml_backend_event_wait(b, &s->event));
	REACH(ggml_backend_i, free, 0, ggml_backend_free(b));
	return true;
}

static bool check_device_facts(struct subject *s, struct gw_error *err)
{
	ggml_backend_dev_t d = &s->device;
	struct ggml_backend_dev_props props;
	size_t n;

	SAME("ggml_backend_device.reg", ggml_backend_dev_backend_reg(d) == &s->reg);
	REACH(ggml_backend_device_i, get_name, blank, ggml_backend_dev_name(d));
	REACH(ggml_backend_device_i, get_description, blank, ggml_backend_dev_description(d));
	REACH(ggml_backend_device_i, get_memory, 0, ggml_backend_dev_memory(d, &n, &n));
	REACH(ggml_backend_device_i, get_type, 0, ggml_backend_dev_type(d));
	REACH(ggml_backend_device_i, get_props, 0, ggml_backend_dev_get_props(d, &props));
	REACH(ggml_backend_device_i, supports_op, 1, ggml_backend_dev_supports_op(d, &s->tensor));
	REACH(ggml_backend_device_i, supports_buft, 1, ggml_backend_dev_supports_buft(d, s->buft));
	REACH(ggml_backend_device_i, offload_op, 1, ggml_backend_dev_offload_op(d, &s->tensor));
	return true;
}

static bool check_device_makes(struct subject *s, struct gw_error *err)
{
	ggml_backend_dev_t d = &s->device;

	REACH(ggml_backend_device_i, init_backend, blank, ggml_backend_dev_init(d, NULL));
	REACH(ggml_backend_device_i, get_buffer_type, blank, ggml_backend_dev_buffer_type(d));
	REACH(ggml_backend_device_i, get_host_buffer_type, blank, ggml_backend_dev_host_buffer_type(d));
	REACH(ggml_backend_device_i, buffer_from_host_ptr, blank,
		ggml_backend_dev_buffer_from_host_ptr(d, s->bytes, 16, 16));
	REACH(ggml_backend_device_i, event_new, blank, ggml_backend_event_new(d));
	REACH(ggml_backend_device_i, event_free, 0, ggml_backend_event_free(&s->event));
	REACH(ggml_backend_device_i, event_synchronize, 0, ggml_backend_event_synchronize(&s->event));
	return true;
}

static bool check_reg(struct subject *s, struct gw_error *err)
{
	ggml_backend_reg_t r = &s->reg;

	REACH(ggml_backend_reg_i, get_name, blank, ggml_backend_reg_name(r));
	REACH(ggml_backend_reg_i, get_device_count, 1, ggml_backend_reg_dev_count(r));
	REACH(ggml_backend_reg_i, get_device, blank, ggml_backend_reg_dev_get(r, 0));
	REACH(ggml_backend_reg_i, get_proc_address, blank, ggml_backend_reg_get_proc_address(r, "probe"));
	return true;
}

/* Frees the buffer in any case, which is the last check of it. */
static bool check_buffer_free(struct subject *s, struct gw_error *err)
{
	REACH(ggml_backend_buffer_i, free_buffer, 0, ggml_backend_buffer_free(s->buffer));
	return true;
}

/* The buffer type comes first: everything after it is called through a table of it or of what it leads to. */
static bool check_tables(struct subject *s, struct gw_error *err)
{
	if (!check_buffer_type(s, err))
		return false;
	be_no_host_memory(s);
	s->buffer = ggml_backend_buffer_init(s->buft, s->buffer_iface, s, 4096);
	bool ok = check_buffer(s, err) && check_backend_transfers(s, err) && check_backend(s, err) &&
		  check_device_facts(s, err) && check_device_makes(s, err) && check_reg(s, err);
	return check_buffer_free(s, ok ? err : NULL) && ok;
}

/* Bytes from the start of the struct to the node array, which in memory follows it at once. */
static size_t struct_size(struct ggml_cgraph *graph)
{
	return (size_t)((char *)ggml_graph_nodes(graph) - (char *)graph);
}

static bool used_times(const struct ggml_cgraph *graph, const struct ggml_tensor *tensor, int32_t times)
{
	size_t slot = gw_graph_slot(graph, tensor);
	return slot != GW_GRAPH_NO_SLOT && graph->use_counts[slot] == times;
}

static void check_graph(struct ggml_context *ctx, struct gw_abi *abi)
{
	struct ggml_cgraph *graph = ggml_new_graph_custom(ctx, 8, false);
	struct ggml_tensor *a = ggml_new_tensor_1d(ctx, GGML_TYPE_F32, 4);
	struct ggml_tensor *b = ggml_new_tensor_1d(ctx, GGML_TYPE_F32, 4);
	struct ggml_tensor *sum = ggml_add(ctx, a, b);
	size_t size = struct_size(graph);
	bool with_uid = size == sizeof(struct ggml_cgraph);

	if (!with_uid && size != offsetof(struct ggml_cgraph, uid))
		return;
	ggml_build_forward_expand(graph, sum);
	if (graph->size != ggml_graph_size(graph) || graph->n_nodes != 1 || graph->n_leafs != 2 ||
		graph->nodes != ggml_graph_nodes(graph) || graph->visited_hash_set.size < 3)
		return;
	abi->graph_private = used_times(graph, a, 1) && used_times(graph, b, 1) && used_times(graph, sum, 0);
	abi->graph_uid = abi->graph_private && with_uid && graph->uid == 0;
}

/* Checks graphs. This cannot fail, because a plug-in also works without them. */
static void learn_graph(struct gw_abi *abi)
{
	struct ggml_init_params params = {
		.mem_size = ggml_tensor_overhead() * 8 + ggml_graph_overhead_custom(8, false),
		.no_alloc = true,
	};
	struct ggml_context *ctx = ggml_init(params);

	if (!ctx)
		return;
	check_graph(ctx, abi);
	ggml_free(ctx);
}

enum gw_status gw_abi_check(struct gw_abi *abi, struct gw_error *err)
{
	struct subject s;

	make_subject(&s);
	if (!check_api(&s, err) || !check_tables(&s, err))
		return GW_ERR_UNSUPPORTED;
	abi->api_version = s.api_version;
	learn_graph(abi);
	return GW_OK;
}
