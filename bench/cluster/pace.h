/* The network of the simulated cluster: machines with one full-duplex link each, to a switch that never loses anything.
 * Arithmetic only; times are nanoseconds of the monotonic clock. */
#ifndef GW_BENCH_CLUSTER_PACE_H
#define GW_BENCH_CLUSTER_PACE_H

#include <stddef.h>
#include <stdint.h>

struct pace {
	int64_t latency; /* one way, from machine to machine */
	double rate;     /* of every link and direction, bytes a second */
};

/* A machine's link: until when its directions are taken. All zero: free. */
struct link {
	int64_t out_until, in_until;
};

/* Sends n bytes, there to be sent since `since`, behind whatever the links are busy with. Returns when the last byte
 * has reached the receiver, and sets *out to when it has left the sender. Bytes that meet nobody take latency + n /
 * rate. */
int64_t pace_send(const struct pace *pace, struct link *from, struct link *to, int64_t since, size_t n, int64_t *out);

#endif
