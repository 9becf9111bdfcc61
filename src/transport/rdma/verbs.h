/* libibverbs, loaded when it is first needed, so that one binary serves machines with and without it.
 *
 * The table is also where tests put a libibverbs of their own. What is not here goes through the context's ops, by the
 * inline functions of <infiniband/verbs.h>: ibv_post_send, ibv_post_recv, ibv_poll_cq, ibv_req_notify_cq. */
#ifndef GW_TRANSPORT_RDMA_VERBS_H
#define GW_TRANSPORT_RDMA_VERBS_H

#include <infiniband/verbs.h>

#include "base/status.h"

/* The functions as their manual pages have them, ibv_ left out. query_port is the library's own entry, which fills the
 * first part of struct ibv_port_attr: zero it before. */
struct gw_verbs {
	struct ibv_device **(*get_device_list)(int *n);
	void (*free_device_list)(struct ibv_device **list);
	const char *(*get_device_name)(struct ibv_device *device);
	struct ibv_context *(*open_device)(struct ibv_device *device);
	int (*close_device)(struct ibv_context *context);
	int (*query_device)(struct ibv_context *context, struct ibv_device_attr *attr);
	int (*query_port)(struct ibv_context *context, uint8_t port, struct _compat_ibv_port_attr *attr);
	ssize_t (*query_gid_table)(
		struct ibv_context *context, struct ibv_gid_entry *entries, size_t max, uint32_t flags, size_t size);
	struct ibv_pd *(*alloc_pd)(struct ibv_context *context);
	int (*dealloc_pd)(struct ibv_pd *pd);
	struct ibv_mr *(*reg_mr)(struct ibv_pd *pd, void *addr, size_t length, int access);
	int (*dereg_mr)(struct ibv_mr *mr);
	struct ibv_comp_channel *(*create_comp_channel)(struct ibv_context *context);
	int (*destroy_comp_channel)(struct ibv_comp_channel *channel);
	struct ibv_cq *(*create_cq)(
		struct ibv_context *context, int cqe, void *cq_context, struct ibv_comp_channel *channel, int vector);
	int (*destroy_cq)(struct ibv_cq *cq);
	int (*get_cq_event)(struct ibv_comp_channel *channel, struct ibv_cq **cq, void **cq_context);
	void (*ack_cq_events)(struct ibv_cq *cq, unsigned n);
	struct ibv_qp *(*create_qp)(struct ibv_pd *pd, struct ibv_qp_init_attr *attr);
	int (*modify_qp)(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask);
	int (*destroy_qp)(struct ibv_qp *qp);
	const char *(*wc_status_str)(enum ibv_wc_status status);
};

/* The library's table, or NULL and the reason: not installed, or older than rdma-core 32. Thread-safe; the first call
 * loads it, and it stays. */
const struct gw_verbs *gw_verbs_get(struct gw_error *err);

/* Puts a table in the library's place; NULL brings the library back. Call while nothing uses it. */
void gw_verbs_replace(const struct gw_verbs *table);

#endif
