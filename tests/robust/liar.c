/* A relay between a client and a server that lies in the server's name.
 *
 * Usage: liar SERVER_PORT SEED
 *
 * It prints the port on which it listens, forwards requests and replies, and changes numbers in replies that describe
 * the server: sizes, alignments, addresses, memory, supported operations. The seed determines which numbers are lies,
 * and how often; with seed 0 none are. It runs until it is killed. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "robust/relay.h"
#include "wire/command.h"
#include "wire/cursor.h"
#include "wire/dialect.h"

#define MAX_OPEN 4096 /* requests without a reply so far */
#define MAX_BODY 4096 /* replies with larger bodies are forwarded unchanged */

struct relay {
	int client, server;
	const struct gw_dialect *dialect;
	pthread_mutex_t lock; /* protects the following */
	uint8_t open[MAX_OPEN];
	size_t first, n;
	bool over;
};

/* The replies to lie about. The seed selects each with one bit. */
static const uint8_t subjects[] = {GW_CMD_ALLOC_BUFFER, GW_CMD_GET_ALIGNMENT, GW_CMD_GET_MAX_SIZE,
	GW_CMD_BUFFER_GET_BASE, GW_CMD_SET_TENSOR_HASH, GW_CMD_COPY_TENSOR, GW_CMD_GET_DEVICE_MEMORY,
	GW_CMD_GET_ALLOC_SIZE, GW_CMD_DEVICE_COUNT, GW_CMD_EXT_INFO, GW_CMD_EXT_SUPPORTS_OP, GW_CMD_EXT_ALLOC};
#define N_SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects state */
static uint64_t state;
static bool lies[N_SUBJECTS];
static unsigned rate; /* how often to lie, out of 8 */

static uint64_t next(void)
{
	pthread_mutex_lock(&lock);
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	uint64_t value = state;
	pthread_mutex_unlock(&lock);
	return value;
}

static void choose(uint64_t seed)
{
	state = seed * UINT64_C(0x9e3779b97f4a7c15);
	if (seed == 0)
		return;
	for (int i = 0; i < 8; i++)
		next();
	lies[seed % N_SUBJECTS] = true;
	lies[next() % N_SUBJECTS] = true;
	rate = (unsigned)(1 + next() % 8);
}

static bool receive(int fd, void *out, size_t n)
{
	return n == 0 || recv(fd, out, n, MSG_WAITALL) == (ssize_t)n;
}

static bool pass(int from, int to, uint64_t n)
{
	uint8_t data[65536];
	while (n > 0) {
		size_t part = n < sizeof(data) ? (size_t)n : sizeof(data);
		if (!receive(from, data, part) || !relay_send(to, data, part))
			return false;
		n -= part;
	}
	return true;
}

static bool has_reply(const struct relay *r, unsigned cmd)
{
	return gw_dialect_reply(r->dialect, cmd) != GW_REPLY_NONE;
}

static bool expect(struct relay *r, unsigned cmd)
{
	pthread_mutex_lock(&r->lock);
	bool room = r->n < MAX_OPEN;
	if (room)
		r->open[(r->first + r->n++) % MAX_OPEN] = (uint8_t)cmd;
	pthread_mutex_unlock(&r->lock);
	return room;
}

static bool pass_request(struct relay *r)
{
	uint8_t head[GW_REQUEST_HEADER];
	if (!receive(r->client, head, sizeof(head)))
		return false;
	if (has_reply(r, head[0]) && !expect(r, head[0]))
		return false;
	return relay_send(r->server, head, sizeof(head)) && pass(r->client, r->server, gw_le64(head + 1));
}

static bool is_lied_about(unsigned cmd)
{
	for (size_t i = 0; i < N_SUBJECTS; i++)
		if (subjects[i] == cmd)
			return lies[i] && next() % 8 < rate;
	return false;
}

static uint64_t edge(uint64_t honest)
{
	static const uint64_t edges[] = {0, 1, 2, 3, 33, 100, 4096, 1 << 20, 1 << 30, UINT32_MAX, UINT64_C(1) << 40,
		UINT64_C(1) << 62, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX - 63, UINT64_MAX};
	uint64_t which = next() % 20;
	return which < 16 ? edges[which] : which == 16 ? honest + 1 : which == 17 ? honest - 1 : honest * 2;
}

/* Replaces a number in a reply: 8 bytes at a random multiple of 4, or all if there are fewer. */
static void lie(uint8_t *body, size_t size)
{
	uint8_t number[8] = {0};
	size_t at = size > 8 ? next() % ((size - 8) / 4 + 1) * 4 : 0;
	size_t n = size - at < 8 ? size - at : 8;
	memcpy(number, body + at, n);
	gw_put_le64(number, edge(gw_le64(number)));
	memcpy(body + at, number, n);
}

static bool pass_reply(struct relay *r)
{
	uint8_t head[GW_REPLY_HEADER], body[MAX_BODY];
	if (!receive(r->server, head, sizeof(head)))
		return false;
	uint64_t size = gw_le64(head);
	if (size == GW_REPLY_ALIVE)
		return relay_send(r->client, head, sizeof(head));
	pthread_mutex_lock(&r->lock);
	bool known = r->n > 0;
	unsigned cmd = r->open[r->first];
	r->first = (r->first + 1) % MAX_OPEN;
	r->n -= known;
	pthread_mutex_unlock(&r->lock);
	if (!known || !relay_send(r->client, head, sizeof(head)))
		return false;
	if (size == 0 || size > sizeof(body) || !is_lied_about(cmd))
		return pass(r->server, r->client, size);
	if (!receive(r->server, body, (size_t)size))
		return false;
	lie(body, (size_t)size);
	return relay_send(r->client, body, (size_t)size);
}

static void *requests(void *arg)
{
	struct relay *r = arg;
	while (pass_request(r))
		;
	shutdown(r->server, SHUT_RDWR);
	shutdown(r->client, SHUT_RDWR);
	return NULL;
}

static void *serve(void *arg)
{
	struct relay *r = arg;
	pthread_t thread;
	if (pthread_create(&thread, NULL, requests, r))
		relay_die("thread");
	while (pass_reply(r))
		;
	shutdown(r->server, SHUT_RDWR);
	shutdown(r->client, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(r->client);
	close(r->server);
	free(r);
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	choose(strtoull(argv[2], NULL, 10));
	int listener = relay_listen_and_tell();
	for (;;) {
		struct relay *r = calloc(1, sizeof(*r));
		if (!r)
			relay_die("memory");
		r->client = relay_accept(listener);
		r->server = relay_connect(atoi(argv[1]));
		r->dialect = &gw_dialect_8_0;
		pthread_mutex_init(&r->lock, NULL);
		relay_start(serve, r);
	}
}
