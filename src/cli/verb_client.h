/* A verb's connection to a server: every call on it is limited in time, and the user can end it at any moment. */
#ifndef GW_CLI_VERB_CLIENT_H
#define GW_CLI_VERB_CLIENT_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "rpc/client.h"

struct gw_verb_target {
	const char *endpoint;
	enum gw_transport_mode mode;
	double timeout_s;   /* for the connection, for the answer to HELLO, and for every call */
	bool json;          /* gw_verb_open reports a failure on standard output, too */
	bool catch_signals; /* SIGINT and SIGTERM end the connection instead of the process */
};

struct gw_verb_client {
	struct gw_client *client;
	uint64_t connect_ns; /* until the handshake was complete: name, connection, HELLO, upgrade */

	pthread_t watcher;
	sigset_t before; /* the signals that were blocked */
	sigset_t watched;
	int wake[2]; /* readable once a signal has come */
	double timeout_s;
	atomic_bool interrupted; /* by a signal */
	atomic_bool closing;
};

/* Connects. Signals that are caught stay blocked until gw_verb_disconnect. GW_ERR_INVALID: the endpoint, or the
 * environment. */
enum gw_status gw_verb_connect(struct gw_verb_client *v, const struct gw_verb_target *target, struct gw_error *err);

/* For a verb that does nothing without its connection: connects, with the log hushed. GW_VERB_GOES_ON, or an exit
 * status after a complaint. */
int gw_verb_open(const char *program, const struct gw_verb_target *target, struct gw_verb_client *v);

/* Ends the connection. */
void gw_verb_disconnect(struct gw_verb_client *v);

/* Whether a signal has ended the connection. */
bool gw_verb_is_interrupted(const struct gw_verb_client *v);

/* Sleeps; returns at once when a signal comes. */
void gw_verb_sleep(struct gw_verb_client *v, uint64_t ns);

#endif
