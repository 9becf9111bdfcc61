#include "device/memory/cpu.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <ggml-cpu.h>

/* A ggml that is newer than its header here may have more members. Structs of this size are returned through a pointer,
 * whatever their size, so the callee writes its own and no more. */
struct plan {
	struct ggml_cplan plan;
	uint8_t room[256];
};

struct gw_cpu {
	struct plan (*plan_graph)(const struct ggml_cgraph *graph, int n_threads, struct ggml_threadpool *threadpool);
	enum ggml_status (*compute)(struct ggml_cgraph *graph, struct ggml_cplan *plan);
	int n_threads;
	struct gw_budget *budget; /* may be NULL */
	struct gw_host_memory scratch;
	uint64_t taken; /* bytes of the budget, for scratch */
	struct plan plan;
};

bool gw_cpu_is(ggml_backend_dev_t dev)
{
	ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(dev);

	return ggml_backend_dev_type(dev) == GGML_BACKEND_DEVICE_TYPE_CPU && reg &&
	       strcmp(ggml_backend_reg_name(reg), "CPU") == 0;
}

/* The library that a device comes from, once more; NULL if that cannot be found out. */
static void *library_of(ggml_backend_dev_t dev)
{
	Dl_info info;
	void *any = ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(dev), "ggml_backend_set_n_threads");

	if (!any || !dladdr(any, &info))
		return NULL;
	return dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
}

static void *function(void *library, const char *name)
{
	return library ? dlsym(library, name) : NULL;
}

enum gw_status gw_cpu_new(ggml_backend_dev_t dev, int n_threads, struct gw_budget *budget, struct gw_cpu **out)
{
	void *library = library_of(dev);
	void *plan = function(library, "ggml_graph_plan"), *compute = function(library, "ggml_graph_compute");

	/* The device keeps it loaded. */
	if (library)
		dlclose(library);
	if (!plan || !compute)
		return GW_ERR_UNSUPPORTED;
	struct gw_cpu *cpu = calloc(1, sizeof(*cpu));
	if (!cpu)
		return GW_ERR_NOMEM;
	memcpy(&cpu->plan_graph, &plan, sizeof(plan));
	memcpy(&cpu->compute, &compute, sizeof(compute));
	/* 0 is the default, as it is for the backend. */
	cpu->n_threads = n_threads;
	cpu->budget = budget;
	*out = cpu;
	return GW_OK;
}

static void scratch_free(struct gw_cpu *cpu)
{
	gw_host_memory_unmap(&cpu->scratch);
	gw_budget_give(cpu->budget, cpu->taken);
	cpu->taken = 0;
}

void gw_cpu_free(struct gw_cpu *cpu)
{
	if (!cpu)
		return;
	scratch_free(cpu);
	free(cpu);
}

/* Scratch memory of size bytes in place of what there is. */
static enum gw_status scratch_new(struct gw_cpu *cpu, size_t size, struct gw_error *err)
{
	scratch_free(cpu);
	if (!gw_budget_take(cpu->budget, size))
		return gw_budget_refuse(cpu->budget, size, "the scratch memory of the graph", err);
	cpu->taken = size;
	if (gw_host_memory_map(size, &cpu->scratch) == GW_OK)
		return GW_OK;
	scratch_free(cpu);
	return gw_error_set(err, GW_ERR_NOMEM, "cannot allocate %zu bytes of scratch memory for the graph", size);
}

/* The last size bytes, so that the guard page follows directly. */
static uint8_t *end_of(const struct gw_host_memory *m, size_t size)
{
	size_t whole = (size + GW_HOST_MEMORY_ALIGN - 1) / GW_HOST_MEMORY_ALIGN * GW_HOST_MEMORY_ALIGN;

	return m->pages + m->n_bytes - whole;
}

enum gw_status gw_cpu_plan(struct gw_cpu *cpu, const struct ggml_cgraph *graph, struct gw_error *err)
{
	cpu->plan = cpu->plan_graph(graph, cpu->n_threads, NULL);
	struct ggml_cplan *plan = &cpu->plan.plan;

	if (plan->work_size > cpu->scratch.n_bytes) {
		enum gw_status st = scratch_new(cpu, plan->work_size, err);
		if (st != GW_OK)
			return st;
	}
	if (plan->work_size > 0)
		plan->work_data = end_of(&cpu->scratch, plan->work_size);
	return GW_OK;
}

const struct gw_host_memory *gw_cpu_scratch(const struct gw_cpu *cpu)
{
	return &cpu->scratch;
}

static bool is_stopped(void *data)
{
	const atomic_bool *stop = data;

	return atomic_load_explicit(stop, memory_order_relaxed);
}

enum ggml_status gw_cpu_compute(struct gw_cpu *cpu, struct ggml_cgraph *graph, const atomic_bool *stop)
{
	struct ggml_cplan *plan = &cpu->plan.plan;

	plan->abort_callback = stop ? is_stopped : NULL;
	plan->abort_callback_data = (void *)(uintptr_t)stop;
	return cpu->compute(graph, plan);
}
