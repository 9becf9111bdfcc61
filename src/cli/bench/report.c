#include "cli/bench/report.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/bench/graph.h"
#include "cli/verb.h"

#define MB 1e6

static double rate_of(const struct gw_bench_rate *r)
{
	return r->ns ? (double)r->bytes / ((double)r->ns / GW_NS_PER_S) : 0;
}

/* CPU time of this end for each byte. */
static double cpu_s_per_gb(const struct gw_bench_rate *r)
{
	return r->bytes ? (double)r->cpu_ns / (double)r->bytes : 0;
}

static void print_stats(const char *what, struct gw_stats *s)
{
	printf("  %-28s", what);
	if (s->n == 0)
		printf(" not measured\n");
	else
		printf(" %.3f ms (min %.3f, p99 %.3f, max %.3f)\n", gw_stats_avg_ms(s), gw_stats_min_ms(s),
			gw_stats_percentile_ms(s, 99), gw_stats_max_ms(s));
}

/* raw is what the connection can do without tensors. */
static void print_rate(const char *what, const struct gw_bench_rate *r, const struct gw_bench_rate *raw)
{
	if (!r->done) {
		printf("  %-28s not measured\n", what);
		return;
	}
	printf("  %-28s %.1f MB/s, %.2f s of CPU time a GB here", what, rate_of(r) / MB, cpu_s_per_gb(r));
	if (raw && raw->done && rate_of(raw) > 0)
		printf(", %.0f %% of the connection alone", 100 * rate_of(r) / rate_of(raw));
	putchar('\n');
}

static void print_run(struct gw_bench_connection *c)
{
	struct gw_bench_result *r = &c->result;
	printf("\n%s (connected in %.1f ms)\n", c->transport, (double)c->connect_ns / 1e6);
	print_stats("round trip", &r->latency);
	print_rate("upload", &r->upload, &r->raw_upload);
	print_rate("download", &r->download, &r->raw_download);
	if (r->raw_upload.done) {
		print_rate("the connection alone, up", &r->raw_upload, NULL);
		print_rate("the connection alone, down", &r->raw_download, NULL);
	}
	print_stats("graph of 64 small additions", &r->graph);
	printf("  %-28s %.2f s in %.1f s\n", "CPU time at this end", (double)r->cpu_ns / GW_NS_PER_S,
		(double)r->ns / GW_NS_PER_S);
}

void gw_bench_report_print(struct gw_bench_report *r)
{
	char safe[512];
	printf("%s: %s\n", r->endpoint, gw_text_safe(r->server, safe, sizeof(safe)));
	printf("%s\n", gw_text_safe(r->device, safe, sizeof(safe)));
	for (unsigned i = 0; i < r->n; i++)
		print_run(&r->runs[i]);
	if (r->why_not_rdma[0])
		printf("\nRDMA was not measured: %s\n", gw_text_safe(r->why_not_rdma, safe, sizeof(safe)));
	fflush(stdout);
}

static void json_stats(struct gw_json *j, const char *key, struct gw_stats *s)
{
	if (s->n == 0) {
		gw_json_null(j, key);
		return;
	}
	gw_json_object(j, key);
	gw_json_u64(j, "count", s->n);
	gw_json_number(j, "min", gw_stats_min_ms(s), 6);
	gw_json_number(j, "avg", gw_stats_avg_ms(s), 6);
	gw_json_number(j, "p99", gw_stats_percentile_ms(s, 99), 6);
	gw_json_number(j, "max", gw_stats_max_ms(s), 6);
	gw_json_object_end(j);
}

static void json_rate(struct gw_json *j, const char *key, const struct gw_bench_rate *r)
{
	if (!r->done) {
		gw_json_null(j, key);
		return;
	}
	gw_json_object(j, key);
	gw_json_u64(j, "bytes", r->bytes);
	gw_json_number(j, "seconds", (double)r->ns / GW_NS_PER_S, 6);
	gw_json_number(j, "bytes_per_second", rate_of(r), 0);
	gw_json_number(j, "cpu_seconds", (double)r->cpu_ns / GW_NS_PER_S, 6);
	gw_json_object_end(j);
}

static void json_run(struct gw_json *j, struct gw_bench_connection *c)
{
	struct gw_bench_result *r = &c->result;
	gw_json_object(j, NULL);
	gw_json_text(j, "transport", c->transport);
	gw_json_number(j, "connect_ms", (double)c->connect_ns / 1e6, 6);
	json_stats(j, "round_trip_ms", &r->latency);
	json_rate(j, "upload", &r->upload);
	json_rate(j, "download", &r->download);
	json_rate(j, "connection_upload", &r->raw_upload);
	json_rate(j, "connection_download", &r->raw_download);
	json_stats(j, "graph_ms", &r->graph);
	gw_json_u64(j, "graph_nodes", GW_BENCH_GRAPH_NODES);
	gw_json_number(j, "seconds", (double)r->ns / GW_NS_PER_S, 6);
	gw_json_number(j, "cpu_seconds", (double)r->cpu_ns / GW_NS_PER_S, 6);
	gw_json_object_end(j);
}

void gw_bench_report_json(struct gw_bench_report *r, const char *error)
{
	struct gw_buf out = {0};
	struct gw_json j;
	gw_json_begin(&j, &out);
	gw_json_object(&j, NULL);
	gw_query_server_json(&j, r->endpoint, r->is_known ? &r->about : NULL);
	gw_json_text(&j, "device", r->device[0] ? r->device : NULL);
	gw_json_array(&j, "runs");
	for (unsigned i = 0; i < r->n; i++)
		json_run(&j, &r->runs[i]);
	gw_json_array_end(&j);
	gw_json_text(&j, "why_not_rdma", r->why_not_rdma[0] ? r->why_not_rdma : NULL);
	gw_json_text(&j, "error", error);
	gw_json_object_end(&j);
	(void)gw_verb_print_json(&j);
}
