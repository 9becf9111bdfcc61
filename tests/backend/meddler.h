/* Relays in front of servers. Clients and other servers reach a server through its relay, and the relay does harm at
 * one place of what it forwards. */
#ifndef GW_TESTS_BACKEND_MEDDLER_H
#define GW_TESTS_BACKEND_MEDDLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MEDDLER_SERVERS 3
#define MEDDLER_DELAY_MS 300

enum meddler_place {
	MEDDLER_REQUEST,     /* a client's request to the server, which has not seen it yet */
	MEDDLER_TO_SERVER,   /* bytes of a link, from the server that opened it */
	MEDDLER_FROM_SERVER, /* the same in the other direction */
};

enum meddler_harm {
	MEDDLER_DELAY, /* MEDDLER_DELAY_MS, once */
	MEDDLER_CUT,   /* resets both connections */
	MEDDLER_STALL, /* forwards nothing more in either direction, and closes nothing */
	MEDDLER_KILL,  /* a process of the server, with SIGKILL */
};

struct meddler_fault {
	enum meddler_harm harm;
	size_t server; /* at whose relay */
	enum meddler_place place;
	uint32_t cmd, step; /* of the request; step: of EXT_LINK */
	unsigned nth;       /* such request, from 0 */
	size_t bytes;       /* of the link, before the harm */
	/* Which process MEDDLER_KILL is for. Called in another thread. */
	pid_t (*victim)(size_t server);
};

/* Starts the relays, which run until the process ends. */
void meddler_start(void);

/* The port of a server's relay. It never changes. */
uint16_t meddler_port(size_t server);

/* The server behind a relay, from now on. */
void meddler_aim(size_t server, uint16_t port);

/* Whether no connection is open. */
bool meddler_is_idle(void);

/* The fault will happen once. Until then everything is forwarded. */
void meddler_arm(const struct meddler_fault *fault);

/* No fault from now on. Closes connections that were stalled. Returns whether the fault has happened. */
bool meddler_disarm(void);

#endif
