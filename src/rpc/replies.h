/* Replies that are on their way. A reply does not say what it answers: the order is all there is. Everything is called
 * with the client's lock held. */
#ifndef GW_RPC_REPLIES_H
#define GW_RPC_REPLIES_H

#include "rpc/client_state.h"

/* Makes sure that a request of size bytes, with a reply or without, can be queued and sent without a deadlock,
 * receiving replies first where it must. */
enum gw_status gw_client_admit(struct gw_client *c, size_t size, bool reply);

/* Notes that a reply will come, after gw_client_admit. Returns its ticket. */
uint64_t gw_client_expect(struct gw_client *c, const struct gw_client_pending *pending);

/* Sends the queue and receives replies until that of ticket has arrived. */
enum gw_status gw_client_receive_until(struct gw_client *c, uint64_t ticket);

/* Takes what the server has sent besides replies, if no reply is awaited. */
enum gw_status gw_client_take_alive(struct gw_client *c, struct gw_error *why);

#endif
