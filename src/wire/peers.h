/* Messages for servers that are connected to each other: what a client asks of them, and what they send each other.
 * docs/protocol.md, "Links between servers". */
#ifndef GW_WIRE_PEERS_H
#define GW_WIRE_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_PEERS_RANKS_MAX 16 /* of one all-reduce; also the most servers of a group */
#define GW_PEERS_LINKS_MAX 64 /* numbers of a server's links for one client */
#define GW_PEERS_SECRET 32    /* bytes */
#define GW_PEERS_HOST 64      /* bytes of a host's name, padded with zeros; the last one is zero */

/* EXT_LINK: a step towards a connection to another server. Reply: one byte, 0 for no. */
enum gw_peers_step {
	GW_PEERS_EXPECT = 1,  /* the other server will present secret here within GW_PEERS_EXPECT_MS */
	GW_PEERS_OPEN = 2,    /* connect to host:port, and present secret */
	GW_PEERS_ACCEPT = 3,  /* who has presented secret is linked, and gets the proof */
	GW_PEERS_CONFIRM = 4, /* the server that was connected to is linked, if it has the proof */
};
#define GW_PEERS_EXPECT_MS 30000

/* In the field of the step, with GW_EXT_SERVER_TLS_LINKS only: the link can switch to RDMA, which is not encrypted. */
#define GW_PEERS_PLAIN_RDMA 0x100

struct gw_peers_link_req {
	uint32_t link; /* below GW_PEERS_LINKS_MAX; the client's number for it */
	uint32_t step;
	bool plain_rdma;
	uint32_t port;
	uint8_t secret[GW_PEERS_SECRET];
	uint8_t proof[GW_PEERS_SECRET];
	char host[GW_PEERS_HOST];
};
#define GW_PEERS_LINK_REQ (12 + 2 * GW_PEERS_SECRET + GW_PEERS_HOST)

/* EXT_GROUP: the servers that add up together, in the order in which they do. No reply. */
struct gw_peers_group_req {
	uint32_t group;                     /* below GW_PEERS_GROUPS_MAX; replaces an earlier one of this number */
	uint32_t size;                      /* servers; 0: the group is forgotten */
	uint32_t self;                      /* which of them this one is */
	uint32_t links[GW_PEERS_RANKS_MAX]; /* to the others; 0 for itself and from size on */
};
#define GW_PEERS_GROUPS_MAX 64
#define GW_PEERS_GROUP_REQ (12 + 4 * GW_PEERS_RANKS_MAX)

/* EXT_ALLREDUCE: each of the group's servers adds up its own tensors, and then all of the servers' sums. Every tensor
 * holds the same bits afterwards. No reply. */
enum gw_peers_format {
	GW_PEERS_F32 = 0,
	GW_PEERS_BF16 = 1, /* every server's sum is rounded to BF16 before it is added, its own included */
};

struct gw_peers_operand {
	uint64_t buffer;
	uint64_t data;     /* address of the first of its elements, which are contiguous F32 */
	uint32_t computed; /* 0: it counts as zeros; otherwise 1 */
};

struct gw_peers_reduce_req {
	uint32_t group;
	uint32_t format;
	uint32_t steps; /* 1: everybody sends everything to everybody; 2: reduce-scatter, all-gather */
	uint32_t n;     /* tensors on this server, at least 1 */
	uint64_t elements;
	struct gw_peers_operand operands[GW_PEERS_RANKS_MAX];
};
#define GW_PEERS_REDUCE_FIXED 24
#define GW_PEERS_OPERAND 20
#define GW_PEERS_REDUCE_MAX (GW_PEERS_REDUCE_FIXED + GW_PEERS_RANKS_MAX * GW_PEERS_OPERAND)

/* With more than two servers, one step is for small tensors only: each server holds what all others send. */
#define GW_PEERS_ONE_STEP_MAX ((uint64_t)4 << 20) /* bytes of F32 */

/* EXT_SEND, EXT_RECEIVE: bytes of a buffer go over a link, to those of another server's that it is told to receive
 * there. No reply. */
struct gw_peers_copy_req {
	uint32_t link;
	uint64_t buffer;
	uint64_t data; /* address of the first byte */
	uint64_t size; /* bytes */
};
#define GW_PEERS_COPY_REQ 28

/* The encoders write at most the sizes above, and return how much. The decoders are true only for messages that keep
 * all bounds. */
size_t gw_peers_link_req_encode(const struct gw_peers_link_req *m, uint8_t *out);
bool gw_peers_link_req_decode(const void *body, size_t size, struct gw_peers_link_req *m);
size_t gw_peers_group_req_encode(const struct gw_peers_group_req *m, uint8_t *out);
bool gw_peers_group_req_decode(const void *body, size_t size, struct gw_peers_group_req *m);
size_t gw_peers_reduce_req_encode(const struct gw_peers_reduce_req *m, uint8_t *out);
bool gw_peers_reduce_req_decode(const void *body, size_t size, struct gw_peers_reduce_req *m);
size_t gw_peers_copy_req_encode(const struct gw_peers_copy_req *m, uint8_t *out);
bool gw_peers_copy_req_decode(const void *body, size_t size, struct gw_peers_copy_req *m);

/* Between servers. The one that connects sends GW_PEERS_FIRST bytes: a magic number whose first byte neither HELLO nor
 * TLS begins with, and the secret. The other one answers with the proof. */
#define GW_PEERS_FIRST_BYTE 0x4c
#define GW_PEERS_FIRST (8 + GW_PEERS_SECRET)

void gw_peers_first_encode(const uint8_t secret[GW_PEERS_SECRET], uint8_t out[GW_PEERS_FIRST]);

/* The secret in a first message, or NULL if it is none. */
const uint8_t *gw_peers_first_decode(const uint8_t in[GW_PEERS_FIRST]);

/* Whether two secrets are the same, in a time that does not depend on where they differ. */
bool gw_peers_is_same(const uint8_t a[GW_PEERS_SECRET], const uint8_t b[GW_PEERS_SECRET]);

/* After that, each message has a header, which the receiver knows in advance: servers that are not at the same point
 * notice it. */
enum gw_peers_kind {
	GW_PEERS_ALL = 1,     /* all elements of a one-step all-reduce */
	GW_PEERS_SCATTER = 2, /* the receiver's part of them */
	GW_PEERS_GATHER = 3,  /* the sums of the sender's part */
	GW_PEERS_COPY = 4,    /* a tensor's bytes */
};

struct gw_peers_header {
	uint32_t kind;
	uint32_t number; /* of the message in this direction, from 0, modulo 2^32 */
	uint64_t size;   /* bytes that follow */
};
#define GW_PEERS_HEADER 16

void gw_peers_header_encode(const struct gw_peers_header *m, uint8_t out[GW_PEERS_HEADER]);

#endif
