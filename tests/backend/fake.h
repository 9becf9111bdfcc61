/* A server in a thread, at the other end of connections in memory. It keeps what it was asked and answers by rule. */
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
	/* The rules: set before use, or while nothing is under way. */
	struct gw_version version;
	uint8_t extensions;
	uint32_t n_devices;
	uint32_t server_flags; /* GW_EXT_SERVER_* */
	uint32_t device_flags; /* GW_EXT_DEVICE_* */
	uint64_t alignment;
	uint64_t alloc_limit; /* larger buffers are refused */
	uint64_t alloc_short; /* by how many bytes a buffer is smaller than was asked */
	uint64_t alloc_extra; /* what GET_ALLOC_SIZE answers */
	struct gw_wire_memory_rsp memory;
	bool supports; /* what EXT_SUPPORTS_OP answers */
	bool has_hash; /* what questions by a hash are answered */
	bool bad_base; /* BUFFER_GET_BASE answers something that is not aligned */
	bool refuse;   /* connecting fails */
	bool joins;    /* what COMM_INIT is answered */

	/* Asked before the rules, if set: whether it has the body of an answer to r, which must live on. */
	bool (*script)(void *user, const struct fake_request *r, const void **body, size_t *size);
	void *script_user;
	_Atomic uint64_t
		die_at; /* the request, counted from 0 after HELLO, at which the connection is cut; FAKE_NEVER */

	/* What happened. */
	_Atomic uint64_t sends; /* calls of the client's transport */
	_Atomic uint64_t recvs;
	_Atomic uint64_t connections;
	pthread_mutex_t lock; /* of the list */
	struct fake_request *first;
	struct fake_request **last;
	uint64_t count;

	uint64_t next_handle;
	pthread_t threads[64];
};

/* A fake that speaks 8.0.0 as a stock server with one device. */
void fake_init(struct fake *f);
void fake_free(struct fake *f);

/* A gw_dial; user is the fake. */
enum gw_status fake_dial(void *user, const char *endpoint, struct gw_client **out, struct gw_error *err);

/* How many requests of a kind, or of all kinds (FAKE_ANY), have come. To be exact after an answered request only. */
#define FAKE_ANY UINT32_MAX
size_t fake_count(struct fake *f, unsigned cmd);

/* The index-th request of a kind, or NULL. */
const struct fake_request *fake_request(struct fake *f, unsigned cmd, size_t index);

/* Forgets the requests. */
void fake_forget(struct fake *f);

/* Device 0 of the fake, registered under an endpoint name of its own. */
ggml_backend_dev_t fake_device(struct fake *f);

#endif
