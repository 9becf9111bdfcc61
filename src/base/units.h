/* Numbers as people read them. */
#ifndef GW_BASE_UNITS_H
#define GW_BASE_UNITS_H

#include <stdint.h>

#define GW_UNITS_TEXT 32

/* "812 B", "23.5 GiB": the same digits wherever a size is shown. Returns out. */
const char *gw_units_bytes(double bytes, char out[GW_UNITS_TEXT]);

/* "12 us", "3.4 ms", "1.2 s". */
const char *gw_units_seconds(double seconds, char out[GW_UNITS_TEXT]);

/* A time that has passed: "12 s", "3 min", "2 h 05 min", "4 d 3 h". */
const char *gw_units_age(uint64_t ms, char out[GW_UNITS_TEXT]);

#endif
