#include "device/memory/prefault.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/thread.h"

/* Linux 5.14; older C libraries do not name it. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define STEP ((uintptr_t)1 << 20)
#define LEAD ((uintptr_t)512 << 10) /* what the receiver touches before the thread is awake */
#define PAGE ((uintptr_t)4096)      /* the smallest there is: larger ones are asked for whole */

/* Memory from next to end is still to be made present. */
struct gw_prefault {
	struct gw_thread thread; /* its lock is a leaf */
	uintptr_t next, end;
};

/* One step. The lock is held on entry and on return, not in between. */
static void step(struct gw_prefault *p)
{
	uintptr_t at = p->next;
	uintptr_t n = p->end - at < STEP ? p->end - at : STEP;

	p->next = at + n;
	pthread_mutex_unlock(&p->thread.lock);
	int rc = madvise((void *)at, n, MADV_POPULATE_WRITE);
	pthread_mutex_lock(&p->thread.lock);
	/* The kernel is too old, or the memory was freed or ran out. The thread that writes will notice. */
	if (rc && p->next == at + n)
		p->next = p->end = 0;
}

static void *run(void *arg)
{
	struct gw_prefault *p = arg;

	pthread_mutex_lock(&p->thread.lock);
	while (!p->thread.quit) {
		if (p->next < p->end)
			step(p);
		else
			pthread_cond_wait(&p->thread.changed, &p->thread.lock);
	}
	pthread_mutex_unlock(&p->thread.lock);
	return NULL;
}

enum gw_status gw_prefault_new(struct gw_prefault **out)
{
	struct gw_prefault *p = calloc(1, sizeof(*p));

	if (!p)
		return GW_ERR_NOMEM;
	if (gw_thread_start(&p->thread, run, p)) {
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
	gw_thread_stop(&p->thread);
	free(p);
}

void gw_prefault_range(struct gw_prefault *p, const uint8_t *begin, const uint8_t *end)
{
	uintptr_t first = ((uintptr_t)begin + LEAD) & ~(PAGE - 1);
	uintptr_t last = (uintptr_t)end & ~(PAGE - 1);

	pthread_mutex_lock(&p->thread.lock);
	/* Where the last range has already been gone through, there is nothing to do again. */
	if (p->next > first && p->next <= last)
		first = p->next;
	p->next = first;
	p->end = last;
	if (first < last)
		pthread_cond_broadcast(&p->thread.changed);
	pthread_mutex_unlock(&p->thread.lock);
}
