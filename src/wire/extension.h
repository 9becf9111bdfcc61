/* Messages between ggwire peers only. A server that speaks them says so by the third byte after its version in HELLO's
 * reply, which stock servers send as 0 and stock clients ignore. docs/protocol.md, "Extensions". */
#ifndef GW_WIRE_EXTENSION_H
#define GW_WIRE_EXTENSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* What HELLO's reply carries. A higher level has everything that a lower one has. */
#define GW_EXT_LEVEL 1

/* EXT_INFO: request: u32 level of the client. Reply: variable size, at most GW_EXT_INFO_MAX:
 *   u32 level | u32 flags | str server version | u32 n_devices | per device:
 *   u32 flags | u64 alignment | u64 max_size | str name | str description
 * where str is u32 length, then bytes without NUL. Readers ignore bytes behind what they know. */
#define GW_EXT_INFO_MAX 65536
#define GW_EXT_MAX_DEVICES 256

enum {
	GW_EXT_SERVER_CACHES = 1 << 0, /* SET_TENSOR_HASH can succeed */
};

enum {
	GW_EXT_DEVICE_PLAIN_ALLOC = 1 << 0, /* the allocation size of every tensor is ggml_nbytes */
	GW_EXT_DEVICE_NO_INIT = 1 << 1,     /* INIT_TENSOR does nothing on it */
	GW_EXT_DEVICE_HOST_MEMORY = 1 << 2, /* its buffers are host memory of the server */
};

#define GW_EXT_TEXT 128 /* longer strings are cut when decoded */

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
};

/* Appends the reply's body. GW_ERR_LIMIT beyond GW_EXT_INFO_MAX or GW_EXT_MAX_DEVICES. */
enum gw_status gw_ext_info_encode(const struct gw_ext_info *info, struct gw_buf *out);

/* Fills *info on GW_OK only. GW_ERR_PROTOCOL if the body is cut or beyond the bounds. */
enum gw_status gw_ext_info_decode(const void *body, size_t size, struct gw_ext_info *info);
void gw_ext_info_free(struct gw_ext_info *info);

/* EXT_SUPPORTS_OP: request as GET_ALLOC_SIZE with all buffers and addresses 0; reply one byte. */

#endif
