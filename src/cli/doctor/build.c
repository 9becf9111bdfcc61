#include <string.h>

#include "cli/doctor/checks.h"
#include "version.h"

static const struct {
	const char *name;
	int has;
	const char *package, *purpose;
} features[] = {
#define ROW(name, has, package, purpose) {name, has, package, purpose},
	GGWIRE_FEATURES(ROW)
#undef ROW
};

/* RDMA is of use where there is a device for it, everything else everywhere. */
static bool is_usable(const struct gw_sources *s, const char *name)
{
	if (strcmp(name, "RDMA") != 0)
		return true;
	struct gw_source_names devices = gw_source_list(s->sys, "class/infiniband");
	bool any = devices.n > 0;
	gw_source_names_free(&devices);
	return any;
}

void gw_doctor_build(const struct gw_sources *s, struct gw_findings *f)
{
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		if (features[i].has || !is_usable(s, features[i].name))
			continue;
		gw_found(f, GW_FINDING_WARNING, "build", "this ggwire was built without %s: %s", features[i].name,
			features[i].purpose);
		gw_found_advice(f, "install %s and build it again", features[i].package);
	}
}
