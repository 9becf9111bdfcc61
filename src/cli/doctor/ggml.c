/* ggml: which one, whether its private structs are known, and the devices that would be lent. */
#include <stdio.h>
#include <string.h>

#include <ggml.h>

#include "base/units.h"
#include "cli/doctor/checks.h"
#include "cli/verb.h"
#include "daemon/workers/probe.h"
#include "ggml/abi.h"
#include "ggml/bind.h"
#include "ggml/layout.h"
#include "ggml/numbers.h"

#define AREA "ggml"

static const char *graph_text(const struct gw_abi *abi)
{
	return abi->graph_uid       ? "graphs have a uid"
	       : abi->graph_private ? "graphs have no uid"
				    : "graphs are of unknown layout: each is sent whole";
}

static const char *advice(enum gw_status status, const char *dir)
{
	if (status == GW_ERR_UNSUPPORTED)
		return "update the program that brings this ggml";
	return dir ? "name the directory that holds libggml-base.so and libggml.so"
		   : "install ggml, or name its directory: --host DIR, ggwire serve --ggml DIR";
}

bool gw_doctor_ggml(const char *dir, struct gw_findings *f)
{
	struct gw_error err;
	enum gw_status status = gw_ggml_load(dir, &err);
	if (status != GW_OK) {
		gw_found(f, GW_FINDING_PROBLEM, AREA, "no ggml can be loaded: %s", err.text);
		gw_found_advice(f, "%s", advice(status, dir));
		return false;
	}
	gw_found(f, GW_FINDING_OK, AREA, "%s, %s", gw_ggml_text(), gw_ggml_path());
	const struct gw_abi *abi = gw_abi_get(&err);
	const struct gw_numbers *numbers = abi ? gw_numbers_get(&err) : NULL;
	if (!numbers) {
		gw_found(f, GW_FINDING_PROBLEM, AREA, "%s", err.text);
		gw_found_advice(f, "use ggml's own RPC plug-in, or a ggwire that knows this ggml");
		return false;
	}
	const struct gw_version *v = &numbers->dialect->version;
	gw_found(f, GW_FINDING_OK, AREA,
		"backend API %d, %u operations, %u types, %s; a server here speaks protocol %u.%u.%u", abi->api_version,
		(unsigned)numbers->ops->count, (unsigned)numbers->n_types, graph_text(abi), (unsigned)v->major,
		(unsigned)v->minor, (unsigned)v->patch);
	return true;
}

void gw_doctor_devices(const char *dir, struct gw_findings *f)
{
	struct gw_control_setup setup = {.probe = true, .has_log_level = true, .log_level = GW_LOG_ERROR};
	struct gw_probe probe;
	struct gw_error err;
	char left[GW_UNITS_TEXT], total[GW_UNITS_TEXT];
	snprintf(setup.ggml, sizeof(setup.ggml), "%s", dir ? dir : "");
	if (gw_probe_run(&setup, -1, &probe, &err)) {
		gw_found(f, GW_FINDING_PROBLEM, AREA, "there is no device to lend: %s", err.text);
		gw_found_advice(f, "install a backend of ggml (libggml0 has the CPU's), and the driver of the device");
		return;
	}
	for (size_t i = 0; i < probe.n_devices; i++)
		gw_found(f, GW_FINDING_OK, AREA, "device %s: %s, %s free of %s", probe.devices[i].name,
			probe.devices[i].description, gw_units_bytes((double)probe.devices[i].free, left),
			gw_units_bytes((double)probe.devices[i].total, total));
	gw_probe_free(&probe);
}
