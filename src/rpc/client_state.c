#include "rpc/client_state.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "wire/command.h"
#include "wire/cursor.h"
#include "wire/refusal.h"

/* A gw_later.flush. */
static void flush(struct gw_later *l)
{
	gw_client_want_flush((struct gw_client *)((char *)l - offsetof(struct gw_client, later)));
}

enum gw_status gw_client_new(struct gw_transport *t, const char *name, struct gw_client **out)
{
	struct gw_client *c = calloc(1, sizeof(*c));
	if (!c)
		return GW_ERR_NOMEM;
	if (gw_outq_init(&c->out, t))
		goto free_client;
	if (gw_inbuf_init(&c->in, t))
		goto free_out;
	if (pthread_mutex_init(&c->lock, NULL))
		goto free_in;
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->transport = t;
	c->later.flush = flush;
	*out = c;
	return GW_OK;

free_in:
	gw_inbuf_free(&c->in);
free_out:
	gw_outq_free(&c->out);
free_client:
	free(c);
	return GW_ERR_NOMEM;
}

void gw_client_free(struct gw_client *c)
{
	gw_later_forget(&c->later);
	c->transport->ops->close(c->transport);
	pthread_mutex_destroy(&c->lock);
	gw_inbuf_free(&c->in);
	gw_outq_free(&c->out);
	free(c);
}

/* Under the lock, so the addition itself need not be atomic. */
static void turn(struct gw_client *c)
{
	uint64_t turns = atomic_load_explicit(&c->turns, memory_order_relaxed);
	atomic_store_explicit(&c->turns, turns + 1, memory_order_relaxed);
}

static enum gw_status enter_locked(struct gw_client *c)
{
	if (atomic_load(&c->lost)) {
		pthread_mutex_unlock(&c->lock);
		return GW_ERR_LOST;
	}
	turn(c);
	return GW_OK;
}

enum gw_status gw_client_enter(struct gw_client *c)
{
	if (atomic_load(&c->lost))
		return GW_ERR_LOST;
	pthread_mutex_lock(&c->lock);
	return enter_locked(c);
}

static void release(struct gw_client *c)
{
	/* Only the call that lost the connection gets here with it lost; all later ones stop in gw_client_enter. */
	bool announce = atomic_load(&c->lost);
	turn(c);
	pthread_mutex_unlock(&c->lock);
	/* The log's sink and on_loss are the caller's code, so they are not called under the lock. */
	if (announce && c->on_loss)
		c->on_loss(c->on_loss_user, &c->why);
	else if (announce)
		gw_log_error("RPC server %s: connection lost: %s", c->name, c->why.text);
}

/* Whoever wants a flush says so before it tries the lock, and whoever has the lock looks after giving it back: one of
 * them finds it free. */
void gw_client_flush_wanted(struct gw_client *c)
{
	while (atomic_load(&c->flush_wanted) && pthread_mutex_trylock(&c->lock) == 0) {
		if (enter_locked(c))
			return;
		atomic_store(&c->flush_wanted, false);
		(void)gw_client_send(c);
		release(c);
	}
}

void gw_client_want_flush(struct gw_client *c)
{
	atomic_store(&c->flush_wanted, true);
	gw_client_flush_wanted(c);
}

enum gw_status gw_client_leave(struct gw_client *c, enum gw_status status)
{
	release(c);
	gw_client_flush_wanted(c);
	return status;
}

enum gw_status gw_client_fail(struct gw_client *c, enum gw_status status, const struct gw_error *why)
{
	c->why = *why;
	atomic_store(&c->lost, true);
	c->transport->ops->shutdown(c->transport);
	for (uint64_t t = c->done + 1; t <= c->issued; t++)
		gw_dest_zero(&c->pending[t % GW_CLIENT_MAX_PENDING].dest);
	return status == GW_ERR_CLOSED ? GW_ERR_LOST : status;
}

enum gw_status gw_client_receive_size(struct gw_client *c, uint64_t *size, struct gw_error *why)
{
	enum gw_status status = gw_inbuf_fill(&c->in, GW_REPLY_HEADER, why);
	if (status)
		return status;
	*size = gw_le64(gw_inbuf_take(&c->in, GW_REPLY_HEADER));
	if (*size == GW_REPLY_STOPPING && c->reports_alive)
		return gw_error_set(why, GW_ERR_LOST, "the server is shutting down");
	return GW_OK;
}

void gw_client_hear_why(struct gw_client *c, struct gw_error *why)
{
	const struct gw_transport *t = c->transport;
	struct gw_error heard;
	uint64_t size = GW_REPLY_ALIVE;
	while (c->reports_alive && size == GW_REPLY_ALIVE &&
		(gw_inbuf_len(&c->in) > 0 || t->ops->readable(c->transport, 0)))
		if (gw_client_receive_size(c, &size, &heard)) {
			if (size == GW_REPLY_STOPPING)
				*why = heard;
			return;
		}
}

enum gw_status gw_client_send(struct gw_client *c)
{
	struct gw_error why;
	gw_later_send_others(&c->later);
	enum gw_status status = gw_outq_send(&c->out, NULL, 0, &why);
	if (status)
		gw_client_hear_why(c, &why);
	return status ? gw_client_fail(c, status, &why) : GW_OK;
}

void gw_client_put_header(struct gw_client *c, unsigned cmd, size_t size)
{
	const uint8_t id = (uint8_t)cmd;
	uint8_t number[8];
	gw_put_le64(number, size);
	gw_outq_put(&c->out, &id, sizeof(id));
	gw_outq_put(&c->out, number, sizeof(number));
}
