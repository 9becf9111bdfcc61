/* The scoreboard: counters in memory that the supervisor and its workers share. Each worker can write only its own
 * pages. The supervisor records which worker serves which client. Any process reads all of it at any time, without a
 * lock and without waking another process.
 *
 * A worker may be compromised, so readers treat everything in its pages as numbers: they contain no index, pointer or
 * text. It cannot write elsewhere or shrink the memory. If its numbers are wrong, the totals stay wrong. */
#ifndef GW_DAEMON_STATUS_SCOREBOARD_H
#define GW_DAEMON_STATUS_SCOREBOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "device/session/counters.h"
#include "wire/ext_status.h"

/* One process's view. One thread uses it, but for the counters themselves. */
struct gw_scoreboard;

/* What the supervisor knows of a client. */
struct gw_scoreboard_client {
	const char *address;
	const char *endpoint;
	struct gw_version protocol;
	bool is_unix;
	bool is_tls;
};

/* Makes the memory, for so many workers at once. Only the supervisor does. GW_ERR_SYSTEM, GW_ERR_NOMEM. */
enum gw_status gw_scoreboard_new(
	uint32_t slots, uint32_t max_clients, struct gw_scoreboard **out, struct gw_error *err);
void gw_scoreboard_free(struct gw_scoreboard *b);

/* The descriptors that a worker attaches with, to write and to read; close-on-exec, the board's. */
void gw_scoreboard_fds(const struct gw_scoreboard *b, int fds[2]);
uint32_t gw_scoreboard_slots(const struct gw_scoreboard *b);

/* A worker's view: slot is its own. The descriptors are closed, also on failure, so that nothing more can be mapped. */
enum gw_status gw_scoreboard_attach(
	const int fds[2], uint32_t slots, uint32_t slot, struct gw_scoreboard **out, struct gw_error *err);

/* A view for a process that counts nothing itself. The descriptor is closed, also on failure. */
enum gw_status gw_scoreboard_attach_to_read(int fd, uint32_t slots, struct gw_scoreboard **out, struct gw_error *err);

/* The worker's own counters. */
struct gw_counters *gw_scoreboard_counters(const struct gw_scoreboard *b);

/* All below is the supervisor's, except where reading is said to be everybody's. */

/* The devices, as they are at the start; before workers start. Beyond GW_EXT_MAX_DEVICES, and after a second call, none
 * is added. */
void gw_scoreboard_add_device(
	struct gw_scoreboard *b, const char *name, const char *description, uint64_t total, uint64_t free);

/* The protocol of the usual endpoint. */
void gw_scoreboard_set_protocol(struct gw_scoreboard *b, struct gw_version protocol);

/* Where the server is: the machine's name, and its endpoints in one text. Copied, and cut. */
void gw_scoreboard_set_place(struct gw_scoreboard *b, const char *host, const char *endpoints);

/* A slot for a new worker, or false if all are taken; and its return when the worker's process is no more. */
bool gw_scoreboard_take(struct gw_scoreboard *b, uint32_t *slot);
void gw_scoreboard_give_back(struct gw_scoreboard *b, uint32_t slot);

/* The worker of that slot starts to serve a client, and has stopped serving it. */
void gw_scoreboard_begin(struct gw_scoreboard *b, uint32_t slot, const struct gw_scoreboard_client *client);
void gw_scoreboard_end(struct gw_scoreboard *b, uint32_t slot);

/* The client there has proved whose key it has. */
void gw_scoreboard_identify(struct gw_scoreboard *b, uint32_t slot, const char *identity);

/* Counts one more of what the supervisor counts. */
void gw_scoreboard_count(struct gw_scoreboard *b, enum gw_ext_count what);

/* Everybody's: fills *out with what there is now; freed with gw_ext_status_free. Where this is a worker's view, its own
 * client is marked as the one that asks. GW_ERR_NOMEM. */
enum gw_status gw_scoreboard_read(struct gw_scoreboard *b, struct gw_ext_status *out);

/* Everybody's: whether a client is connected. */
bool gw_scoreboard_is_busy(const struct gw_scoreboard *b);

/* Everybody's: what the server has counted since it started. */
void gw_scoreboard_totals(struct gw_scoreboard *b, uint64_t count[GW_COUNTS]);

/* Everybody's: how old the newest numbers about the devices' memory are, in nanoseconds. */
uint64_t gw_scoreboard_memory_age(struct gw_scoreboard *b);

/* A worker's: how many bytes the client that it serves holds over its other connections, by gw_counters.held. 0 for
 * clients without an identity. Numbers of workers that take or lose a client at this moment do not count: such a worker
 * holds nothing yet, or its client has left. Slots are read in place, so it takes about a microsecond. */
uint64_t gw_scoreboard_held_by_others(const struct gw_scoreboard *b);

/* What the client of that slot has loaded so far, in bytes by source (GW_COUNT_LOADED_), and how long ago it connected,
 * in nanoseconds. */
void gw_scoreboard_loaded(struct gw_scoreboard *b, uint32_t slot, uint64_t bytes[3], uint64_t *connected_ns);

#endif
