/* How `ggwire bench` tells what it has measured. */
#ifndef GW_CLI_BENCH_REPORT_H
#define GW_CLI_BENCH_REPORT_H

#include <stdint.h>

#include "cli/bench/run.h"
#include "cli/query.h"

#define GW_BENCH_MAX_RUNS 2

/* One connection. */
struct gw_bench_connection {
	char transport[24];
	uint64_t connect_ns;
	struct gw_bench_result result;
};

struct gw_bench_report {
	const char *endpoint;
	char server[GW_QUERY_TEXT];    /* what it is; as the server says */
	bool is_known;                 /* about is set: the server has answered */
	struct gw_query_about about;   /* by the first connection */
	char device[GW_EXT_TEXT + 64]; /* what is measured; as the server says */
	char why_not_rdma[320];        /* "" where RDMA was measured, or nothing can be said */
	struct gw_bench_connection runs[GW_BENCH_MAX_RUNS];
	unsigned n;
};

/* For a person, on standard output. */
void gw_bench_report_print(struct gw_bench_report *r);

/* error may be NULL. */
void gw_bench_report_json(struct gw_bench_report *r, const char *error);

#endif
