/* A connection of the protocol 8.0.0 over the stand-in for stock's RDMA transport: what client and server share. */
#ifndef GW_BENCH_STOCK_PEER_H
#define GW_BENCH_STOCK_PEER_H

#include <stddef.h>
#include <stdint.h>

#include "stock_rdma.h"

enum {
	PIECE_MAX = 9 << 20, /* no body or reply is larger */
	TENSOR = 296,        /* bytes of a tensor's description, with these offsets in it */
	TENSOR_BUFFER = 12,
	TENSOR_NE = 20,
	TENSOR_NB = 36,
	TENSOR_OP = 52,
	TENSOR_FLAGS = 120,
	TENSOR_SRC = 124,
	TENSOR_DATA = 220,
	SET_HEADER = 305, /* before the data of SET_TENSOR: a tensor, a byte, and at 297 the offset */
	SET_OFFSET = 297,
	GET_BODY = 312,   /* a tensor, then offset and size */
	GRAPH_NODES = 16, /* offset of the nodes' ids, which the number of tensors and the tensors follow */
	HELLO_REPLY = 28,
	HELLO_CAPS = 4,
};

/* The socket only tells when the peer has gone. */
struct stock_peer {
	int fd;
	struct stock *rdma;
};

/* The numbers of a little-endian machine, as the emulated one is. */
uint64_t get64(const uint8_t *from);
uint32_t get32(const uint8_t *from);
void put64(uint8_t *to, uint64_t value);
void put32(uint8_t *to, uint32_t value);

/* Measures reads and computations of a server, and prints what bench-rdma prints; connect_ms is the time of three
 * connections and the first computation. */
void stock_client(const char *host, int port, uint8_t gid_index, int rounds);

/* Serves one client after another, without end. Computes with ggml's CPU backend of that plug-in. */
_Noreturn void stock_server(const char *host, uint8_t gid_index, const char *cpu_plugin);

#endif
