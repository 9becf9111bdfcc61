/* All-reduces of two servers as the protocol has them, with COMM_INIT and what follows it: with stock servers. */
#ifndef GW_BACKEND_PAIR_H
#define GW_BACKEND_PAIR_H

#include <stddef.h>

#include <ggml-backend.h>

#include "backend/comm_kind.h"

/* Has the servers of two backends connect to each other. NULL if that is not possible, and a line says so unless they
 * are no pair at all. Blocks for seconds where a server cannot reach the other one; a server that does not answer at
 * all loses its connection. */
struct gw_comm *gw_pair_new(ggml_backend_t *backends, size_t n);

#endif
