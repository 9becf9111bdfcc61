/* What a server says of itself, in the forms in which it is asked for. */
#ifndef GW_DAEMON_STATUS_REPORT_H
#define GW_DAEMON_STATUS_REPORT_H

#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"
#include "wire/ext_status.h"

/* The members "server", "totals", "devices" and "clients" of an object. */
void gw_report_json(struct gw_json *j, const struct gw_ext_status *s);

/* The members "totals", "devices" and "clients". */
void gw_report_json_activity(struct gw_json *j, const struct gw_ext_status *s);

/* Members of "server": "host", "endpoints", "time", "uptime_seconds", "max_clients" and "workers". */
void gw_report_json_server(struct gw_json *j, const struct gw_ext_status *s);

/* The member "devices" alone. */
void gw_report_json_devices(struct gw_json *j, const struct gw_ext_status *s);

/* Prometheus' text format, version 0.0.4. GW_ERR_NOMEM. */
enum gw_status gw_report_prometheus(const struct gw_ext_status *s, struct gw_buf *out);

/* For people: lines without characters that control a terminal. */
void gw_report_text(FILE *to, const struct gw_ext_status *s);

#endif
