#include "cli/top/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/status/report.h"

static void explain(const struct gw_query *q, struct gw_error *why)
{
	if (q->info.version[0])
		gw_error_set(why, GW_ERR_UNSUPPORTED, "ggwire %s is too old to report its status", q->info.version);
	else
		gw_error_set(why, GW_ERR_UNSUPPORTED,
			"this is a stock server: only ggwire servers report their clients and activity");
}

static enum gw_status devices_only(struct gw_client *c, struct gw_query *q, struct gw_snapshot *s, struct gw_error *err)
{
	enum gw_status status = gw_query_memory(c, q, err);
	if (status)
		return status;
	explain(q, &s->why);
	s->status.devices = calloc(q->info.n_devices ? q->info.n_devices : 1, sizeof(*s->status.devices));
	if (!s->status.devices)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	s->status.n_devices = q->info.n_devices;
	for (uint32_t i = 0; i < s->status.n_devices; i++) {
		const struct gw_ext_device *from = &q->info.devices[i];
		struct gw_ext_status_device *to = &s->status.devices[i];
		to->total = q->memory[i].total;
		to->free = q->memory[i].free;
		to->age_ms = GW_EXT_UNKNOWN;
		memcpy(to->description, from->description, sizeof(to->description));
		if (from->name[0])
			memcpy(to->name, from->name, sizeof(to->name));
		else
			snprintf(to->name, sizeof(to->name), "%u", (unsigned)i);
	}
	return GW_OK;
}

/* Only servers that tell nothing else are asked for the memory of their devices. */
enum gw_status gw_snapshot_take(struct gw_client *c, struct gw_snapshot *out, struct gw_error *err)
{
	struct gw_snapshot s = {0};
	struct gw_query q;
	enum gw_status status = gw_query_server(c, &q, err);
	if (status)
		return status;
	s.complete = q.info.flags & GW_EXT_SERVER_STATUS;
	if (s.complete)
		status = gw_client_status(c, &s.status, err);
	else
		status = devices_only(c, &q, &s, err);
	if (!status) {
		gw_query_about(c, &q, &s.about);
		*out = s;
	}
	gw_query_free(&q);
	return status;
}

void gw_snapshot_free(struct gw_snapshot *s)
{
	gw_ext_status_free(&s->status);
}

void gw_snapshot_json(struct gw_json *j, const char *endpoint, const struct gw_query_about *about,
	const struct gw_ext_status *status, bool complete)
{
	gw_query_server_json_begin(j, endpoint, about);
	if (complete)
		gw_report_json_server(j, status);
	gw_json_object_end(j);
	if (complete)
		gw_report_json_activity(j, status);
	else
		gw_report_json_devices(j, status);
}
