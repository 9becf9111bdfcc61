/* One trust domain's part of a cache, used from another process: requests and replies over a SOCK_SEQPACKET pair, which
 * also carries open files. Both ends are the same executable on one machine, so a message is a struct. The requests
 * come from a worker, which a client may have taken over: the answering end checks each one, and never blocks on the
 * socket. */
#ifndef GW_DEVICE_WEIGHTS_CACHE_WIRE_H
#define GW_DEVICE_WEIGHTS_CACHE_WIRE_H

#include <stdint.h>

#include "base/digest.h"
#include "base/status.h"

struct gw_cache_domain;

/* The worker's end. Each calls the function of device/weights/cache_store.h with that name at the other end, in order.
 * "post" does not wait for it. GW_ERR_LOST and GW_ERR_PROTOCOL: the other end is gone, or must be treated as gone. */
enum gw_status gw_cache_ask_find(int sock, struct gw_sums *sums, int *fd, uint64_t *size);
enum gw_status gw_cache_post_finish(int sock, const struct gw_sums *sums);
enum gw_status gw_cache_post_abandon(int sock);
enum gw_status gw_cache_post_fail(int sock, int errnum);
enum gw_status gw_cache_post_remove(int sock, uint64_t fnv);

/* Begin in two steps, so that the payload can be received meanwhile. Nothing else may be asked between the two. */
enum gw_status gw_cache_post_begin(int sock, uint64_t size);
enum gw_status gw_cache_await_begin(int sock, int *fd);

/* The keeper's end: executes one request and replies. GW_ERR_TIMEOUT: there is no request. GW_ERR_CLOSED: the worker
 * has closed its end. GW_ERR_PROTOCOL, GW_ERR_LOST, GW_ERR_SYSTEM: the worker is not to be answered any more. */
enum gw_status gw_cache_answer(int sock, struct gw_cache_domain *d);

#endif
