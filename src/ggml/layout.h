/* ggml's private structs, as ggml lays them out on 64-bit systems: with backend API 3 (0.27), and, where that differs,
 * with backend API 2 (0.9.11, of April 2026): docs/plugin-abi.md. ggml reads and writes them directly, so nothing may
 * be passed to it before gw_abi_get() has found which of the two it is.
 *
 * They differ in three places: API 2 lacks two slots of the buffer type, its graphs may have no uid, and it has the
 * number 2 in the registry entry. */
#ifndef GW_GGML_LAYOUT_H
#define GW_GGML_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ggml-backend.h>
#include <ggml.h>

#define GW_GGML_API_2 2
#define GW_GGML_API_3 3

struct ggml_backend_buffer_type_i {
	const char *(*get_name)(ggml_backend_buffer_type_t buft);
	ggml_backend_buffer_t (*alloc_buffer)(ggml_backend_buffer_type_t buft, size_t size);
	ggml_backend_buffer_t (*alloc_buffer_n)(
		ggml_backend_buffer_type_t buft, struct ggml_tensor **tensors, int n); /* optional; API 3 */
	size_t (*get_alignment)(ggml_backend_buffer_type_t buft);
	size_t (*get_max_size)(ggml_backend_buffer_type_t buft);                                     /* optional */
	size_t (*get_alloc_size)(ggml_backend_buffer_type_t buft, const struct ggml_tensor *tensor); /* optional */
	size_t (*get_alloc_size_n)(
		ggml_backend_buffer_type_t buft, struct ggml_tensor **tensors, int n); /* optional; API 3 */
	bool (*is_host)(ggml_backend_buffer_type_t buft);                              /* optional */
};

struct ggml_backend_buffer_type {
	struct ggml_backend_buffer_type_i iface;
	ggml_backend_dev_t device;
	void *context;
};

/* The same with API 2. A ggml_backend_buffer_type_t points to one or the other; get_name is first in both. */
struct gw_ggml_buffer_type_2_i {
	const char *(*get_name)(ggml_backend_buffer_type_t buft);
	ggml_backend_buffer_t (*alloc_buffer)(ggml_backend_buffer_type_t buft, size_t size);
	size_t (*get_alignment)(ggml_backend_buffer_type_t buft);
	size_t (*get_max_size)(ggml_backend_buffer_type_t buft);                                     /* optional */
	size_t (*get_alloc_size)(ggml_backend_buffer_type_t buft, const struct ggml_tensor *tensor); /* optional */
	bool (*is_host)(ggml_backend_buffer_type_t buft);                                            /* optional */
};

struct gw_ggml_buffer_type_2 {
	struct gw_ggml_buffer_type_2_i iface;
	ggml_backend_dev_t device;
	void *context;
};

union gw_ggml_buffer_type {
	struct ggml_backend_buffer_type api_3;
	struct gw_ggml_buffer_type_2 api_2;
};

struct ggml_backend_buffer_i {
	void (*free_buffer)(ggml_backend_buffer_t buffer); /* optional */
	void *(*get_base)(ggml_backend_buffer_t buffer);
	enum ggml_status (*init_tensor)(ggml_backend_buffer_t buffer, struct ggml_tensor *tensor); /* optional */
	void (*memset_tensor)(
		ggml_backend_buffer_t buffer, struct ggml_tensor *tensor, uint8_t value, size_t offset, size_t size);
	void (*set_tensor)(
		ggml_backend_buffer_t buffer, struct ggml_tensor *tensor, const void *data, size_t offset, size_t size);
	void (*get_tensor)(
		ggml_backend_buffer_t buffer, const struct ggml_tensor *tensor, void *data, size_t offset, size_t size);
	void (*set_tensor_2d)(ggml_backend_buffer_t buffer, struct ggml_tensor *tensor, const void *data, size_t offset,
		size_t size, size_t n_copies, size_t stride_tensor, size_t stride_data); /* optional */
	void (*get_tensor_2d)(ggml_backend_buffer_t buffer, const struct ggml_tensor *tensor, void *data, size_t offset,
		size_t size, size_t n_copies, size_t stride_tensor, size_t stride_data); /* optional */
	bool (*cpy_tensor)(
		ggml_backend_buffer_t buffer, const struct ggml_tensor *src, struct ggml_tensor *dst); /* optional */
	void (*clear)(ggml_backend_buffer_t buffer, uint8_t value);
	void (*reset)(ggml_backend_buffer_t buffer); /* optional */
};

/* Made by ggml_backend_buffer_init only: ggml frees it with C++'s delete. */
struct ggml_backend_buffer {
	struct ggml_backend_buffer_i iface;
	ggml_backend_buffer_type_t buft;
	void *context;
	size_t size;
	enum ggml_backend_buffer_usage usage;
};

struct ggml_backend_i {
	const char *(*get_name)(ggml_backend_t backend);
	void (*free)(ggml_backend_t backend);
	void (*set_tensor_async)(ggml_backend_t backend, struct ggml_tensor *tensor, const void *data, size_t offset,
		size_t size); /* optional */
	void (*get_tensor_async)(ggml_backend_t backend, const struct ggml_tensor *tensor, void *data, size_t offset,
		size_t size); /* optional */
	void (*set_tensor_2d_async)(ggml_backend_t backend, struct ggml_tensor *tensor, const void *data, size_t offset,
		size_t size, size_t n_copies, size_t stride_tensor, size_t stride_data); /* optional */
	void (*get_tensor_2d_async)(ggml_backend_t backend, const struct ggml_tensor *tensor, void *data, size_t offset,
		size_t size, size_t n_copies, size_t stride_tensor, size_t stride_data); /* optional */
	bool (*cpy_tensor_async)(ggml_backend_t src_backend, ggml_backend_t dst_backend, const struct ggml_tensor *src,
		struct ggml_tensor *dst);            /* optional */
	void (*synchronize)(ggml_backend_t backend); /* optional */
	ggml_backend_graph_plan_t (*graph_plan_create)(ggml_backend_t backend, const struct ggml_cgraph *graph);
	void (*graph_plan_free)(ggml_backend_t backend, ggml_backend_graph_plan_t plan); /* optional */
	void (*graph_plan_update)(
		ggml_backend_t backend, ggml_backend_graph_plan_t plan, const struct ggml_cgraph *graph); /* optional */
	enum ggml_status (*graph_plan_compute)(ggml_backend_t backend, ggml_backend_graph_plan_t plan);   /* optional */
	enum ggml_status (*graph_compute)(ggml_backend_t backend, struct ggml_cgraph *graph);
	void (*event_record)(ggml_backend_t backend, ggml_backend_event_t event); /* optional */
	void (*event_wait)(ggml_backend_t backend, ggml_backend_event_t event);   /* optional */
	void *graph_optimize; /* optional; its signature differs between releases, so we never set it */
};

/* Made and freed by the plug-in. */
struct ggml_backend {
	ggml_guid_t guid;
	struct ggml_backend_i iface;
	ggml_backend_dev_t device;
	void *context;
};

/* Made and freed by the plug-in. */
struct ggml_backend_event {
	ggml_backend_dev_t device;
	void *context;
};

typedef enum ggml_backend_dev_type gw_ggml_dev_type;

struct ggml_backend_device_i {
	const char *(*get_name)(ggml_backend_dev_t dev);
	const char *(*get_description)(ggml_backend_dev_t dev);
	void (*get_memory)(ggml_backend_dev_t dev, size_t *free, size_t *total);
	gw_ggml_dev_type (*get_type)(ggml_backend_dev_t dev);
	void (*get_props)(ggml_backend_dev_t dev, struct ggml_backend_dev_props *props);
	ggml_backend_t (*init_backend)(ggml_backend_dev_t dev, const char *params);
	ggml_backend_buffer_type_t (*get_buffer_type)(ggml_backend_dev_t dev);
	ggml_backend_buffer_type_t (*get_host_buffer_type)(ggml_backend_dev_t dev); /* optional */
	ggml_backend_buffer_t (*buffer_from_host_ptr)(
		ggml_backend_dev_t dev, void *ptr, size_t size, size_t max_tensor_size); /* optional */
	bool (*supports_op)(ggml_backend_dev_t dev, const struct ggml_tensor *op);
	bool (*supports_buft)(ggml_backend_dev_t dev, ggml_backend_buffer_type_t buft);
	bool (*offload_op)(ggml_backend_dev_t dev, const struct ggml_tensor *op); /* optional */
	ggml_backend_event_t (*event_new)(ggml_backend_dev_t dev);                /* optional */
	void (*event_free)(ggml_backend_dev_t dev, ggml_backend_event_t event);   /* optional */
	void (*event_synchronize)(ggml_backend_dev_t dev, ggml_backend_event_t event);
};

struct ggml_backend_device {
	struct ggml_backend_device_i iface;
	ggml_backend_reg_t reg;
	void *context;
};

/* ggml_backend_dev_caps of ggml-backend.h, with the last member, for which older releases have room but no name. */
struct gw_ggml_dev_caps {
	bool async;
	bool host_buffer;
	bool buffer_from_host_ptr;
	bool events;
	bool mmap_support; /* since 0.19 or 0.20 */
};

struct ggml_backend_reg_i {
	const char *(*get_name)(ggml_backend_reg_t reg);
	size_t (*get_device_count)(ggml_backend_reg_t reg);
	ggml_backend_dev_t (*get_device)(ggml_backend_reg_t reg, size_t index);
	void *(*get_proc_address)(ggml_backend_reg_t reg, const char *name); /* optional */
};

struct ggml_backend_reg {
	int api_version; /* GW_GGML_API_2 or GW_GGML_API_3: what gw_abi_get() found */
	struct ggml_backend_reg_i iface;
	void *context;
};

struct ggml_hash_set {
	size_t size;
	uint32_t *used; /* bit set: word i / 32, bit i % 32 */
	struct ggml_tensor **keys;
};

/* In memory the node array follows at once, which is how the self-check learns the size. */
struct ggml_cgraph {
	int size;
	int n_nodes;
	int n_leafs;
	struct ggml_tensor **nodes;
	struct ggml_tensor **grads;
	struct ggml_tensor **grad_accs;
	struct ggml_tensor **leafs;
	int32_t *use_counts; /* indexed by slot of the hash set */
	struct ggml_hash_set visited_hash_set;
	int order;
	uint64_t uid; /* API 3 and late API 2: absent where the struct is 88 bytes long */
};

#define GW_LAYOUT_AT(type, member, offset) \
	_Static_assert(offsetof(type, member) == (offset), #type "." #member " is not where ggml has it")
#define GW_LAYOUT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " has not the size it has in ggml")

GW_LAYOUT_AT(struct ggml_backend_buffer_type, iface.alloc_buffer_n, 16);
GW_LAYOUT_AT(struct ggml_backend_buffer_type, iface.get_alignment, 24);
GW_LAYOUT_AT(struct ggml_backend_buffer_type, iface.get_max_size, 32);
GW_LAYOUT_AT(struct ggml_backend_buffer_type, iface.get_alloc_size, 40);
GW_LAYOUT_AT(struct ggml_backend_buffer_type, iface.get_alloc_size_n, 48);
GW_LAYOUT_AT(struct ggml_backend_buffer_type, iface.is_host, 56);
GW_LAYOUT_AT(struct ggml_backend_buffer_type, device, 64);
GW_LAYOUT_AT(struct ggml_backend_buffer_type, context, 72);
GW_LAYOUT_SIZE(struct ggml_backend_buffer_type, 80);

GW_LAYOUT_AT(struct gw_ggml_buffer_type_2, iface.get_alignment, 16);
GW_LAYOUT_AT(struct gw_ggml_buffer_type_2, iface.get_max_size, 24);
GW_LAYOUT_AT(struct gw_ggml_buffer_type_2, iface.get_alloc_size, 32);
GW_LAYOUT_AT(struct gw_ggml_buffer_type_2, iface.is_host, 40);
GW_LAYOUT_AT(struct gw_ggml_buffer_type_2, device, 48);
GW_LAYOUT_AT(struct gw_ggml_buffer_type_2, context, 56);
GW_LAYOUT_SIZE(struct gw_ggml_buffer_type_2, 64);

GW_LAYOUT_AT(struct ggml_backend_buffer, iface.set_tensor, 32);
GW_LAYOUT_AT(struct ggml_backend_buffer, iface.cpy_tensor, 64);
GW_LAYOUT_AT(struct ggml_backend_buffer, iface.reset, 80);
GW_LAYOUT_AT(struct ggml_backend_buffer, buft, 88);
GW_LAYOUT_AT(struct ggml_backend_buffer, context, 96);
GW_LAYOUT_AT(struct ggml_backend_buffer, size, 104);
GW_LAYOUT_AT(struct ggml_backend_buffer, usage, 112);
GW_LAYOUT_SIZE(struct ggml_backend_buffer, 120);

GW_LAYOUT_AT(struct ggml_backend, iface.set_tensor_async, 24);
GW_LAYOUT_AT(struct ggml_backend, iface.cpy_tensor_async, 56);
GW_LAYOUT_AT(struct ggml_backend, iface.synchronize, 64);
GW_LAYOUT_AT(struct ggml_backend, iface.graph_compute, 104);
GW_LAYOUT_AT(struct ggml_backend, iface.graph_optimize, 128);
GW_LAYOUT_AT(struct ggml_backend, device, 136);
GW_LAYOUT_AT(struct ggml_backend, context, 144);
GW_LAYOUT_SIZE(struct ggml_backend, 152);

GW_LAYOUT_AT(struct ggml_backend_event, context, 8);
GW_LAYOUT_SIZE(struct ggml_backend_event, 16);

GW_LAYOUT_AT(struct ggml_backend_device, iface.init_backend, 40);
GW_LAYOUT_AT(struct ggml_backend_device, iface.supports_op, 72);
GW_LAYOUT_AT(struct ggml_backend_device, iface.event_synchronize, 112);
GW_LAYOUT_AT(struct ggml_backend_device, reg, 120);
GW_LAYOUT_AT(struct ggml_backend_device, context, 128);
GW_LAYOUT_SIZE(struct ggml_backend_device, 136);

GW_LAYOUT_AT(struct ggml_backend_reg, iface.get_name, 8);
GW_LAYOUT_AT(struct ggml_backend_reg, iface.get_proc_address, 32);
GW_LAYOUT_AT(struct ggml_backend_reg, context, 40);
GW_LAYOUT_SIZE(struct ggml_backend_reg, 48);

GW_LAYOUT_AT(struct ggml_cgraph, nodes, 16);
GW_LAYOUT_AT(struct ggml_cgraph, use_counts, 48);
GW_LAYOUT_AT(struct ggml_cgraph, visited_hash_set, 56);
GW_LAYOUT_AT(struct ggml_cgraph, order, 80);
GW_LAYOUT_AT(struct ggml_cgraph, uid, 88);
GW_LAYOUT_SIZE(struct ggml_cgraph, 96);

GW_LAYOUT_SIZE(struct ggml_tensor, 336);
GW_LAYOUT_SIZE(struct ggml_backend_dev_props, 56);
_Static_assert(offsetof(struct ggml_backend_dev_props, caps) + sizeof(struct gw_ggml_dev_caps) <=
		       sizeof(struct ggml_backend_dev_props),
	"there is room for the last capability in every release");

#endif
