#include "device/keeper.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "device/weights/cache_wire.h"

static void *answer(void *arg)
{
	struct keeper *k = arg;
	struct pollfd p = {.fd = k->sock, .events = POLLIN};
	enum gw_status st;

	do {
		poll(&p, 1, -1);
		st = gw_cache_answer(k->sock, k->domain);
	} while (st == GW_OK || st == GW_ERR_TIMEOUT);
	gw_cache_domain_close(k->domain);
	close(k->sock);
	return NULL;
}

int keeper_start(struct keeper *k, struct gw_cache_store *store, const char *domain)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	k->sock = fds[0];
	assert_int_equal(gw_cache_domain_open(store, domain, &k->domain), GW_OK);
	assert_int_equal(pthread_create(&k->thread, NULL, answer, k), 0);
	return fds[1];
}

struct gw_cache *keeper_cache(struct keeper *k, struct gw_cache_store *store, const char *domain)
{
	struct gw_cache *cache;

	assert_int_equal(gw_cache_new_remote(keeper_start(k, store, domain), &cache), GW_OK);
	return cache;
}

void keeper_kill(struct keeper *k)
{
	shutdown(k->sock, SHUT_RDWR);
}

void keeper_end(struct keeper *k)
{
	assert_int_equal(pthread_join(k->thread, NULL), 0);
}
