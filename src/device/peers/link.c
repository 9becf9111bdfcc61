#include "device/peers/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "device/peers/encryption.h"
#include "device/peers/greeting.h"
#include "transport/list/transports.h"

#define PROOF_MS 5000

struct gw_link {
	struct gw_transport *transport;
	bool opened;
	uint32_t sent, received; /* messages, modulo 2^32 */
};

/* Until this, whoever was connected to may be anybody. */
static enum gw_status prove(struct gw_link *l, const uint8_t proof[GW_PEERS_SECRET], struct gw_error *err)
{
	struct gw_transport *t = l->transport;
	uint8_t got[GW_PEERS_SECRET];
	size_t n;
	if (!l->opened)
		return t->ops->sendv(t, &(struct iovec){(void *)(uintptr_t)proof, GW_PEERS_SECRET}, 1, err);
	t->silence_ms = PROOF_MS;
	enum gw_status status = t->ops->recvv(t, &(struct iovec){got, sizeof(got)}, 1, sizeof(got), &n, err);
	if (!status && !gw_peers_is_same(got, proof))
		status = gw_error_set(err, GW_ERR_PROTOCOL, "it does not have the proof");
	return status;
}

static enum gw_status establish(struct gw_link *l, const struct gw_link_terms *terms, struct gw_error *err)
{
	enum gw_status status;
	if (terms->is_encrypted)
		status = gw_peers_encrypt(&l->transport, terms->opened, terms->secret, terms->proof, err);
	else
		status = prove(l, terms->proof, err);
	if (status)
		return status;
	l->transport->keep_encrypted = terms->is_encrypted && terms->keeps_encrypted;
	return gw_peers_greet(&l->transport, !terms->opened, terms->mode, err);
}

enum gw_status gw_link_new(int fd, const struct gw_link_terms *terms, struct gw_link **out, struct gw_error *err)
{
	struct gw_link *l = calloc(1, sizeof(*l));
	if (!l || gw_transport_from_fd(fd, &l->transport, err)) {
		close(fd);
		free(l);
		return gw_error_set(err, GW_ERR_NOMEM, "no memory for a connection");
	}
	l->opened = terms->opened;
	enum gw_status status = establish(l, terms, err);
	if (status) {
		gw_error_prefix(err, "server at %s", l->transport->peer);
		gw_link_free(l);
		return status;
	}
	gw_log_info("linked to the server at %s over %s", l->transport->peer, l->transport->ops->title);
	*out = l;
	return GW_OK;
}

void gw_link_free(struct gw_link *l)
{
	if (!l)
		return;
	l->transport->ops->close(l->transport);
	free(l);
}

const char *gw_link_peer(const struct gw_link *l)
{
	return l->transport->peer;
}

/* A message under way. */
struct passage {
	const struct gw_link_message *message;
	uint8_t own[GW_PEERS_HEADER], expected[GW_PEERS_HEADER], got[GW_PEERS_HEADER];
};

static size_t behind_header(size_t bytes)
{
	return bytes > GW_PEERS_HEADER ? bytes - GW_PEERS_HEADER : 0;
}

/* The other server is at the same point of the computation if it sends the header that is expected. */
static bool on_moved(void *user, size_t sent, size_t received)
{
	const struct passage *p = user;
	if (received >= GW_PEERS_HEADER && memcmp(p->got, p->expected, sizeof(p->got)) != 0)
		return false;
	if (p->message->moved)
		p->message->moved(p->message->user, behind_header(sent), behind_header(received));
	return true;
}

static size_t on_make(void *user, size_t sent)
{
	const struct passage *p = user;
	return GW_PEERS_HEADER + p->message->make(p->message->user, behind_header(sent));
}

static struct gw_flow prepare(struct passage *p, const struct gw_link_message *m)
{
	struct gw_link *l = m->link;
	struct gw_flow flow = {.t = l->transport, .sends_first = !l->opened, .moved = on_moved, .user = p};
	p->message = m;
	if (m->out) {
		gw_peers_header_encode(&(struct gw_peers_header){m->kind, l->sent++, m->out_size}, p->own);
		flow.out[0] = (struct iovec){p->own, sizeof(p->own)};
		flow.out[1] = (struct iovec){(void *)(uintptr_t)m->out, m->out_size};
		flow.make = m->make ? on_make : NULL;
	}
	if (m->in) {
		gw_peers_header_encode(&(struct gw_peers_header){m->kind, l->received++, m->in_size}, p->expected);
		flow.in[0] = (struct iovec){p->got, sizeof(p->got)};
		flow.in[1] = (struct iovec){m->in, m->in_size};
	}
	return flow;
}

enum gw_status gw_links_exchange(const struct gw_link_message *messages, size_t n, struct gw_error *err)
{
	struct gw_flow flows[GW_FLOWS_MAX];
	struct passage passages[GW_FLOWS_MAX] = {0};
	size_t failed = 0;
	assert(n <= GW_FLOWS_MAX);
	for (size_t i = 0; i < n; i++)
		flows[i] = prepare(&passages[i], &messages[i]);
	enum gw_status status = gw_transport_exchange(flows, n, &failed, err);
	if (!status)
		return GW_OK;
	gw_error_prefix(err, "server at %s", gw_link_peer(messages[failed].link));
	/* To the session, "closed" would mean that its client has left. */
	return status == GW_ERR_CLOSED ? GW_ERR_LOST : status;
}
