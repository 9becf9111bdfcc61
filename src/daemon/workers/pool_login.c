/* The worker performs the handshake; the supervisor has the keys. */
#include "daemon/workers/pool_login.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/workers/client_slots.h"

static enum gw_status find(struct gw_pool_worker *w, const char *identity, struct gw_tls_key *key, struct gw_error *why)
{
	const struct gw_pool_options *o = &w->pool->o;
	enum gw_status status = gw_key_ring_find(o->keys, identity, key, why);
	if (!status && w->needs_identity && !w->status_only && !gw_allow_names(o->allow, identity))
		status = gw_error_set(why, GW_ERR_NOT_FOUND, "neither it nor its address is in --allow");
	return status;
}

static bool answer(struct gw_pool_worker *w, const struct gw_control_msg *msg)
{
	struct gw_error err;
	if (!gw_control_send(w->process.control, false, msg, -1, &err))
		return true;
	gw_log_warn("worker %ld takes no answer: %s", (long)w->process.pid, err.text);
	return false;
}

bool gw_pool_on_named(struct gw_pool_worker *w, const char *identity)
{
	struct gw_control_msg msg;
	if (!w->tls || w->login != GW_LOGIN_NONE)
		return false;
	memset(&msg, 0, sizeof(msg));
	msg.type = GW_CONTROL_KEY;
	memcpy(w->identity, identity, sizeof(w->identity));
	msg.u.key.found = find(w, identity, &msg.u.key.key, &msg.u.key.why) == GW_OK;
	if (!msg.u.key.found)
		gw_tls_key_wipe(&msg.u.key.key);
	w->login = msg.u.key.found ? GW_LOGIN_NAMED : GW_LOGIN_FAILED;
	bool sent = answer(w, &msg);
	gw_tls_key_wipe(&msg.u.key.key);
	return sent;
}

/* Its identity is at its limit of connections, or only --allow-status lists it: it may still query the server. */
static void demote(struct gw_pool_worker *w, enum gw_refusal cause)
{
	if (w->reserve)
		return;
	gw_pool_set_busy(w, false);
	w->reserve = true;
	w->cause = cause;
	gw_pool_set_busy(w, true);
}

bool gw_pool_on_proved(struct gw_pool_worker *w)
{
	struct gw_control_msg msg = {.type = GW_CONTROL_WELCOME};
	char name[sizeof(w->client)], domain[GW_TRANSPORT_DOMAIN];
	if (!w->tls || w->login != GW_LOGIN_NAMED)
		return false;
	enum gw_refusal cause = w->status_only && !gw_allow_names(w->pool->o.allow, w->identity)
					? GW_REFUSED_STATUS
					: gw_client_slots_crowd(w->pool, &w->host, w->identity);
	w->login = GW_LOGIN_PROVED;
	snprintf(name, sizeof(name), "%s@%.63s", w->identity, w->client);
	memcpy(w->client, name, sizeof(w->client));
	if (cause)
		demote(w, cause);
	if (w->has_slot && !w->reserve)
		gw_scoreboard_identify(w->pool->o.board, w->slot, w->identity);
	gw_pool_tell_client(w);
	gw_keeper_domain(-1, w->identity, domain);
	if (!w->reserve)
		gw_pool_lend_cache(w, domain);
	msg.u.refused = gw_refusals_reason(w->pool->o.refusals, w->cause);
	return answer(w, &msg);
}
