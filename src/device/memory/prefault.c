#include "device/memory/prefault.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Linux 5.14; older C libraries do not name it. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define STEP ((uintptr_t)1 << 20)
#define LEAD ((uintptr_t)512 << 10) /* what the receiver touches before the thread is awake */
#define PAGE ((uintptr_t)4096)      /* the smallest there is: larger ones are asked for whole */

/* Memory from next to end is still to be made present. */
struct gw_prefault {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t given;
	uintptr_t next, end;
	bool quit;
};

/* One step. The lock is held on entry and on return, not in between. */
static void step(struct gw_prefault *p)
{
	uintptr_t at = p->next;
	uintptr_t n = p->end - at < STEP ? p->end - at : STEP;

	p->next = at + n;
	pthread_mutex_unlock(&p->lock);
	int rc = madvise((void *)at, n, MADV_POPULATE_WRITE);
	pthread_mutex_lock(&p->lock);
	/* Too old a kernel, or memory that is gone, or none left: whoever writes will see. */
	if (rc && p->next == at + n)
		p->next = p->end = 0;
}

static void *run(void *arg)
{
	struct gw_prefault *p = arg;

	pthread_mutex_lock(&p->lock);
	while (!p->quit) {
		if (p->next < p->end)
			step(p);
		else
			pthread_cond_wait(&p->given, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

enum gw_status gw_prefault_new(struct gw_prefault **out)
{
	struct gw_prefault *p = calloc(1, sizeof(*p));

	if (!p)
		return GW_ERR_NOMEM;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->given, NULL);
	if (pthread_create(&p->thread, NULL, run, p)) {
		pthread_cond_destroy(&p->given);
		pthread_mutex_destroy(&p->lock);
		free(p);
		return GW_ERR_SYSTEM;
	}
	*out = p;
	return GW_OK;
}

void gw_prefault_free(struct gw_prefault *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	pthread_cond_signal(&p->given);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	pthread_cond_destroy(&p->given);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void gw_prefault_range(struct gw_prefault *p, const uint8_t *begin, const uint8_t *end)
{
	uintptr_t first = ((uintptr_t)begin + LEAD) & ~(PAGE - 1);
	uintptr_t last = (uintptr_t)end & ~(PAGE - 1);

	pthread_mutex_lock(&p->lock);
	/* Where the last range has already been gone through, there is nothing to do again. */
	if (p->next > first && p->next <= last)
		first = p->next;
	p->next = first;
	p->end = last;
	if (first < last)
		pthread_cond_signal(&p->given);
	pthread_mutex_unlock(&p->lock);
}
