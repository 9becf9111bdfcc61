/* All-reduces of up to 16 devices of ggwire servers, over links between the servers. */
#ifndef GW_BACKEND_GROUP_H
#define GW_BACKEND_GROUP_H

#include <stddef.h>

#include <ggml-backend.h>

#include "backend/comm_kind.h"
#include "base/status.h"

/* Links the servers of the backends. NULL if that is not possible, for the reason in *err. How values travel is
 * GGML_RPC_ALLREDUCE's to say, at this time: f32, bf16, or auto, which is BF16 for large tensors. */
struct gw_comm *gw_group_new(ggml_backend_t *backends, size_t n, struct gw_error *err);

#endif
