#include "base/clock.h"

#include <limits.h>

uint64_t gw_clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * GW_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t gw_clock_coarse_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * GW_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t gw_clock_deadline(int ms)
{
	return ms < 0 ? GW_CLOCK_NEVER : gw_clock_ns() + (uint64_t)ms * GW_NS_PER_MS;
}

int gw_clock_ms_left(uint64_t deadline)
{
	if (deadline == GW_CLOCK_NEVER)
		return -1;
	uint64_t now = gw_clock_ns();
	uint64_t ms = now < deadline ? (deadline - now + GW_NS_PER_MS - 1) / GW_NS_PER_MS : 0;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

struct timespec gw_clock_timespec(uint64_t ns)
{
	return (struct timespec){(time_t)(ns / GW_NS_PER_S), (long)(ns % GW_NS_PER_S)};
}

uint64_t gw_clock_unix_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec < 0 ? 0 : (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
