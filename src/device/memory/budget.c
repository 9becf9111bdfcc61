#include "device/memory/budget.h"

enum gw_status gw_budget_refuse(const struct gw_budget *b, uint64_t n, const char *what, struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_LIMIT, "%s needs %llu bytes, but only %llu of --max-memory %llu are left", what,
		(unsigned long long)n, (unsigned long long)gw_budget_left(b), (unsigned long long)b->max);
}
