/* A client that sends arbitrary bytes. */
#ifndef GW_TESTS_SERVER_RAW_H
#define GW_TESTS_SERVER_RAW_H

#include "device/rig.h"

struct raw {
	struct rig rig;
	struct gw_transport *t;
	const struct gw_dialect *dialect;
};

/* Connects and completes the handshake. raw_start_visit uses raw->rig.visit unchanged. */
void raw_start_visit(struct raw *raw, struct gw_server *server, const struct gw_dialect *dialect);
void raw_start(struct raw *raw, struct gw_server *server, const struct gw_dialect *dialect);

/* Sends the header of a request of size bytes, and the first sent bytes of its body. */
void raw_send_part(struct raw *raw, unsigned cmd, uint64_t size, const void *body, size_t sent);
void raw_send(struct raw *raw, unsigned cmd, const void *body, size_t size);

/* Receives a reply, which must have size bytes. */
void raw_reply(struct raw *raw, void *reply, size_t size);

struct rig_buffer raw_alloc(struct raw *raw, uint64_t size);

/* Disconnects and waits for the server to end: cleanly, or with a refusal that contains all of these words. */
void raw_end_clean(struct raw *raw);
void raw_end_refused(struct raw *raw, enum gw_status status, const char *command, const char *words);

#endif
