/* What relays between a client and a server have in common. What cannot be done ends the process. */
#ifndef GW_TESTS_ROBUST_RELAY_H
#define GW_TESTS_ROBUST_RELAY_H

#include <stdbool.h>
#include <stddef.h>

_Noreturn void relay_die(const char *what);

/* Listens on a loopback port that nobody has, and prints it. */
int relay_listen(void);

/* The next client. Small pieces are sent at once, here and below. */
int relay_accept(int listener);

/* Connects to a port of this machine. */
int relay_connect(int port);

/* False if the other end is gone. */
bool relay_send(int fd, const void *data, size_t size);

/* Starts a thread that nobody waits for. */
void relay_start(void *(*run)(void *), void *arg);

#endif
