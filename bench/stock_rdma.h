/* A stand-in for stock's RDMA transport, which no package contains: verbs only, none of ggwire's code. It follows
 * docs/protocol.md, "RDMA": one SEND at a time, each awaited, and a thread that polls without end. All
 * functions end the program if a call fails. */
#ifndef GW_BENCH_STOCK_RDMA_H
#define GW_BENCH_STOCK_RDMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STOCK_CAPS = 24
};

struct stock;

/* Opens the first device and makes a queue pair on its port 1. The address to announce is written to caps. */
struct stock *stock_new(uint8_t gid_index, uint8_t caps[STOCK_CAPS]);

/* Brings the queue pair up towards the peer that announced caps. */
void stock_start(struct stock *s, const uint8_t caps[STOCK_CAPS]);

/* Sends n bytes as one SEND, or several of at most 256 KiB. */
void stock_send(struct stock *s, const void *bytes, size_t n);

/* Receives n bytes. Returns false if the peer has closed the connection, whose socket is fd. */
bool stock_recv(struct stock *s, int fd, void *bytes, size_t n);

void stock_free(struct stock *s);

#endif
