/* What `ggwire bench` measures on one connection. */
#ifndef GW_CLI_BENCH_RUN_H
#define GW_CLI_BENCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "cli/stats.h"
#include "rpc/commands.h"

/* Bytes that were moved one way. */
struct gw_bench_rate {
	bool done;
	uint64_t bytes;
	uint64_t ns;
	uint64_t cpu_ns; /* of this process, user and system */
};

struct gw_bench_result {
	struct gw_stats latency;
	struct gw_bench_rate upload, download;         /* SET_TENSOR and GET_TENSOR */
	struct gw_bench_rate raw_upload, raw_download; /* EXT_STREAM: not done with stock servers */
	struct gw_stats graph;
	uint64_t ns, cpu_ns; /* of everything above */
};

enum gw_bench_phase {
	GW_BENCH_LATENCY,
	GW_BENCH_UPLOAD,
	GW_BENCH_DOWNLOAD,
	GW_BENCH_RAW_UPLOAD,
	GW_BENCH_RAW_DOWNLOAD,
	GW_BENCH_GRAPH,
	GW_BENCH_PHASES
};

struct gw_bench_setup {
	struct gw_client *client;
	uint32_t server_flags; /* GW_EXT_SERVER_... */
	uint32_t device;
	uint64_t device_free;                                                  /* bytes */
	uint64_t phase_ns;                                                     /* how long each phase takes */
	void (*progress)(void *user, enum gw_bench_phase phase, double share); /* of the phase, 0 to 1 */
	void *user;
};

/* Runs all phases the server can do. Buffers that it allocates there are freed again. *out is to be freed with
 * gw_bench_result_free, also on failure, where it has the phases that were through. GW_ERR_COMPUTE: the server computed
 * something else than it was asked for, or gave back other bytes than it was given. */
enum gw_status gw_bench_run(const struct gw_bench_setup *setup, struct gw_bench_result *out, struct gw_error *err);
void gw_bench_result_free(struct gw_bench_result *r);

#endif
