/* ggml's private structs with backend API 2, written a second time from docs/plugin-abi.md, to verify the plug-in's
 * declarations. */
#ifndef GW_TESTS_ABI_LAYOUT_2_H
#define GW_TESTS_ABI_LAYOUT_2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ggml-backend.h>
#include <ggml.h>

typedef ggml_backend_buffer_type_t buft_t;
typedef ggml_backend_buffer_t buf_t;
typedef ggml_backend_t be_t;
typedef ggml_backend_dev_t dev_t2;
typedef ggml_backend_reg_t reg_t;
typedef ggml_backend_event_t ev_t;
typedef struct ggml_tensor *ten_t;
typedef const struct ggml_tensor *cten_t;
typedef struct ggml_cgraph *graph_t;

struct ggml_backend_buffer_type {
#ifdef MOCK_STRANGE
	void *unheard_of; /* a member of some unknown release */
#endif
	const char *(*get_name)(buft_t);
	buf_t (*alloc_buffer)(buft_t, size_t);
	size_t (*get_alignment)(buft_t);
	size_t (*get_max_size)(buft_t);
	size_t (*get_alloc_size)(buft_t, cten_t);
	bool (*is_host)(buft_t);
	dev_t2 device;
	void *context;
};

struct buffer_table {
	void (*free_buffer)(buf_t);
	void *(*get_base)(buf_t);
	enum ggml_status (*init_tensor)(buf_t, ten_t);
	void (*memset_tensor)(buf_t, ten_t, uint8_t, size_t, size_t);
	void (*set_tensor)(buf_t, ten_t, const void *, size_t, size_t);
	void (*get_tensor)(buf_t, cten_t, void *, size_t, size_t);
	void (*set_tensor_2d)(buf_t, ten_t, const void *, size_t, size_t, size_t, size_t, size_t);
	void (*get_tensor_2d)(buf_t, cten_t, void *, size_t, size_t, size_t, size_t, size_t);
	bool (*cpy_tensor)(buf_t, cten_t, ten_t);
	void (*clear)(buf_t, uint8_t);
	void (*reset)(buf_t);
};

struct ggml_backend_buffer {
	struct buffer_table table;
	buft_t buft;
	void *context;
	size_t size;
	int usage;
};

struct ggml_backend {
	ggml_guid_t guid;
	const char *(*get_name)(be_t);
	void (*free)(be_t);
	void (*set_tensor_async)(be_t, ten_t, const void *, size_t, size_t);
	void (*get_tensor_async)(be_t, cten_t, void *, size_t, size_t);
	void (*set_tensor_2d_async)(be_t, ten_t, const void *, size_t, size_t, size_t, size_t, size_t);
	void (*get_tensor_2d_async)(be_t, cten_t, void *, size_t, size_t, size_t, size_t, size_t);
	bool (*cpy_tensor_async)(be_t, be_t, cten_t, ten_t);
	void (*synchronize)(be_t);
	void *(*graph_plan_create)(be_t, const struct ggml_cgraph *);
	void (*graph_plan_free)(be_t, void *);
	void (*graph_plan_update)(be_t, void *, const struct ggml_cgraph *);
	enum ggml_status (*graph_plan_compute)(be_t, void *);
	enum ggml_status (*graph_compute)(be_t, graph_t);
	void (*event_record)(be_t, ev_t);
	void (*event_wait)(be_t, ev_t);
	void (*graph_optimize)(be_t, graph_t);
	dev_t2 device;
	void *context;
};

struct ggml_backend_event {
	dev_t2 device;
	void *context;
};

struct ggml_backend_device {
	const char *(*get_name)(dev_t2);
	const char *(*get_description)(dev_t2);
	void (*get_memory)(dev_t2, size_t *, size_t *);
	enum ggml_backend_dev_type (*get_type)(dev_t2);
	void (*get_props)(dev_t2, struct ggml_backend_dev_props *);
	be_t (*init_backend)(dev_t2, const char *);
	buft_t (*get_buffer_type)(dev_t2);
	buft_t (*get_host_buffer_type)(dev_t2);
	buf_t (*buffer_from_host_ptr)(dev_t2, void *, size_t, size_t);
	bool (*supports_op)(dev_t2, cten_t);
	bool (*supports_buft)(dev_t2, buft_t);
	bool (*offload_op)(dev_t2, cten_t);
	ev_t (*event_new)(dev_t2);
	void (*event_free)(dev_t2, ev_t);
	void (*event_synchronize)(dev_t2, ev_t);
	reg_t reg;
	void *context;
};

struct ggml_backend_reg {
	int api_version;
	const char *(*get_name)(reg_t);
	size_t (*get_device_count)(reg_t);
	dev_t2 (*get_device)(reg_t, size_t);
	void *(*get_proc_address)(reg_t, const char *);
	void *context;
};

struct ggml_cgraph {
	int size;
	int n_nodes;
	int n_leafs;
	ten_t *nodes;
	ten_t *grads;
	ten_t *grad_accs;
	ten_t *leafs;
	int32_t *use_counts;
	size_t hash_size;
	uint32_t *hash_used;
	ten_t *hash_keys;
	int order;
#ifdef MOCK_UID
	uint64_t uid;
#endif
};

#define AT(type, member, offset) _Static_assert(offsetof(struct type, member) == (offset), #type "." #member)
#define SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)

#ifndef MOCK_STRANGE
AT(ggml_backend_buffer_type, get_name, 0);
AT(ggml_backend_buffer_type, alloc_buffer, 8);
AT(ggml_backend_buffer_type, get_alignment, 16);
AT(ggml_backend_buffer_type, get_max_size, 24);
AT(ggml_backend_buffer_type, get_alloc_size, 32);
AT(ggml_backend_buffer_type, is_host, 40);
AT(ggml_backend_buffer_type, device, 48);
AT(ggml_backend_buffer_type, context, 56);
SIZE(ggml_backend_buffer_type, 64);
#endif
AT(ggml_backend_buffer, table.clear, 72);
AT(ggml_backend_buffer, table.reset, 80);
AT(ggml_backend_buffer, buft, 88);
AT(ggml_backend_buffer, context, 96);
AT(ggml_backend_buffer, size, 104);
AT(ggml_backend_buffer, usage, 112);
SIZE(ggml_backend_buffer, 120);
AT(ggml_backend, set_tensor_2d_async, 40);
AT(ggml_backend, cpy_tensor_async, 56);
AT(ggml_backend, graph_plan_compute, 96);
AT(ggml_backend, graph_compute, 104);
AT(ggml_backend, graph_optimize, 128);
AT(ggml_backend, device, 136);
SIZE(ggml_backend, 152);
AT(ggml_backend_device, init_backend, 40);
AT(ggml_backend_device, supports_op, 72);
AT(ggml_backend_device, event_synchronize, 112);
AT(ggml_backend_device, reg, 120);
AT(ggml_backend_device, context, 128);
SIZE(ggml_backend_device, 136);
AT(ggml_backend_reg, get_name, 8);
AT(ggml_backend_reg, get_proc_address, 32);
SIZE(ggml_backend_reg, 48);
AT(ggml_cgraph, nodes, 16);
AT(ggml_cgraph, use_counts, 48);
AT(ggml_cgraph, hash_size, 56);
AT(ggml_cgraph, hash_keys, 72);
AT(ggml_cgraph, order, 80);
#ifdef MOCK_UID
AT(ggml_cgraph, uid, 88);
SIZE(ggml_cgraph, 96);
#else
SIZE(ggml_cgraph, 88);
#endif

#endif
