/* rpc_tensor: how a tensor is described on the wire. Source: docs/protocol.md, "rpc_tensor". */
#ifndef GW_WIRE_TENSOR_H
#define GW_WIRE_TENSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/cursor.h"
#include "wire/dialect.h"

#define GW_WIRE_DIMS 4
#define GW_WIRE_SRC 10
#define GW_WIRE_OP_PARAMS 16 /* 32-bit words */
#define GW_WIRE_NAME 64
#define GW_WIRE_TENSOR_SIZE 296

/* Numbers of type and op are the dialect's, not the local ggml's. In this order it has no padding. */
struct gw_wire_tensor {
	uint64_t id;     /* the client's key of this tensor; 0 = no tensor */
	uint64_t buffer; /* the server's handle, or 0 */
	uint32_t type;
	uint32_t ne[GW_WIRE_DIMS];
	uint32_t nb[GW_WIRE_DIMS]; /* bytes */
	uint32_t op;
	int32_t op_params[GW_WIRE_OP_PARAMS];
	int32_t flags;
	int32_t use_count;         /* 0 in dialects without it */
	uint64_t src[GW_WIRE_SRC]; /* ids; 0 = none */
	uint64_t view_src;         /* id; 0 = none */
	uint64_t view_offs;        /* bytes */
	uint64_t data;             /* address in the server's (virtual) address space */
	char name[GW_WIRE_NAME];   /* NUL-terminated after decoding, whatever the peer sent */
};

/* Writes exactly GW_WIRE_TENSOR_SIZE bytes. */
void gw_wire_tensor_encode(
	const struct gw_dialect *d, const struct gw_wire_tensor *t, uint8_t out[GW_WIRE_TENSOR_SIZE]);

/* Reads exactly GW_WIRE_TENSOR_SIZE bytes. Cannot fail: every bit pattern is a description, judged elsewhere. */
void gw_wire_tensor_decode(const struct gw_dialect *d, const uint8_t in[GW_WIRE_TENSOR_SIZE], struct gw_wire_tensor *t);

/* Two parts of it alone: the id, and the ids that it refers to, those of the sources and then that of what it views. */
uint64_t gw_wire_tensor_id(const uint8_t in[GW_WIRE_TENSOR_SIZE]);
void gw_wire_tensor_links(const uint8_t in[GW_WIRE_TENSOR_SIZE], uint64_t ids[GW_WIRE_SRC + 1]);

#endif
