/* A server that answers every request, and lies where it is told to. It lives in the transport of the client's end, so
 * there is no thread and nothing to wait for: where an answer is missing, the connection ends. */
#ifndef GW_TESTS_BACKEND_LIAR_H
#define GW_TESTS_BACKEND_LIAR_H

#include <stdint.h>

#include "backend/remote.h"
#include "wire/dialect.h"

/* The numbers that a server says. */
enum liar_number {
	LIAR_DEVICES,      /* how many there are */
	LIAR_LEVEL,        /* of the extensions */
	LIAR_SERVER_FLAGS, /* GW_EXT_SERVER_ */
	LIAR_DEVICE_FLAGS, /* GW_EXT_DEVICE_ */
	LIAR_TEXT,         /* which of the texts is a device's description */
	LIAR_ALIGNMENT,
	LIAR_MAX_SIZE,
	LIAR_HANDLE,
	LIAR_BUFFER_SIZE, /* the size that an allocation is said to have */
	LIAR_BASE,
	LIAR_NODE_SIZE, /* GET_ALLOC_SIZE */
	LIAR_SUPPORTS,
	LIAR_FREE, /* memory of a device */
	LIAR_TOTAL,
	LIAR_HAS,        /* a payload, by its hash */
	LIAR_COPIES,     /* COPY_TENSOR */
	LIAR_REPLY_SIZE, /* of any reply's body */
	LIAR_ALIVE,      /* how often it says that it lives before a reply */
	LIAR_LEAVES,     /* not 0: the connection ends here */
	LIAR_NUMBERS
};

struct liar {
	struct gw_version version;
	uint8_t extensions;

	/* What to say where an honest server would say honest. */
	uint64_t (*say)(void *user, enum liar_number what, uint64_t honest);
	void *user;
	uint64_t handles; /* given out */
};

/* A gw_dial; user is the liar, which must outlive the connection. */
enum gw_status liar_dial(void *user, const char *endpoint, struct gw_client **out, struct gw_error *err);

#endif
