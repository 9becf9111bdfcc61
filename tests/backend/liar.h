/* A server that answers every request, and lies where the test wants it to. It lives in the client's transport, so it
 * needs no thread, and nothing ever blocks: where a reply is missing, the connection ends. */
#ifndef GW_TESTS_BACKEND_LIAR_H
#define GW_TESTS_BACKEND_LIAR_H

#include <stdint.h>

#include "backend/remote.h"
#include "wire/dialect.h"

/* The numbers that a server reports. */
enum liar_number {
	LIAR_DEVICES,      /* number of devices */
	LIAR_LEVEL,        /* extension level */
	LIAR_SERVER_FLAGS, /* GW_EXT_SERVER_ */
	LIAR_DEVICE_FLAGS, /* GW_EXT_DEVICE_ */
	LIAR_TEXT,         /* which text is the device's description */
	LIAR_ALIGNMENT,
	LIAR_MAX_SIZE,
	LIAR_HANDLE,
	LIAR_BUFFER_SIZE, /* reported size of an allocation */
	LIAR_BASE,
	LIAR_NODE_SIZE, /* GET_ALLOC_SIZE */
	LIAR_SUPPORTS,
	LIAR_FREE, /* memory of a device */
	LIAR_TOTAL,
	LIAR_HAS,        /* a payload, by its hash */
	LIAR_COPIES,     /* COPY_TENSOR */
	LIAR_REPLY_SIZE, /* size of any reply's body */
	LIAR_ALIVE,      /* number of keep-alives before a reply */
	LIAR_LEAVES,     /* if not 0, the connection ends here */
	LIAR_NUMBERS
};

struct liar {
	struct gw_version version;
	uint8_t extensions;

	/* Returns the number to report instead of the honest one. */
	uint64_t (*say)(void *user, enum liar_number what, uint64_t honest);
	void *user;
	uint64_t handles; /* handles allocated so far */
};

/* A gw_dial; user is the liar, which must outlive the connection. */
enum gw_status liar_dial(void *user, const char *endpoint, struct gw_client **out, struct gw_error *err);

#endif
