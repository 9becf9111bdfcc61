/* Telling a peer that is gone from one that is busy. */
#ifndef GW_TRANSPORT_TCP_ALIVE_H
#define GW_TRANSPORT_TCP_ALIVE_H

#include <stdbool.h>

/* Makes the system probe the peer of a TCP socket while nothing is on its way. */
void gw_tcp_watch(int fd);

/* Lets receives and sends of any socket return EAGAIN after each quarter of gw_tcp_timeout_ms, so that the caller looks
 * at the peer. */
void gw_tcp_tick(int fd);

/* Whether the system at the other end has answered nothing, for longer than gw_tcp_timeout_ms, although it was asked.
 */
bool gw_tcp_is_silent(int fd);

#endif
