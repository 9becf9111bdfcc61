/* What ggml's meta backend calls to add up tensors that it has split over devices: the functions of
 * ggml_backend_comm_*_t in ggml-backend.h. */
#ifndef GW_BACKEND_COMM_H
#define GW_BACKEND_COMM_H

#include <stdbool.h>
#include <stddef.h>

#include <ggml-backend.h>

/* Has the servers of the backends connect to each other: 2 to 16 devices of ggwire servers (backend/group.h), or two
 * servers of any kind (backend/pair.h). NULL if that is not possible, or if GGML_RPC_NO_COMM is set: ggml then adds up
 * by copying through this process, and a line says so. Blocks for seconds where a server cannot reach another one. Any
 * thread. */
void *gw_comm_init(ggml_backend_t *backends, size_t n);

/* Has the servers disconnect, when all who called gw_comm_init for the same pair have called this; links of ggwire
 * servers stay. */
void gw_comm_free(void *comm);

/* Has each server add the others' tensors to its own, behind the work that was posted; returns at once. False, and
 * nothing is posted, for tensors that this is not for: other than contiguous F32 on those devices, of different sizes;
 * for pairs also those that were not computed by all. */
bool gw_comm_allreduce(void *comm, struct ggml_tensor **tensors);

#endif
