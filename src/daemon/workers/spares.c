#include "daemon/workers/spares.h"

#define REVIEW_NS UINT64_C(30000000000)

static void plan_review(struct gw_spares *s, uint64_t now)
{
	s->low = s->wanted;
	s->review_at = s->wanted > s->min ? now + REVIEW_NS : UINT64_MAX;
}

void gw_spares_init(struct gw_spares *s, unsigned min, unsigned max)
{
	*s = (struct gw_spares){.min = min, .max = max, .wanted = min};
	plan_review(s, 0);
}

void gw_spares_taken(struct gw_spares *s, uint64_t now, unsigned left, bool missed)
{
	(void)gw_spares_wanted(s, now);
	if (missed && s->wanted < s->max) {
		s->wanted++;
		if (s->review_at == UINT64_MAX)
			s->review_at = now + REVIEW_NS;
	}
	if (left < s->low)
		s->low = left;
}

unsigned gw_spares_wanted(struct gw_spares *s, uint64_t now)
{
	if (now < s->review_at)
		return s->wanted;
	unsigned less = s->low > s->wanted ? s->wanted : (s->low + 1) / 2;
	s->wanted = s->wanted - less > s->min ? s->wanted - less : s->min;
	plan_review(s, now);
	return s->wanted;
}
