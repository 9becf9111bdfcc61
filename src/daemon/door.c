#include "daemon/door.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/events.h"
#include "base/log.h"
#include "transport/list/transports.h"
#include "transport/mode.h"
#include "transport/tls/tls.h"
#include "wire/message.h"

/* As long as a worker waits for HELLO. */
#define PATIENCE_MS 10000
/* From a client's leaving until its worker has said so: it frees memory before. */
#define PLACE_NS (500 * GW_NS_PER_MS)

enum state {
	ABSENT,
	SILENT, /* has not said anything */
	WAITING /* for a place */
};

struct guest {
	struct gw_source source;
	struct gw_door *door;
	enum state state;
	bool halfway;   /* a part of a link's secret has come */
	uint64_t since; /* it came, */
	uint64_t until; /* and how long it may be in this state */
	struct gw_visitor visitor;
};

struct gw_door {
	struct gw_door_options o;
	uint64_t patience_ns;
	bool closed;
	struct guest guests[GW_DOOR_MAX];
};

/* The socket becomes readable when it has enough bytes for a request's header. Unix sockets do not support
 * this, and so say at the first byte that there are some. */
static void wake_at(int fd, int bytes)
{
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
}

static void turn_away(struct guest *g, enum gw_refusal cause)
{
	g->state = ABSENT;
	if (cause) {
		gw_refusals_end(g->door->o.refusals, cause, &g->visitor);
		return;
	}
	close(g->visitor.fd);
	gw_log_debug("client %s closed its connection before HELLO", g->visitor.peer);
}

/* From here on the descriptor may be somebody else's. */
static void admit(struct guest *g, bool last)
{
	if (g->door->o.admit(g->door->o.user, &g->visitor, last))
		g->state = ABSENT;
}

/* Whether the listener serves clients that begin with this byte, and --allow lets this one in. */
static enum gw_refusal judge(struct gw_visitor *v, uint8_t first)
{
	v->speaks_tls = first == GW_TLS_FIRST_BYTE;
	if (v->speaks_tls)
		return v->terms.tls == GW_TLS_OFF ? GW_REFUSED_TLS : GW_REFUSED_NOT;
	/* A link begins in the clear, and take_link refuses it if it is not encrypted later. */
	if (v->terms.tls == GW_TLS_REQUIRE && first != GW_PEERS_FIRST_BYTE)
		return GW_REFUSED_PLAIN;
	return v->needs_identity && !v->status_only ? GW_REFUSED_ADDRESS : GW_REFUSED_NOT;
}

/* The secret of a link has come, or not all of it yet. */
static void take_link(struct guest *g)
{
	uint8_t first[GW_PEERS_FIRST];
	int fd = g->visitor.fd;
	ssize_t n = recv(fd, first, sizeof(first), MSG_PEEK | MSG_DONTWAIT);
	/* The rest is on its way. If it is not, the second time is the last. */
	if (n > 0 && n < GW_PEERS_FIRST && !g->halfway) {
		g->halfway = true;
		wake_at(fd, GW_PEERS_FIRST);
		return;
	}
	wake_at(fd, 1);
	const uint8_t *secret = n == GW_PEERS_FIRST ? gw_peers_first_decode(first) : NULL;
	if (!secret || recv(fd, first, sizeof(first), MSG_DONTWAIT) != GW_PEERS_FIRST ||
		!g->door->o.link(g->door->o.user, fd, g->visitor.terms.tls == GW_TLS_REQUIRE, secret)) {
		turn_away(g, GW_REFUSED_LINK);
		return;
	}
	gw_log_debug("server %s is linked to a worker", g->visitor.peer);
	gw_events_pause(g->door->o.events, fd);
	close(fd);
	g->state = ABSENT;
}

static void on_ready(struct gw_source *source)
{
	struct guest *g = (struct guest *)source;
	uint8_t byte;
	enum gw_refusal refusal;
	if (g->state != SILENT)
		return;
	/* Left in place for the worker. */
	ssize_t n = recv(g->visitor.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n > 0 && (refusal = judge(&g->visitor, byte)) != GW_REFUSED_NOT) {
		turn_away(g, refusal);
	} else if (n > 0 && byte == GW_PEERS_FIRST_BYTE) {
		take_link(g);
	} else if (n > 0) {
		gw_events_pause(g->door->o.events, g->visitor.fd);
		wake_at(g->visitor.fd, 1);
		g->state = WAITING;
		g->until = gw_clock_ns() + PLACE_NS;
		admit(g, false);
	} else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
		turn_away(g, GW_REFUSED_NOT);
	}
}

enum gw_status gw_door_new(const struct gw_door_options *options, struct gw_door **out, struct gw_error *err)
{
	int ms = gw_transport_timeout_ms();
	struct gw_door *door = calloc(1, sizeof(*door));
	if (!door)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	door->o = *options;
	door->patience_ns = (uint64_t)(ms < PATIENCE_MS ? ms : PATIENCE_MS) * GW_NS_PER_MS;
	for (size_t i = 0; i < GW_DOOR_MAX; i++) {
		door->guests[i].source.ready = on_ready;
		door->guests[i].door = door;
	}
	*out = door;
	return GW_OK;
}

void gw_door_free(struct gw_door *door)
{
	for (size_t i = 0; door && i < GW_DOOR_MAX; i++)
		if (door->guests[i].state)
			close(door->guests[i].visitor.fd);
	free(door);
}

/* A place, if need be that of another. */
static struct guest *make_room(struct gw_door *door)
{
	struct gw_host_arrival crowd[GW_DOOR_MAX];
	for (size_t i = 0; i < GW_DOOR_MAX; i++) {
		struct guest *g = &door->guests[i];
		if (!g->state)
			return g;
		crowd[i] = (struct gw_host_arrival){g->visitor.host, g->since};
	}
	struct guest *g = &door->guests[gw_host_yields(crowd, GW_DOOR_MAX)];
	turn_away(g, GW_REFUSED_CROWD);
	return g;
}

/* By its address, or later by its key, or for queries only. */
static bool may_enter(const struct gw_door *door, int fd, struct gw_visitor *v)
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof(address);
	if (getpeername(fd, (struct sockaddr *)&address, &len) < 0)
		return false;
	if (gw_allow_permits(door->o.allow, (const struct sockaddr *)&address))
		return true;
	v->needs_identity = v->terms.tls != GW_TLS_OFF && door->o.allow->n_identities > 0;
	v->status_only = gw_allow_permits_status(door->o.allow, (const struct sockaddr *)&address);
	return v->needs_identity || v->status_only;
}

void gw_door_take(struct gw_door *door, int fd, const struct gw_endpoint *ep, const struct gw_terms *terms)
{
	struct gw_visitor visitor = {.fd = fd, .ep = ep, .terms = *terms};
	struct gw_error err;
	gw_transport_peer_name(fd, visitor.peer, sizeof(visitor.peer));
	if (door->closed || !may_enter(door, fd, &visitor)) {
		gw_refusals_end(door->o.refusals, door->closed ? GW_REFUSED_STOPPING : GW_REFUSED_ADDRESS, &visitor);
		return;
	}
	gw_host_of(fd, &visitor.host);
	wake_at(fd, GW_REQUEST_HEADER);
	struct guest *g = make_room(door);
	g->visitor = visitor;
	if (gw_events_add(door->o.events, fd, &g->source, &err)) {
		gw_log_error("client %s is not served: %s", visitor.peer, err.text);
		close(fd);
		return;
	}
	g->state = SILENT;
	g->halfway = false;
	g->since = gw_clock_ns();
	g->until = g->since + door->patience_ns;
}

void gw_door_close(struct gw_door *door)
{
	door->closed = true;
	for (size_t i = 0; i < GW_DOOR_MAX; i++)
		if (door->guests[i].state)
			turn_away(&door->guests[i], GW_REFUSED_STOPPING);
}

uint64_t gw_door_deadline(const struct gw_door *door)
{
	uint64_t at = GW_CLOCK_NEVER;
	for (size_t i = 0; i < GW_DOOR_MAX; i++)
		if (door->guests[i].state && door->guests[i].until < at)
			at = door->guests[i].until;
	return at;
}

void gw_door_tick(struct gw_door *door)
{
	uint64_t now = gw_clock_ns();
	for (size_t i = 0; i < GW_DOOR_MAX; i++) {
		struct guest *g = &door->guests[i];
		if (g->state == WAITING)
			admit(g, now >= g->until);
		else if (g->state == SILENT && now >= g->until)
			turn_away(g, GW_REFUSED_SILENT);
	}
}
