/* Looking for an event for a moment before sleeping. Waking a sleeping thread takes tens of microseconds, which is long
 * for something that happens 50 or 100 times in a token. */
#ifndef GW_BASE_SPIN_H
#define GW_BASE_SPIN_H

#include <stdbool.h>
#include <stdint.h>

/* Values of gw_clock_ns. */
struct gw_spin {
	uint64_t now, until;
};

/* Begins to look for ns nanoseconds. It ends at once if this thread has lately lost the processor to others while it
 * looked: then a thread that sleeps is scheduled sooner than one that is ready to run. */
struct gw_spin gw_spin_start(uint64_t ns);

static inline bool gw_spin_goes_on(const struct gw_spin *s)
{
	return s->now < s->until;
}

/* Leaves the processor to other threads that want it, and ends if they keep it for longer than a peer's part takes. */
void gw_spin_yield(struct gw_spin *s);

#endif
