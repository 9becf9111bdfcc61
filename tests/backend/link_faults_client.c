#include "backend/link_faults.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/ranks.h"

#define N MEDDLER_SERVERS

static float values[FAULTS_LARGE];

/* Like a program, which learns of a loss when it computes. */
static bool is_told_of_a_loss(struct ranks *r)
{
	bool failed = false;
	for (size_t i = 0; i < r->n; i++) {
		struct ggml_context *context = r->rank[i].context;
		struct ggml_cgraph *graph = ggml_new_graph_custom(context, 2, false);
		ggml_build_forward_expand(graph, ggml_scale_inplace(context, r->rank[i].tensor, 1));
		failed |= ggml_backend_graph_compute(r->rank[i].backend, graph) != GGML_STATUS_SUCCESS;
	}
	return failed;
}

static void fill(struct rank *rank, size_t n, float value)
{
	for (size_t i = 0; i < n; i++)
		values[i] = value;
	ggml_backend_tensor_set(rank->tensor, values, 0, n * sizeof(float));
}

static bool holds(struct rank *rank, size_t n, float value)
{
	bool right = true;
	ggml_backend_tensor_get(rank->tensor, values, 0, n * sizeof(float));
	for (size_t i = 0; i < n; i++)
		right &= values[i] > value - 0.5F && values[i] < value + 0.5F;
	return right;
}

static bool sum_is_right(struct ranks *r, size_t n)
{
	ranks_resize(r, n);
	for (size_t i = 0; i < r->n; i++)
		fill(&r->rank[i], n, (float)(i + 1));
	float sum = 0;
	bool right = ranks_reduce(r);
	for (size_t i = 0; i < r->n; i++)
		sum += (float)(i + 1);
	for (size_t i = 0; i < r->n; i++)
		right &= holds(&r->rank[i], n, sum);
	return right;
}

static bool copy_is_right(struct ranks *r)
{
	ranks_resize(r, FAULTS_SMALL);
	fill(&r->rank[0], FAULTS_SMALL, 7);
	fill(&r->rank[1], FAULTS_SMALL, 8);
	ggml_backend_tensor_copy_async(r->rank[0].backend, r->rank[1].backend, r->rank[0].tensor, r->rank[1].tensor);
	return holds(&r->rank[1], FAULTS_SMALL, 7);
}

static enum faults_outcome use_servers(const char (*endpoints)[GW_ENDPOINT_MAX])
{
	struct ranks r;
	ranks_open_at(&r, endpoints, N, FAULTS_LARGE);
	bool linked = ranks_connect(&r);
	bool right = !linked || (sum_is_right(&r, FAULTS_SMALL) && sum_is_right(&r, FAULTS_LARGE));
	right = right && copy_is_right(&r);
	enum faults_outcome outcome = linked ? FAULTS_NONE : FAULTS_UNLINKED;
	if (!right)
		outcome = is_told_of_a_loss(&r) ? FAULTS_LOST : FAULTS_WRONG;
	ranks_close(&r);
	return outcome;
}

int faults_client(char **arguments)
{
	char endpoints[N][GW_ENDPOINT_MAX];
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < N; i++)
		snprintf(endpoints[i], sizeof(endpoints[i]), "%s", arguments[i]);
	const char(*at)[GW_ENDPOINT_MAX] = (const char(*)[GW_ENDPOINT_MAX])endpoints;
	printf(FAULTS_OUTCOME "%d\n", (int)use_servers(at));
	/* The servers are repaired now. */
	(void)getchar();
	printf(FAULTS_OUTCOME "%d\n", (int)use_servers(at));
	return EXIT_SUCCESS;
}
