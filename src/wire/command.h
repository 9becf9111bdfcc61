/* The commands of the protocol. Source: docs/protocol.md, "Commands". */
#ifndef GW_WIRE_COMMAND_H
#define GW_WIRE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

enum gw_cmd {
	GW_CMD_ALLOC_BUFFER = 0,
	GW_CMD_GET_ALIGNMENT = 1,
	GW_CMD_GET_MAX_SIZE = 2,
	GW_CMD_BUFFER_GET_BASE = 3,
	GW_CMD_FREE_BUFFER = 4,
	GW_CMD_BUFFER_CLEAR = 5,
	GW_CMD_SET_TENSOR = 6,
	GW_CMD_SET_TENSOR_HASH = 7,
	GW_CMD_GET_TENSOR = 8,
	GW_CMD_COPY_TENSOR = 9,
	GW_CMD_GRAPH_COMPUTE = 10,
	GW_CMD_GET_DEVICE_MEMORY = 11,
	GW_CMD_INIT_TENSOR = 12,
	GW_CMD_GET_ALLOC_SIZE = 13,
	GW_CMD_HELLO = 14,
	GW_CMD_DEVICE_COUNT = 15,
	GW_CMD_GRAPH_RECOMPUTE = 16,
	GW_CMD_MEMSET_TENSOR = 17,
	GW_CMD_SET_TENSOR_2D = 18,
	GW_CMD_GET_TENSOR_2D = 19,
	GW_CMD_COMM_INIT = 20,
	GW_CMD_COMM_ALLREDUCE = 21,
	GW_CMD_COMM_FREE = 22,
	GW_CMD_STOCK_COUNT = 23, /* ids from here to GW_CMD_EXT_FIRST do not exist (23 is never sent) */

	/* Between ggwire peers only: see wire/extension.h. */
	GW_CMD_EXT_FIRST = 0xE0,
	GW_CMD_EXT_INFO = 0xE0,
	GW_CMD_EXT_SUPPORTS_OP = 0xE1,
	GW_CMD_EXT_RDMA = 0xE2,
	GW_CMD_EXT_SET_TENSOR_XXH3 = 0xE3,
	GW_CMD_EXT_ALLOC = 0xE4,
	GW_CMD_EXT_STATUS = 0xE5,
	GW_CMD_EXT_STREAM = 0xE6,
	GW_CMD_EXT_ALIVE = 0xE7,
	GW_CMD_EXT_LINK = 0xE8, /* this and the following: wire/peers.h */
	GW_CMD_EXT_GROUP = 0xE9,
	GW_CMD_EXT_ALLREDUCE = 0xEA,
	GW_CMD_EXT_SEND = 0xEB,
	GW_CMD_EXT_RECEIVE = 0xEC,
	GW_CMD_EXT_END = 0xED,
};

/* For logs: "SET_TENSOR"; "unknown" for an id without a command. Static storage. */
const char *gw_cmd_name(unsigned cmd);

/* Every request and reply starts with its size as u64; a request has the command's byte before it. */
#define GW_REQUEST_HEADER 9
#define GW_REPLY_HEADER 8

/* In the place of a reply's size: no reply yet, but its computation goes on. Only for whom EXT_ALIVE has asked. */
#define GW_REPLY_ALIVE UINT64_MAX

/* A reply has no field that says what it answers and no status: a peer that dislikes a request closes. */

#endif
