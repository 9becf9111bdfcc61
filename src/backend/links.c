#include "backend/links.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "backend/remote.h"
#include "transport/list/endpoint.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The two ends of a link that is being made. */
enum side {
	ACCEPTS,
	OPENS,
	SIDES
};

#define NONE ((enum gw_peers_step)0)

struct attempt {
	struct gw_remote_conn *conns[SIDES];
	uint32_t numbers[SIDES];
	struct gw_peers_link_req req; /* without link and step */
	uint8_t answers[SIDES];       /* to the last step */
	uint64_t tickets[SIDES];
	bool asked[SIDES];
	struct gw_remote_conn *no; /* whose server could not, if one could not */
};

void gw_links_lock(void)
{
	pthread_mutex_lock(&lock);
}

void gw_links_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

static const struct gw_remote_link *find(const struct gw_remote_conn *conn, const struct gw_remote_conn *other)
{
	for (uint32_t i = 0; i < conn->n_links; i++)
		if (conn->links[i].other == other->serial)
			return &conn->links[i];
	return NULL;
}

bool gw_links_tried(const struct gw_remote_conn *a, const struct gw_remote_conn *b)
{
	return find(a, b);
}

uint32_t gw_links_number(const struct gw_remote_conn *conn, const struct gw_remote_conn *other)
{
	uint32_t i = 0;
	while (conn->links[i].other != other->serial)
		i++;
	return i;
}

/* Numbers are used once: a server may still have something under an old one. */
static bool take_number(struct gw_remote_conn *conn, const struct gw_remote_conn *other, uint32_t *number)
{
	if (conn->n_links >= GW_PEERS_LINKS_MAX)
		return false;
	conn->links[conn->n_links] = (struct gw_remote_link){.other = other->serial};
	*number = conn->n_links++;
	return true;
}

static enum gw_status name_meeting(struct attempt *a, struct gw_error *err)
{
	const char *endpoint = a->conns[ACCEPTS]->remote->endpoint;
	struct gw_endpoint ep;
	if (gw_endpoint_parse(endpoint, false, &ep, NULL) || ep.kind->has_file || strlen(ep.host) >= GW_PEERS_HOST)
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "other servers cannot reach %s", endpoint);
	a->req.port = ep.port;
	memcpy(a->req.host, ep.host, strlen(ep.host));
	return GW_OK;
}

static bool keeps_encrypted(const struct gw_remote_conn *conn)
{
	return gw_client_transport(conn->client)->keep_encrypted;
}

static enum gw_status prepare(
	struct attempt *a, struct gw_remote_conn *first, struct gw_remote_conn *second, struct gw_error *err)
{
	uint8_t random[2 * GW_PEERS_SECRET];
	*a = (struct attempt){.conns = {first, second}};
	if (!take_number(first, second, &a->numbers[ACCEPTS]) || !take_number(second, first, &a->numbers[OPENS]))
		return gw_error_set(err, GW_ERR_LIMIT, "%s and %s have been linked to too many servers",
			first->remote->endpoint, second->remote->endpoint);
	if (first->encrypts_links != second->encrypts_links)
		return gw_error_set(err, GW_ERR_UNSUPPORTED,
			"this client uses TLS with only one of %s and %s; give it a key for both",
			first->remote->endpoint, second->remote->endpoint);
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return gw_error_set(err, GW_ERR_SYSTEM, "the system has no random bytes");
	memcpy(a->req.secret, random, GW_PEERS_SECRET);
	memcpy(a->req.proof, random + GW_PEERS_SECRET, GW_PEERS_SECRET);
	a->req.plain_rdma = first->encrypts_links && !keeps_encrypted(first) && !keeps_encrypted(second);
	return name_meeting(a, err);
}

static void ask(struct attempt *a, enum side side, enum gw_peers_step step)
{
	const struct gw_dest dest = {&a->answers[side], 1, 1, 1};
	struct gw_peers_link_req req = a->req;
	a->asked[side] = false;
	if (a->no || step == NONE)
		return;
	req.link = a->numbers[side];
	req.step = step;
	a->asked[side] = gw_client_link(a->conns[side]->client, &req, &dest, &a->tickets[side], NULL) == GW_OK;
	if (!a->asked[side])
		a->no = a->conns[side];
}

/* Servers take seconds at most, and say that they are alive meanwhile. */
static void hear(struct attempt *a, enum side side)
{
	if (!a->asked[side])
		return;
	bool heard = gw_client_drain(a->conns[side]->client, a->tickets[side]) == GW_OK;
	if ((!heard || !a->answers[side]) && !a->no)
		a->no = a->conns[side];
}

/* Each server takes its steps in the order of the attempts, so that no two wait for each other in the last round. */
static void make(struct attempt *attempts, size_t n)
{
	static const enum gw_peers_step rounds[][SIDES] = {
		{GW_PEERS_EXPECT, NONE}, {NONE, GW_PEERS_OPEN}, {GW_PEERS_ACCEPT, GW_PEERS_CONFIRM}};
	for (size_t k = 0; k < sizeof(rounds) / sizeof(rounds[0]); k++) {
		for (size_t i = 0; i < n; i++)
			for (enum side side = ACCEPTS; side < SIDES; side++)
				ask(&attempts[i], side, rounds[k][side]);
		for (size_t i = 0; i < n; i++)
			for (enum side side = ACCEPTS; side < SIDES; side++)
				hear(&attempts[i], side);
	}
}

static enum gw_status conclude(struct attempt *attempts, size_t n, struct gw_error *err)
{
	enum gw_status status = GW_OK;
	for (size_t i = 0; i < n; i++) {
		struct attempt *a = &attempts[i];
		a->conns[ACCEPTS]->links[a->numbers[ACCEPTS]].is_up = !a->no;
		a->conns[OPENS]->links[a->numbers[OPENS]].is_up = !a->no;
		if (!a->no || status)
			continue;
		const char *to = a->conns[a->no == a->conns[ACCEPTS] ? OPENS : ACCEPTS]->remote->endpoint;
		status = gw_error_set(err, GW_ERR_LOST,
			"%s is not linked to %s, and its log says why; servers need to reach each other at the "
			"addresses "
			"that this client uses",
			a->no->remote->endpoint, to);
	}
	return status;
}

static enum gw_status plan(struct gw_remote_conn *const *conns, size_t n, struct attempt *attempts, size_t *n_attempts,
	struct gw_error *err)
{
	enum gw_status status = GW_OK;
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n && !status; j++) {
			const struct gw_remote_link *link = find(conns[i], conns[j]);
			if (link && !link->is_up)
				return gw_error_set(err, GW_ERR_LOST, "%s and %s could not be linked before",
					conns[i]->remote->endpoint, conns[j]->remote->endpoint);
			if (!link)
				status = prepare(&attempts[(*n_attempts)++], conns[i], conns[j], err);
		}
	return status;
}

enum gw_status gw_links_connect(struct gw_remote_conn *const *conns, size_t n, struct gw_error *err)
{
	size_t n_attempts = 0;
	struct attempt *attempts = calloc(n * (n - 1) / 2 + 1, sizeof(*attempts));
	if (!attempts)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	enum gw_status status = plan(conns, n, attempts, &n_attempts, err);
	if (!status) {
		make(attempts, n_attempts);
		status = conclude(attempts, n_attempts, err);
	}
	explicit_bzero(attempts, n_attempts * sizeof(*attempts));
	free(attempts);
	return status;
}
