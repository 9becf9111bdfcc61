/* Brings a queue pair up, for programs that use verbs without ggwire's code. */
#ifndef GW_BENCH_QUEUE_PAIR_H
#define GW_BENCH_QUEUE_PAIR_H

#include <infiniband/verbs.h>

/* Moves a reliable connection to INIT, RTR and RTS with these attributes, whose qp_state it sets. Calls between, which
 * posts receives, after INIT. Returns NULL, or the name of the state that cannot be reached, with errno. */
const char *queue_pair_up(struct ibv_qp *qp, struct ibv_qp_attr *init, struct ibv_qp_attr *rtr, struct ibv_qp_attr *rts,
	void (*between)(void *user), void *user);

#endif
