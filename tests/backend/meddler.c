#include "backend/meddler.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/serving.h"
#include "robust/relay.h"
#include "wire/command.h"
#include "wire/cursor.h"
#include "wire/peers.h"

#define CHUNK 65536
/* From the start of a request to the end of EXT_LINK's step. */
#define KEY_MAX (GW_REQUEST_HEADER + 8)
#define STALL_POLL_MS 20

struct relay {
	int listener;
	uint16_t port;
};

static struct relay relays[MEDDLER_SERVERS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects the following */
static uint16_t targets[MEDDLER_SERVERS];                /* the servers' ports */
static struct meddler_fault fault;
static bool armed;
static unsigned n_seen;   /* requests like the fault's */
static unsigned n_faults; /* armed so far */
static size_t n_passages; /* connections */

/* A client's requests, which follow each other without gaps. */
struct requests {
	uint8_t key[KEY_MAX];
	size_t at; /* in the current one */
	size_t end;
};

struct passage {
	size_t server;
	int fds[2]; /* of who connected, and of the server */
	bool is_link, knows_kind;
	size_t passed[2]; /* bytes from each */
	struct requests requests;
};

static int dial(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	const int on = 1;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Whether the request of which this much has been read is the fault's. */
static bool is_wanted_locked(const struct requests *r)
{
	bool is_link = r->key[0] == GW_CMD_EXT_LINK;
	return r->at == (is_link ? KEY_MAX : GW_REQUEST_HEADER) && r->key[0] == fault.cmd &&
	       (!is_link || gw_le32(r->key + GW_REQUEST_HEADER + 4) == fault.step) && n_seen++ == fault.nth;
}

/* Takes the next byte. Returns whether it completes the key of the fault's request, if that is to come here. */
static bool read_byte_locked(struct requests *r, uint8_t byte, bool here)
{
	if (r->at < KEY_MAX)
		r->key[r->at] = byte;
	r->at++;
	if (r->at == GW_REQUEST_HEADER)
		r->end = GW_REQUEST_HEADER + (size_t)gw_le64(r->key + 1);
	bool wanted = here && is_wanted_locked(r);
	if (r->at >= GW_REQUEST_HEADER && r->at == r->end)
		r->at = 0;
	return wanted;
}

/* How many of these bytes can pass before the harm; n without one. */
static size_t safe_locked(struct passage *p, int from, const uint8_t *bytes, size_t n)
{
	bool here = armed && fault.server == p->server;
	size_t before = p->passed[from];
	p->passed[from] += n;
	if (p->is_link) {
		enum meddler_place way = from == 0 ? MEDDLER_TO_SERVER : MEDDLER_FROM_SERVER;
		return here && fault.place == way && fault.bytes < p->passed[from] ? fault.bytes - before : n;
	}
	size_t safe = n;
	for (size_t i = 0; i < n && from == 0; i++)
		if (read_byte_locked(&p->requests, bytes[i], here && fault.place == MEDDLER_REQUEST))
			safe = i;
	return safe;
}

/* Until the fault is over. */
static void stall(unsigned which)
{
	for (bool over = false; !over;) {
		serving_sleep_ms(STALL_POLL_MS);
		pthread_mutex_lock(&lock);
		over = n_faults != which;
		pthread_mutex_unlock(&lock);
	}
}

static void reset(const struct passage *p)
{
	const struct linger hard = {1, 0};
	for (int i = 0; i < 2; i++)
		setsockopt(p->fds[i], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

/* Returns whether the passage goes on. */
static bool harm(const struct passage *p, const struct meddler_fault *f, unsigned which)
{
	const enum meddler_harm kind = f->harm;
	if (kind == MEDDLER_DELAY)
		serving_sleep_ms(MEDDLER_DELAY_MS);
	if (kind == MEDDLER_CUT)
		reset(p);
	if (kind == MEDDLER_STALL)
		stall(which);
	if (kind == MEDDLER_KILL)
		kill(f->victim(p->server), SIGKILL);
	return kind != MEDDLER_CUT && kind != MEDDLER_STALL;
}

/* Forwards what has come from one end. Returns false at the end. */
static bool forward(struct passage *p, int from)
{
	uint8_t bytes[CHUNK];
	ssize_t got = recv(p->fds[from], bytes, sizeof(bytes), 0);
	if (got <= 0)
		return false;
	size_t n = (size_t)got;
	if (!p->knows_kind)
		p->is_link = bytes[0] == GW_PEERS_FIRST_BYTE;
	p->knows_kind = true;
	pthread_mutex_lock(&lock);
	size_t safe = safe_locked(p, from, bytes, n);
	const struct meddler_fault f = fault;
	const unsigned which = n_faults;
	if (safe < n)
		armed = false;
	pthread_mutex_unlock(&lock);
	if (!relay_send(p->fds[!from], bytes, safe))
		return false;
	return safe == n || (harm(p, &f, which) && relay_send(p->fds[!from], bytes + safe, n - safe));
}

static void *passage_main(void *arg)
{
	struct passage *p = arg;
	struct pollfd polls[2] = {{.fd = p->fds[0], .events = POLLIN}, {.fd = p->fds[1], .events = POLLIN}};
	bool on = true;
	while (on && (poll(polls, 2, -1) > 0 || errno == EINTR))
		for (int i = 0; i < 2 && on; i++)
			if (polls[i].revents)
				on = forward(p, i);
	close(p->fds[0]);
	close(p->fds[1]);
	free(p);
	pthread_mutex_lock(&lock);
	n_passages--;
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void *relay_main(void *arg)
{
	size_t server = (size_t)((struct relay *)arg - relays);
	for (;;) {
		struct passage *p = calloc(1, sizeof(*p));
		if (!p)
			relay_die("memory");
		p->server = server;
		p->fds[0] = relay_accept(relays[server].listener);
		pthread_mutex_lock(&lock);
		uint16_t port = targets[server];
		pthread_mutex_unlock(&lock);
		p->fds[1] = dial(port);
		if (p->fds[1] < 0) {
			close(p->fds[0]);
			free(p);
			continue;
		}
		pthread_mutex_lock(&lock);
		n_passages++;
		pthread_mutex_unlock(&lock);
		relay_start(passage_main, p);
	}
	return NULL;
}

void meddler_start(void)
{
	for (size_t i = 0; i < MEDDLER_SERVERS; i++) {
		relays[i].listener = relay_listen(&relays[i].port);
		relay_start(relay_main, &relays[i]);
	}
}

uint16_t meddler_port(size_t server)
{
	return relays[server].port;
}

void meddler_aim(size_t server, uint16_t port)
{
	pthread_mutex_lock(&lock);
	targets[server] = port;
	pthread_mutex_unlock(&lock);
}

bool meddler_is_idle(void)
{
	pthread_mutex_lock(&lock);
	bool idle = n_passages == 0;
	pthread_mutex_unlock(&lock);
	return idle;
}

void meddler_arm(const struct meddler_fault *f)
{
	pthread_mutex_lock(&lock);
	fault = *f;
	armed = true;
	n_seen = 0;
	n_faults++;
	pthread_mutex_unlock(&lock);
}

bool meddler_disarm(void)
{
	pthread_mutex_lock(&lock);
	bool happened = !armed;
	armed = false;
	n_faults++;
	pthread_mutex_unlock(&lock);
	return happened;
}
