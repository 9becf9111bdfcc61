/* A session's links to other servers, and the groups that they form. One thread. */
#ifndef GW_DEVICE_PEERS_PEERS_H
#define GW_DEVICE_PEERS_PEERS_H

#include "device/peers/group.h"
#include "wire/peers.h"

struct gw_peers;

/* NULL: no memory. */
struct gw_peers *gw_peers_new(void);

/* Closes all links. NULL is fine. */
void gw_peers_free(struct gw_peers *p);

/* Link number n will come of ticket, a descriptor, which is p's from now on; what had that number before is gone. */
void gw_peers_expect(struct gw_peers *p, uint32_t n, int ticket);

/* The ticket of link n, the caller's from now on; -1: there is none. */
int gw_peers_take_ticket(struct gw_peers *p, uint32_t n);

/* Link number n is this one, p's from now on. */
void gw_peers_set(struct gw_peers *p, uint32_t n, struct gw_link *link);

/* Link number n, or NULL (and GW_ERR_PROTOCOL). */
struct gw_link *gw_peers_link(const struct gw_peers *p, uint32_t n, struct gw_error *err);

void gw_peers_define(struct gw_peers *p, const struct gw_peers_group_req *group);

/* gw_group_reduce with a group that was defined; GW_ERR_PROTOCOL if it was not, or lacks a link. */
enum gw_status gw_peers_reduce(
	struct gw_peers *p, uint32_t group, const struct gw_group_reduction *r, struct gw_error *err);

/* Bytes of memory that p keeps, and the most that it can have during an all-reduce or a copy of so many bytes. */
uint64_t gw_peers_kept(const struct gw_peers *p);
uint64_t gw_peers_needed(const struct gw_peers *p, uint32_t group, const struct gw_group_reduction *r);
uint64_t gw_peers_copy_needed(const struct gw_peers *p, const struct gw_tensor *t);

/* Send a tensor's bytes over link n, and fill a tensor with what the other server sends. No device may have work under
 * way. Block until the other server takes part. Errors as gw_links_exchange; GW_ERR_PROTOCOL if there is no such link;
 * GW_ERR_NOMEM. */
enum gw_status gw_peers_send(struct gw_peers *p, uint32_t n, struct gw_tensor *t, struct gw_error *err);
enum gw_status gw_peers_receive(struct gw_peers *p, uint32_t n, struct gw_tensor *t, struct gw_error *err);

#endif
