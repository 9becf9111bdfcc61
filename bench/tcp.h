/* A TCP connection between two threads, as a limit for what is measured beside it. All functions end the program if a
 * call fails. */
#ifndef GW_BENCH_TCP_H
#define GW_BENCH_TCP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both ends of a connection without delayed sends: fds[0] connected to `to` (NULL: where the other end listens), fds[1]
 * accepted at `at` (NULL: any port of the loopback interface). The caller closes both. */
void tcp_pair(const struct sockaddr_in *at, const struct sockaddr_in *to, int fds[2]);

/* False if the peer is gone. */
bool tcp_send(int fd, const uint8_t *bytes, size_t n);
bool tcp_recv(int fd, uint8_t *bytes, size_t n);

/* The median time of a message of n bytes (at most 4096) there and back, in microseconds, of so many rounds. Closes
 * both. apart: with the two threads on different processors, as those of servers that compute at once are; 0 where
 * there is only one. */
double tcp_round_trip_us(int fds[2], size_t n, size_t rounds, bool apart);

/* Gigabytes a second in each direction while `total` bytes go in both at once, from and into 256 KiB. Closes both. */
double tcp_both_rate(int fds[2], size_t total);

#endif
