/* Telling a peer that is gone from one that is busy. */
#ifndef GW_TRANSPORT_TCP_ALIVE_H
#define GW_TRANSPORT_TCP_ALIVE_H

#include <stdbool.h>

/* Makes the system probe the peer of a TCP socket while no data is in flight. */
void gw_tcp_watch(int fd);

/* Lets receives and sends of any socket return EAGAIN after each quarter of gw_transport_timeout_ms, so that the caller
 * checks the peer. */
void gw_tcp_tick(int fd);

/* Whether the system at the other end has not answered for longer than gw_transport_timeout_ms although it was asked.
 */
bool gw_tcp_is_silent(int fd);

#endif
