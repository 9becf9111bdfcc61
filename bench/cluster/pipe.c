#include "pipe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	PIECE = 64 << 10,
	QUEUE_MAX = 2 << 20
};

struct piece {
	struct piece *next;
	int64_t due;
	bool paced;
	size_t size, done;
	uint8_t bytes[];
};

static int64_t clock_read(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t pipe_now(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

/* How far a pipe reads ahead of the sender's link. */
static int64_t ahead(const struct pace *pace)
{
	return pace ? (int64_t)(PIECE / pace->rate * 1e9) : INT64_MAX / 2;
}

int64_t pipe_next(const struct pipe *p, const struct pace *pace, int64_t now)
{
	int64_t next = INT64_MAX, reads = p->sent_at - ahead(pace);

	if (p->first && !p->blocked)
		next = p->first->due;
	else if (!p->first && p->ended_at && !p->shut)
		next = p->ended_at;
	/* If it may already read, epoll reports the data. */
	return !p->ended_at && reads > now && reads < next ? reads : next;
}

bool pipe_may_read(const struct pipe *p, const struct pace *pace, int64_t now)
{
	return !p->ended_at && p->queued < QUEUE_MAX && p->sent_at <= now + ahead(pace);
}

/* When the bytes reached the sender's socket at the switch, according to the kernel's time stamp. This program may have
 * been busy or asleep since then, which must not delay the link. */
static int64_t arrival(struct msghdr *message)
{
	int64_t now = pipe_now();

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		struct timespec stamp;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS)
			continue;
		memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
		int64_t age = clock_read(CLOCK_REALTIME) - ((int64_t)stamp.tv_sec * 1000000000 + stamp.tv_nsec);
		return age > 0 && age < 1000000000 ? now - age : now;
	}
	return now;
}

static ssize_t receive(int fd, uint8_t *bytes, size_t size, int64_t *arrived)
{
	union {
		struct cmsghdr align;
		uint8_t room[CMSG_SPACE(sizeof(struct timespec)) + 64];
	} control;
	struct iovec iov = {bytes, size};
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t got;

	do
		got = recvmsg(fd, &message, 0);
	while (got < 0 && errno == EINTR);
	*arrived = arrival(&message);
	return got;
}

static void enqueue(struct pipe *p, struct piece *piece)
{
	if (p->last)
		p->last->next = piece;
	else
		p->first = piece;
	p->last = piece;
	p->queued += piece->size;
}

bool pipe_read(struct pipe *p, const struct pace *pace)
{
	struct piece *piece = malloc(sizeof(*piece) + PIECE);
	int64_t arrived;
	ssize_t got;

	if (!piece)
		return false;
	got = receive(p->from, piece->bytes, PIECE, &arrived);
	if (got <= 0) {
		free(piece);
		if (got == 0)
			p->ended_at = arrived + (pace ? pace->latency : 0);
		return got == 0 || errno == EAGAIN;
	}
	*piece = (struct piece){.due = arrived, .paced = pace, .size = (size_t)got};
	if (pace)
		piece->due = pace_send(pace, p->out, p->in, arrived, piece->size, &p->sent_at);
	enqueue(p, piece);
	return true;
}

static void note_late(struct lateness *lateness, const struct piece *piece, int64_t now)
{
	if (piece->paced && piece->done == 0)
		lateness->late[lateness->count++ % (sizeof(lateness->late) / sizeof(*lateness->late))] =
			now - piece->due;
}

/* Writes as much of the first piece as the socket accepts. False: the connection is lost. */
static bool piece_write(struct pipe *p)
{
	struct piece *piece = p->first;
	ssize_t sent = send(p->to, piece->bytes + piece->done, piece->size - piece->done, MSG_NOSIGNAL);

	if (sent < 0) {
		p->blocked = p->held = errno == EAGAIN;
		return p->blocked || errno == EINTR;
	}
	if (piece->paced)
		*p->passed += (size_t)sent;
	piece->done += (size_t)sent;
	p->queued -= (size_t)sent;
	if (piece->done == piece->size) {
		p->first = piece->next;
		if (!p->first)
			p->last = NULL;
		p->held = p->held && p->first;
		free(piece);
	}
	return true;
}

bool pipe_write(struct pipe *p, struct lateness *lateness)
{
	int64_t now = pipe_now();

	while (p->first && p->first->due <= now && !p->blocked) {
		if (!p->held)
			note_late(lateness, p->first, now);
		if (!piece_write(p))
			return false;
	}
	if (!p->first && p->ended_at && p->ended_at <= now && !p->shut) {
		p->shut = true;
		shutdown(p->to, SHUT_WR);
	}
	return true;
}

void pipe_drop(struct pipe *p)
{
	while (p->first) {
		struct piece *next = p->first->next;
		free(p->first);
		p->first = next;
	}
	p->last = NULL;
}
