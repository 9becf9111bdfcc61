/* A connection that a verb makes: bounded in time, and ended by the user at any moment. */
#ifndef GW_CLI_VISIT_H
#define GW_CLI_VISIT_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "rpc/client.h"

/* How a verb wants it. */
struct gw_visit_wish {
	const char *endpoint;
	enum gw_transport_mode mode;
	int timeout_ms;     /* for the connection, for the answer to HELLO, and for each thing asked */
	bool catch_signals; /* SIGINT and SIGTERM end what is under way instead of the process */
};

struct gw_visit {
	struct gw_client *client;
	uint64_t connect_ns; /* from the start until the handshake was through: name, connection, HELLO, RDMA */

	pthread_t watcher;
	sigset_t before; /* the signals that were blocked */
	sigset_t watched;
	int wake[2]; /* readable from the moment the visit was ended */
	uint64_t timeout_ns;
	_Atomic uint64_t busy_since; /* 0: nothing is asked */
	atomic_int ended;            /* enum gw_visit_end */
	atomic_bool closing;
};

enum gw_visit_end {
	GW_VISIT_GOES_ON,
	GW_VISIT_INTERRUPTED, /* by a signal */
	GW_VISIT_TIMED_OUT,
};

/* Connects. The caller ends it with gw_visit_close. Signals that are caught stay blocked until then. */
enum gw_status gw_visit_open(struct gw_visit *v, const struct gw_visit_wish *wish, struct gw_error *err);
void gw_visit_close(struct gw_visit *v);

/* Around whatever may block: what is between begin and end may take the time-out. */
void gw_visit_begin(struct gw_visit *v);
void gw_visit_end(struct gw_visit *v);

bool gw_visit_is_interrupted(const struct gw_visit *v);

/* Sleeps; returns at once when the visit is ended. */
void gw_visit_sleep(struct gw_visit *v, uint64_t ns);

/* What to say of a call that has failed with status. */
enum gw_status gw_visit_explain(const struct gw_visit *v, enum gw_status status, struct gw_error *err);

#endif
