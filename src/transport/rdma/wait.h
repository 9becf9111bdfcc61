/* Waiting: spinning for a short while, then asleep on the device and on the TCP socket, whose end is the peer's end.
 * Everything is called with the lock held, which is released while waiting. */
#ifndef GW_TRANSPORT_RDMA_WAIT_H
#define GW_TRANSPORT_RDMA_WAIT_H

#include "transport/rdma/state.h"

/* Waits until something may have changed. GW_ERR_TIMEOUT: the deadline has passed; 0 checks and does not wait. */
enum gw_status gw_rdma_wait(struct gw_rdma *r, uint64_t deadline);

/* The same without limit, but GW_ERR_TIMEOUT if nothing changes for the connection's silence_ms. */
enum gw_status gw_rdma_wait_for_peer(struct gw_rdma *r, struct gw_error *err);

/* Before the connection has started: waits without limit until the peer sends something, over RDMA or over TCP (which
 * includes its end). An error if RDMA has failed and nothing is there on TCP: the peer may have switched, and would
 * wait for ever. */
enum gw_status gw_rdma_await_first(struct gw_rdma *r, int tcp_fd, bool *over_rdma, struct gw_error *err);

/* How long GGML_RPC_SPIN_US says to spin. */
uint64_t gw_rdma_spin_ns(void);

#endif
