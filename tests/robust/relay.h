/* Functions that all relays between a client and a server share. Any failure ends the process. */
#ifndef GW_TESTS_ROBUST_RELAY_H
#define GW_TESTS_ROBUST_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

_Noreturn void relay_die(const char *what);

/* Listens on a free loopback port. */
int relay_listen(uint16_t *port);

/* The same for a program, which prints the port. */
int relay_listen_and_tell(void);

/* Accepts the next client. Here and below TCP_NODELAY is set. */
int relay_accept(int listener);

/* Connects to a port of this machine. */
int relay_connect(int port);

/* Returns false if the other end is gone. */
bool relay_send(int fd, const void *data, size_t size);

/* Starts a detached thread. */
void relay_start(void *(*run)(void *), void *arg);

#endif
