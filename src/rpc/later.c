#include "rpc/later.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"

#define HELD_MAX 64
#define SHORTEST_NS (UINT64_C(30) * 1000)
#define LONGEST_NS GW_NS_PER_MS

/* A leaf, taken with or without locks of connections. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct gw_later *held[HELD_MAX];
static unsigned n_sending;         /* threads that use what they have taken out of held */
static uint64_t known_burst;       /* that has begun, */
static uint64_t began, due;        /* when it did, and when what is held has to leave */
static atomic_size_t n_held;       /* written under the lock */
static atomic_uint n_waiting;      /* threads */
static _Atomic uint64_t burst = 1; /* number of the current one */

/* Under the lock, which is not held meanwhile. */
static void send_held(const struct gw_later *except)
{
	struct gw_later *mine[HELD_MAX];
	size_t n = atomic_load(&n_held);
	for (size_t i = 0; i < n; i++)
		mine[i] = held[i];
	atomic_store(&n_held, 0);
	n_sending++;
	pthread_mutex_unlock(&lock);
	for (size_t i = 0; i < n; i++)
		if (mine[i] != except)
			mine[i]->flush(mine[i]);
	pthread_mutex_lock(&lock);
	if (--n_sending == 0)
		pthread_cond_broadcast(&changed);
}

static void hold(struct gw_later *l)
{
	size_t n = atomic_load(&n_held);
	for (size_t i = 0; i < n; i++)
		if (held[i] == l)
			return;
	held[n] = l;
	atomic_store(&n_held, n + 1);
}

/* Whether what is held has to leave now that l's is added. */
static bool is_due(struct gw_later *l, uint64_t now)
{
	uint64_t current = atomic_load(&burst);
	bool first = l->burst != current;
	if (known_burst != current)
		began = now;
	known_burst = l->burst = current;
	return first || now >= due || atomic_load(&n_held) == HELD_MAX || atomic_load(&n_waiting) > 0;
}

static uint64_t patience(uint64_t now)
{
	uint64_t ns = 3 * (now - began);
	if (ns < SHORTEST_NS)
		return SHORTEST_NS;
	return ns < LONGEST_NS ? ns : LONGEST_NS;
}

void gw_later_send(struct gw_later *l)
{
	uint64_t now = gw_clock_ns();
	pthread_mutex_lock(&lock);
	hold(l);
	if (is_due(l, now)) {
		due = now + patience(now);
		send_held(NULL);
	}
	pthread_mutex_unlock(&lock);
}

void gw_later_send_others(const struct gw_later *l)
{
	if (atomic_load(&n_held) == 0)
		return;
	pthread_mutex_lock(&lock);
	send_held(l);
	pthread_mutex_unlock(&lock);
}

void gw_later_begin_wait(void)
{
	atomic_fetch_add(&n_waiting, 1);
}

void gw_later_end_wait(void)
{
	atomic_fetch_add(&burst, 1);
	atomic_fetch_sub(&n_waiting, 1);
}

void gw_later_forget(const struct gw_later *l)
{
	pthread_mutex_lock(&lock);
	size_t n = 0;
	for (size_t i = 0; i < atomic_load(&n_held); i++)
		if (held[i] != l)
			held[n++] = held[i];
	atomic_store(&n_held, n);
	while (n_sending > 0)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}
