#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/comm.h"
#include "backend/ranks.h"
#include "backend/reg.h"

void ranks_serve(struct serving *servers, size_t n, const char *const *options)
{
	const char *args[16] = {"-d", "CPU", "-t", "1", "-p", "0"}, *host = getenv("GGWIRE_TEST_HOST");
	size_t k = 6;
	if (host) {
		args[k++] = "-H";
		args[k++] = host;
	}
	for (; options && *options; options++)
		args[k++] = *options;
	for (size_t i = 0; i < n; i++)
		serving_start(&servers[i], args);
}

void ranks_serve_tls(struct serving *servers, size_t n)
{
	static const char line[] = "alice:0101010101010101010101010101010101010101010101010101010101010101\n";
	char file[] = "/tmp/gw-ranks-XXXXXX";
	int fd = mkstemp(file);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, line, sizeof(line) - 1), sizeof(line) - 1);
	/* All processes that need the file inherit the descriptor, so it needs no name. */
	unlink(file);
	snprintf(file, sizeof(file), "/dev/fd/%d", fd);
	setenv("GGWIRE_PSK_FILE", file, 1);
	ranks_serve(servers, n, (const char *const[]){"--tls", "require", "--tls-psk", file, NULL});
}

static void rank_open(struct rank *r, const char *endpoint, size_t elements)
{
	const struct ggml_init_params params = {.mem_size = 4096 * ggml_tensor_overhead(), .no_alloc = true};
	assert_true(gw_reg_init(NULL));
	ggml_backend_dev_t device = gw_reg_device(endpoint, 0);
	assert_non_null(device);
	r->backend = ggml_backend_dev_init(device, NULL);
	assert_non_null(r->backend);
	r->context = ggml_init(params);
	assert_non_null(r->context);
	r->whole = ggml_new_tensor_1d(r->context, GGML_TYPE_F32, (int64_t)elements);
	r->buffer = ggml_backend_alloc_ctx_tensors(r->context, r->backend);
	assert_non_null(r->buffer);
}

void ranks_open_at(struct ranks *r, const char (*endpoints)[GW_ENDPOINT_MAX], size_t n, size_t elements)
{
	*r = (struct ranks){.n = n};
	for (size_t i = 0; i < n; i++)
		rank_open(&r->rank[i], endpoints[i], elements);
}

void ranks_open(struct ranks *r, struct serving *servers, const size_t *which, size_t n, size_t elements)
{
	char endpoints[RANKS_MAX][GW_ENDPOINT_MAX];
	for (size_t i = 0; i < n; i++)
		serving_endpoint(&servers[which[i]], endpoints[i], sizeof(endpoints[i]));
	ranks_open_at(r, (const char(*)[GW_ENDPOINT_MAX])endpoints, n, elements);
}

void ranks_close(struct ranks *r)
{
	if (r->comm)
		gw_comm_free(r->comm);
	for (size_t i = 0; i < r->n; i++) {
		ggml_backend_buffer_free(r->rank[i].buffer);
		ggml_backend_free(r->rank[i].backend);
		ggml_free(r->rank[i].context);
	}
	*r = (struct ranks){0};
}

bool ranks_connect(struct ranks *r)
{
	ggml_backend_t backends[RANKS_MAX];
	for (size_t i = 0; i < r->n; i++)
		backends[i] = r->rank[i].backend;
	r->comm = gw_comm_init(backends, r->n);
	return r->comm;
}

void ranks_reset(struct ranks *r)
{
	gw_comm_free(r->comm);
	r->comm = NULL;
}

void ranks_resize(struct ranks *r, size_t n)
{
	for (size_t i = 0; i < r->n; i++) {
		struct rank *one = &r->rank[i];
		one->tensor = ggml_view_1d(one->context, one->whole, (int64_t)n, 0);
		assert_int_equal(ggml_backend_view_init(one->tensor), GGML_STATUS_SUCCESS);
		one->tensor->flags |= GGML_TENSOR_FLAG_COMPUTE;
	}
}

bool ranks_reduce(struct ranks *r)
{
	struct ggml_tensor *tensors[RANKS_MAX];
	for (size_t i = 0; i < r->n; i++)
		tensors[i] = r->rank[i].tensor;
	return gw_comm_allreduce(r->comm, tensors);
}
