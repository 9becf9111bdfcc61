/* Messages between ggwire peers only. A server that speaks them says so by the third byte after its version in HELLO's
 * reply, which stock servers send as 0 and stock clients ignore. docs/protocol.md, "Extensions". */
#ifndef GW_WIRE_EXTENSION_H
#define GW_WIRE_EXTENSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/ext_text.h"
#include "wire/refusal.h"

/* What HELLO's reply carries. A higher level has everything that a lower one has. */
#define GW_EXT_LEVEL 3
#define GW_EXT_LEVEL_RDMA 2  /* from here on, EXT_RDMA is understood: transport/rdma/message.h */
#define GW_EXT_LEVEL_ALIVE 3 /* from here on, EXT_ALIVE is understood */

/* EXT_INFO: request: u32 level of the client, with GW_EXT_ASKER_TOOL if it is a tool. Reply: variable size, at most
 * GW_EXT_INFO_MAX:
 *   u32 level | u32 flags | str server version | u32 n_devices | per device:
 *   u32 flags | u64 alignment | u64 max_size | str name | str description
 * and, if GW_EXT_SERVER_FULL is set, u32 reason | u32 limit (wire/refusal.h; older servers send neither),
 * where str is u32 length, then bytes without NUL. Readers ignore bytes after those they know. */
#define GW_EXT_INFO_MAX 65536
#define GW_EXT_MAX_DEVICES 256

/* A tool like `ggwire devices`, which only looks at the server: lists of clients leave it out. Older servers ignore it.
 */
#define GW_EXT_ASKER_TOOL (UINT32_C(1) << 31)

enum {
	GW_EXT_SERVER_CACHES = 1 << 0, /* SET_TENSOR_HASH can succeed */
	GW_EXT_SERVER_XXH3 = 1 << 1,   /* EXT_SET_TENSOR_XXH3 is understood, and can succeed */
	GW_EXT_SERVER_ALLOC = 1 << 2,  /* EXT_ALLOC is understood */
	GW_EXT_SERVER_STATUS = 1 << 3, /* EXT_STATUS is understood: wire/ext_status.h */
	GW_EXT_SERVER_STREAM = 1 << 5, /* EXT_STREAM is understood */
	GW_EXT_SERVER_LINKS = 1 << 6,  /* EXT_LINK and what is done over links: wire/peers.h */
	GW_EXT_SERVER_FULL = 1 << 7,   /* this connection accepts only queries: its client has no slot */

	/* Instead of GW_EXT_SERVER_LINKS where the client uses TLS: the same, and links are encrypted. */
	GW_EXT_SERVER_TLS_LINKS = 1 << 8,
};

enum {
	GW_EXT_DEVICE_PLAIN_ALLOC = 1 << 0, /* the allocation size of every tensor is ggml_nbytes */
	GW_EXT_DEVICE_NO_INIT = 1 << 1,     /* INIT_TENSOR does nothing on it */
	GW_EXT_DEVICE_HOST_MEMORY = 1 << 2, /* its buffers are host memory of the server */
	GW_EXT_DEVICE_SHAPES = 1 << 3,      /* EXT_SUPPORTS_OP depends on shapes only: docs/protocol.md */
};

struct gw_ext_device {
	uint32_t flags;
	uint64_t alignment;
	uint64_t max_size;
	char name[GW_EXT_TEXT];
	char description[GW_EXT_TEXT];
};

struct gw_ext_info {
	uint32_t level;
	uint32_t flags;
	char version[GW_EXT_TEXT];
	uint32_t n_devices;
	struct gw_ext_device *devices; /* owned: gw_ext_info_free */
	struct gw_ext_refusal refusal; /* with GW_EXT_SERVER_FULL */
};

/* Appends the reply's body. GW_ERR_LIMIT beyond GW_EXT_INFO_MAX or GW_EXT_MAX_DEVICES. */
enum gw_status gw_ext_info_encode(const struct gw_ext_info *info, struct gw_buf *out);

/* Fills *info on GW_OK only. GW_ERR_PROTOCOL if the body is cut or beyond the bounds. */
enum gw_status gw_ext_info_decode(const void *body, size_t size, struct gw_ext_info *info);
void gw_ext_info_free(struct gw_ext_info *info);

/* EXT_SET_TENSOR_XXH3: wire/message.h. Servers know tensors of at least this many bytes by that hash. */
#define GW_EXT_XXH3_MIN ((uint64_t)1 << 20)

/* EXT_SUPPORTS_OP: request as GET_ALLOC_SIZE with all buffers and addresses 0; reply one byte. */

/* EXT_ALLOC: request as ALLOC_BUFFER; reply u64 buffer (0: none could be had) | u64 size | u64 base. */
#define GW_EXT_ALLOC_RSP 24

struct gw_ext_alloc_rsp {
	uint64_t buffer;
	uint64_t size;
	uint64_t base;
};

void gw_ext_alloc_rsp_encode(const struct gw_ext_alloc_rsp *m, uint8_t out[GW_EXT_ALLOC_RSP]);
void gw_ext_alloc_rsp_decode(const uint8_t in[GW_EXT_ALLOC_RSP], struct gw_ext_alloc_rsp *m);

/* EXT_STREAM: request u64 n, then any bytes up to GW_EXT_STREAM_MAX, which the server reads and forgets; reply n bytes,
 * at most GW_EXT_STREAM_MAX, that mean nothing. What bytes cost on the connection alone. */
#define GW_EXT_STREAM_FIXED 8
#define GW_EXT_STREAM_MAX ((uint64_t)16 << 20)

/* EXT_ALIVE: request u32 milliseconds, within the bounds. Not answered. From then on, while requests keep the server
 * from saying anything else, it says GW_REPLY_ALIVE so often. */
#define GW_EXT_ALIVE_REQ 4
#define GW_EXT_ALIVE_MIN_MS 100
#define GW_EXT_ALIVE_MAX_MS 86400000

void gw_ext_alive_encode(uint32_t ms, uint8_t out[GW_EXT_ALIVE_REQ]);

/* Whether the body is one; ms is only then set. */
bool gw_ext_alive_decode(const void *body, size_t size, uint32_t *ms);

#endif
