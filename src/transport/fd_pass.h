/* Messages that carry a descriptor, over a SOCK_SEQPACKET pair. Any thread; one message is one call. */
#ifndef GW_TRANSPORT_FD_PASS_H
#define GW_TRANSPORT_FD_PASS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* Sends size bytes and fd with them, unless that is -1; it stays the caller's too. Raises no SIGPIPE. GW_ERR_TIMEOUT:
 * wait is false and there is no room. GW_ERR_LOST: the other end is closed. GW_ERR_SYSTEM. errno says why. */
enum gw_status gw_fd_send(int sock, bool wait, const void *bytes, size_t size, int fd);

/* Receives a message of at most max bytes, *size of them. *fd is the descriptor that came with it (close-on-exec, the
 * caller's), or -1; with fd NULL a message that brings one is refused. GW_ERR_TIMEOUT: wait is false and there is no
 * message. GW_ERR_CLOSED: the other end is closed. GW_ERR_PROTOCOL: a longer message, or more than one descriptor; all
 * of them are closed then. GW_ERR_SYSTEM, with errno. */
enum gw_status gw_fd_recv_upto(int sock, bool wait, void *bytes, size_t max, size_t *size, int *fd);

/* The same for a message of exactly size bytes; another size is GW_ERR_PROTOCOL. */
enum gw_status gw_fd_recv(int sock, bool wait, void *bytes, size_t size, int *fd);

#endif
