/* A fake server in a thread, at the other end of an in-memory connection. It records the requests and replies by
 * rules. */
#ifndef GW_TESTS_BACKEND_FAKE_H
#define GW_TESTS_BACKEND_FAKE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/remote.h"
#include "ggml/layout.h"
#include "wire/dialect.h"
#include "wire/message.h"

#define FAKE_BASE(handle) ((uint64_t)(handle) << 32)
#define FAKE_BYTE 0xAB
#define FAKE_NEVER UINT64_MAX

struct fake_request {
	struct fake_request *next;
	unsigned cmd;
	size_t size;
	uint8_t body[];
};

struct fake {
	/* The rules. Set them before use, or while no request is pending. */
	struct gw_version version;
	uint8_t extensions;
	uint32_t n_devices;
	uint32_t server_flags; /* GW_EXT_SERVER_* */
	uint32_t device_flags; /* GW_EXT_DEVICE_* */
	uint64_t alignment;
	uint64_t alloc_limit; /* larger allocations fail */
	uint64_t alloc_short; /* a buffer is smaller than requested by this many bytes */
	uint64_t alloc_extra; /* added to the reply to GET_ALLOC_SIZE */
	struct gw_wire_memory_rsp memory;
	bool supports; /* the reply to EXT_SUPPORTS_OP */
	bool has_hash; /* the reply to requests by hash */
	bool bad_base; /* BUFFER_GET_BASE returns an unaligned address */
	bool refuse;   /* connecting fails */
	bool joins;    /* the reply to COMM_INIT */

	/* Consulted before the rules, if set. Returns whether it has the body of a reply to r, which must stay
	 * valid. */
	bool (*script)(void *user, const struct fake_request *r, const void **body, size_t *size);
	void *script_user;
	_Atomic uint64_t die_at; /* the connection ends at this request, counted from 0 after HELLO; or FAKE_NEVER */

	/* What happened so far. */
	_Atomic uint64_t sends; /* calls of the client's transport */
	_Atomic uint64_t recvs;
	_Atomic uint64_t connections;
	pthread_mutex_t lock; /* protects the list */
	struct fake_request *first;
	struct fake_request **last;
	uint64_t count;

	uint64_t next_handle;
	pthread_t threads[64];
};

/* Sets up a fake that speaks 8.0.0 like a stock server with one device. */
void fake_init(struct fake *f);
void fake_free(struct fake *f);

/* A gw_dial; user is the fake. */
enum gw_status fake_dial(void *user, const char *endpoint, struct gw_client **out, struct gw_error *err);

/* The number of requests of one kind, or of all kinds (FAKE_ANY). Exact only after a request that was answered. */
#define FAKE_ANY UINT32_MAX
size_t fake_count(struct fake *f, unsigned cmd);

/* The index-th request of a kind, or NULL. */
const struct fake_request *fake_request(struct fake *f, unsigned cmd, size_t index);

/* Forgets the requests. */
void fake_forget(struct fake *f);

/* Device 0 of the fake, registered under a unique endpoint name. */
ggml_backend_dev_t fake_device(struct fake *f);

#endif
