/* Telling a peer that is gone from one that is busy. */
#ifndef GW_TRANSPORT_TCP_LOSS_H
#define GW_TRANSPORT_TCP_LOSS_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/transport.h"

/* Makes the system probe the peer of a TCP socket while no data is in flight. */
void gw_tcp_watch(int fd);

/* Lets receives and sends of any socket return EAGAIN after each quarter of gw_transport_timeout_ms, so that the caller
 * checks the peer. */
void gw_tcp_tick(int fd);

/* Whether to give the peer up: its system has not answered for longer than gw_transport_timeout_ms although it was
 * asked, or it has promised to send something within silence_ms (0: it has not) and was silent for that long. To be
 * called after each tick without progress. */
bool gw_tcp_is_lost(int fd, int silence_ms, struct gw_transport_wait *w);

#endif
