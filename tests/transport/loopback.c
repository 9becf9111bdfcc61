#include "transport/loopback.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "transport/iov.h"

#define DEFAULT_CAPACITY 65536

/* A one-way ring buffer. */
struct pipe {
	uint8_t *data;
	size_t head; /* of the oldest byte */
	size_t len;
};

struct channel;

struct end {
	struct gw_transport base;
	struct channel *channel;
	struct end *other;
	struct pipe *in;
	struct pipe *out;
	bool down;   /* this end called shutdown */
	bool closed; /* this end called close */
};

/* One lock protects both ends. Every change signals changed. Lives until both ends are closed. */
struct channel {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t capacity;
	struct pipe pipes[2];
	struct end *ends[2];
};

static struct end *end_of(struct gw_transport *t)
{
	return (struct end *)t;
}

/* Whether this end has stopped moving data. */
static bool is_gone(const struct end *end)
{
	return end->down || end->closed;
}

static size_t pipe_put(struct pipe *pipe, size_t capacity, const void *bytes, size_t n)
{
	size_t tail = (pipe->head + pipe->len) % capacity;
	size_t room = capacity - pipe->len;
	size_t run = capacity - tail < room ? capacity - tail : room;
	n = n < run ? n : run;
	memcpy(pipe->data + tail, bytes, n);
	pipe->len += n;
	return n;
}

static size_t pipe_take(struct pipe *pipe, size_t capacity, void *bytes, size_t n)
{
	size_t run = capacity - pipe->head < pipe->len ? capacity - pipe->head : pipe->len;
	n = n < run ? n : run;
	memcpy(bytes, pipe->data + pipe->head, n);
	pipe->head = (pipe->head + n) % capacity;
	pipe->len -= n;
	return n;
}

static enum gw_status lost(struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_LOST, "the connection was shut down");
}

static enum gw_status loopback_sendv(struct gw_transport *t, const struct iovec *iov, int n, struct gw_error *err)
{
	struct end *end = end_of(t);
	struct channel *ch = end->channel;
	struct gw_iov_pos pos = gw_iov_start(iov, n);
	struct iovec next;
	enum gw_status status = GW_OK;
	pthread_mutex_lock(&ch->lock);
	while (!status && gw_iov_peek(&pos, &next, 1, SIZE_MAX) > 0) {
		if (is_gone(end) || is_gone(end->other)) {
			status = lost(err);
		} else if (end->out->len == ch->capacity) {
			pthread_cond_wait(&ch->changed, &ch->lock);
		} else {
			gw_iov_advance(&pos, pipe_put(end->out, ch->capacity, next.iov_base, next.iov_len));
			pthread_cond_broadcast(&ch->changed);
		}
	}
	pthread_mutex_unlock(&ch->lock);
	return status;
}

/* The reason for the end of the stream; GW_OK while more may arrive. */
static enum gw_status receive_end(const struct end *end, size_t got, struct gw_error *err)
{
	if (is_gone(end))
		return lost(err);
	if (end->in->len > 0 || !is_gone(end->other))
		return GW_OK;
	if (got > 0)
		return gw_error_set(err, GW_ERR_LOST, "the peer closed the connection in the middle of a message");
	return gw_error_set(err, GW_ERR_CLOSED, "the peer closed the connection");
}

static enum gw_status loopback_recvv(
	struct gw_transport *t, const struct iovec *iov, int n, size_t min, size_t *got, struct gw_error *err)
{
	struct end *end = end_of(t);
	struct channel *ch = end->channel;
	struct gw_iov_pos pos = gw_iov_start(iov, n);
	struct iovec next;
	size_t sum = 0;
	enum gw_status status = GW_OK;
	pthread_mutex_lock(&ch->lock);
	while (!status && (sum < min || end->in->len > 0) && gw_iov_peek(&pos, &next, 1, SIZE_MAX) > 0) {
		status = receive_end(end, sum, err);
		if (status)
			break;
		if (end->in->len == 0) {
			pthread_cond_wait(&ch->changed, &ch->lock);
			continue;
		}
		size_t taken = pipe_take(end->in, ch->capacity, next.iov_base, next.iov_len);
		gw_iov_advance(&pos, taken);
		sum += taken;
		pthread_cond_broadcast(&ch->changed);
	}
	pthread_mutex_unlock(&ch->lock);
	if (!status)
		*got = sum;
	return status;
}

static struct timespec time_in(int timeout_ms)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += timeout_ms / 1000;
	ts.tv_nsec += (timeout_ms % 1000) * 1000000L;
	if (ts.tv_nsec >= 1000000000L) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000L;
	}
	return ts;
}

static bool loopback_readable(struct gw_transport *t, int timeout_ms)
{
	struct end *end = end_of(t);
	struct channel *ch = end->channel;
	struct timespec deadline = time_in(timeout_ms);
	bool ready;
	int rc = 0;
	pthread_mutex_lock(&ch->lock);
	while (!(ready = end->in->len > 0 || is_gone(end) || is_gone(end->other)) && timeout_ms != 0 && rc != ETIMEDOUT)
		rc = timeout_ms < 0 ? pthread_cond_wait(&ch->changed, &ch->lock)
				    : pthread_cond_timedwait(&ch->changed, &ch->lock, &deadline);
	pthread_mutex_unlock(&ch->lock);
	return ready;
}

static void loopback_shutdown(struct gw_transport *t)
{
	struct end *end = end_of(t);
	pthread_mutex_lock(&end->channel->lock);
	end->down = true;
	pthread_cond_broadcast(&end->channel->changed);
	pthread_mutex_unlock(&end->channel->lock);
}

static void channel_free(struct channel *ch)
{
	pthread_cond_destroy(&ch->changed);
	pthread_mutex_destroy(&ch->lock);
	for (int i = 0; i < 2; i++) {
		free(ch->pipes[i].data);
		free(ch->ends[i]);
	}
	free(ch);
}

static void loopback_close(struct gw_transport *t)
{
	struct end *end = end_of(t);
	struct channel *ch = end->channel;
	pthread_mutex_lock(&ch->lock);
	end->closed = true;
	bool last = end->other->closed;
	pthread_cond_broadcast(&ch->changed);
	pthread_mutex_unlock(&ch->lock);
	if (last)
		channel_free(ch);
}

static const struct gw_transport_ops loopback_ops = {
	.name = "loopback",
	.keeps_boundaries = false,
	.sendv = loopback_sendv,
	.recvv = loopback_recvv,
	.readable = loopback_readable,
	.shutdown = loopback_shutdown,
	.close = loopback_close,
};

static void init_lock(struct channel *ch)
{
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&ch->changed, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&ch->lock, NULL);
}

static void init_end(struct channel *ch, int i)
{
	struct end *end = ch->ends[i];
	end->base.ops = &loopback_ops;
	memcpy(end->base.peer, "loopback", sizeof("loopback"));
	end->channel = ch;
	end->other = ch->ends[1 - i];
	end->in = &ch->pipes[i];
	end->out = &ch->pipes[1 - i];
}

enum gw_status gw_loopback_pair(size_t capacity, struct gw_transport **a, struct gw_transport **b)
{
	struct channel *ch = calloc(1, sizeof(*ch));
	if (!ch)
		return GW_ERR_NOMEM;
	init_lock(ch);
	ch->capacity = capacity ? capacity : DEFAULT_CAPACITY;
	for (int i = 0; i < 2; i++) {
		ch->pipes[i].data = malloc(ch->capacity);
		ch->ends[i] = calloc(1, sizeof(*ch->ends[i]));
		if (!ch->pipes[i].data || !ch->ends[i]) {
			channel_free(ch);
			return GW_ERR_NOMEM;
		}
	}
	init_end(ch, 0);
	init_end(ch, 1);
	*a = &ch->ends[0]->base;
	*b = &ch->ends[1]->base;
	return GW_OK;
}
