/* A TCP connection between two threads, as a reference for other measurements. All functions end the program if a call
 * fails. */
#ifndef GW_BENCH_TCP_H
#define GW_BENCH_TCP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes both ends of a connection with TCP_NODELAY: fds[0] is connected to `to` (NULL: to the other end's listener),
 * fds[1] is accepted at `at` (NULL: any port of the loopback interface). The caller closes both. */
void tcp_pair(const struct sockaddr_in *at, const struct sockaddr_in *to, int fds[2]);

/* Returns false if the peer is gone. */
bool tcp_send(int fd, const uint8_t *bytes, size_t n);
bool tcp_recv(int fd, uint8_t *bytes, size_t n);

/* The median round-trip time, in microseconds, of a message of n bytes (at most 4096) in that many rounds. Closes both
 * ends. apart: runs the two threads on different processors, like servers that compute at the same time; returns 0 if
 * there is only one processor. */
double tcp_round_trip_us(int fds[2], size_t n, size_t rounds, bool apart);

/* The rate in gigabytes per second per direction while `total` bytes travel both ways at once, from and into 256 KiB.
 * Closes both ends. */
double tcp_both_rate(int fds[2], size_t total);

#endif
