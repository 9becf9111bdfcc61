/* What the kinds of communicators have in common. */
#ifndef GW_BACKEND_COMM_KIND_H
#define GW_BACKEND_COMM_KIND_H

#include <stdbool.h>

#include <ggml.h>

/* The first member of a communicator: its functions, as backend/comm.h describes them. */
struct gw_comm {
	void (*free)(struct gw_comm *c);
	bool (*allreduce)(struct gw_comm *c, struct ggml_tensor **tensors);
};

#endif
