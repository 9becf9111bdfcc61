#include "rpc/dest.h"

#include <stdint.h>
#include <string.h>

#include "base/checked.h"

void gw_dest_zero(const struct gw_dest *dest)
{
	for (size_t i = 0; dest->size > 0 && i < dest->n; i++)
		memset((uint8_t *)dest->base + i * dest->stride, 0, dest->size);
}

bool gw_dest_valid(const struct gw_dest *dest)
{
	uint64_t bytes;
	return gw_mul_u64(dest->size, dest->n, &bytes) && bytes <= SIZE_MAX / 2;
}
