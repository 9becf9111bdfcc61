#include "pace.h"

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t pace_send(const struct pace *pace, struct link *from, struct link *to, int64_t since, size_t n, int64_t *out)
{
	int64_t length = (int64_t)((double)n / pace->rate * 1e9) + 1;
	int64_t start = later(since, from->out_until);

	/* The receiver's link accepts the first byte while the sender's still holds the last. */
	from->out_until = start + length;
	to->in_until = later(start + pace->latency, to->in_until) + length;
	*out = from->out_until;
	return to->in_until;
}
