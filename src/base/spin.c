#include "base/spin.h"

#include <sched.h>

#include "base/clock.h"

/* A peer on the same processor does its part and sleeps again within this time. */
#define LONG_NS (UINT64_C(100) * 1000)

/* A thread that has lost the processor for a time does not yield it again for so many times as long. */
#define REST 50

static _Thread_local uint64_t rests_until;

struct gw_spin gw_spin_start(uint64_t ns)
{
	struct gw_spin s = {0, 0};
	if (ns == 0)
		return s;
	s.now = gw_clock_ns();
	s.until = s.now < rests_until ? s.now : s.now + ns;
	return s;
}

void gw_spin_yield(struct gw_spin *s)
{
	uint64_t before = s->now;
	sched_yield();
	s->now = gw_clock_ns();
	if (s->now - before <= LONG_NS)
		return;
	rests_until = s->now + REST * (s->now - before);
	s->until = s->now;
}
