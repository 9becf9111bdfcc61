/* The network of the simulated cluster: each machine has one full-duplex link to a lossless switch. Pure arithmetic;
 * times are nanoseconds of the monotonic clock. */
#ifndef GW_BENCH_CLUSTER_PACE_H
#define GW_BENCH_CLUSTER_PACE_H

#include <stddef.h>
#include <stdint.h>

struct pace {
	int64_t latency; /* one way, from machine to machine */
	double rate;     /* of every link and direction, in bytes per second */
};

/* A machine's link: until when each direction is busy. All zero: idle. */
struct link {
	int64_t out_until, in_until;
};

/* Sends n bytes, available from `since` on, after everything that occupies the links. Returns when the last byte
 * reaches the receiver, and sets *out to when it leaves the sender. Without other traffic, bytes take latency + n /
 * rate. */
int64_t pace_send(const struct pace *pace, struct link *from, struct link *to, int64_t since, size_t n, int64_t *out);

#endif
