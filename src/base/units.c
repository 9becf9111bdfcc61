#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>

const char *gw_units_bytes(double bytes, char out[GW_UNITS_TEXT])
{
	static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t i = 0;
	while (bytes >= 1000 && i + 1 < sizeof(names) / sizeof(names[0])) {
		bytes /= 1024;
		i++;
	}
	snprintf(out, GW_UNITS_TEXT, i > 0 ? "%.1f %s" : "%.0f %s", bytes, names[i]);
	return out;
}

const char *gw_units_seconds(double seconds, char out[GW_UNITS_TEXT])
{
	static const char *const names[] = {"s", "ms", "us", "ns"};
	size_t i = 0;
	while (seconds < 0.9995 && i + 1 < sizeof(names) / sizeof(names[0])) {
		seconds *= 1000;
		i++;
	}
	snprintf(out, GW_UNITS_TEXT, seconds > 0 && seconds < 9.95 ? "%.1f %s" : "%.0f %s", seconds, names[i]);
	return out;
}

const char *gw_units_age(uint64_t ms, char out[GW_UNITS_TEXT])
{
	uint64_t s = ms / 1000, min = s / 60, h = min / 60, d = h / 24;
	if (d > 0)
		snprintf(out, GW_UNITS_TEXT, "%" PRIu64 " d %" PRIu64 " h", d, h % 24);
	else if (h > 0)
		snprintf(out, GW_UNITS_TEXT, "%" PRIu64 " h %02" PRIu64 " min", h, min % 60);
	else if (min > 0)
		snprintf(out, GW_UNITS_TEXT, "%" PRIu64 " min", min);
	else
		snprintf(out, GW_UNITS_TEXT, "%" PRIu64 " s", s);
	return out;
}
