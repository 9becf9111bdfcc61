#include "device/session/device.h"

#include "base/clock.h"
#include "base/log.h"
#include "device/graph/graph_object.h"

/* Handing a graph over costs some ten microseconds: from this length on it does not matter. */
#define LONG_NS 1e6

void gw_device_init(struct gw_device *d, ggml_backend_dev_t dev, int n_threads, struct gw_counters *counters)
{
	*d = (struct gw_device){.dev = dev, .n_threads = n_threads, .counters = counters};
}

void gw_device_free(struct gw_device *d)
{
	gw_device_synchronize(d);
	gw_executor_free(d->executor);
	d->executor = NULL;
	gw_graph_cache_free(&d->graphs);
	gw_cpu_free(d->cpu);
	d->cpu = NULL;
	if (d->backend)
		ggml_backend_free(d->backend);
	d->backend = NULL;
}

/* An optional function of the device's backend, or NULL. */
static void *backend_function(const struct gw_device *d, const char *name)
{
	ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(d->dev);

	return reg ? ggml_backend_reg_get_proc_address(reg, name) : NULL;
}

static void set_threads(struct gw_device *d)
{
	ggml_backend_set_n_threads_t set =
		(ggml_backend_set_n_threads_t)backend_function(d, "ggml_backend_set_n_threads");

	if (set && d->n_threads > 0)
		set(d->backend, d->n_threads);
}

static bool is_stopped(void *data)
{
	const struct gw_device *d = data;

	return d->stop && atomic_load_explicit(d->stop, memory_order_relaxed);
}

static void set_abort(struct gw_device *d)
{
	ggml_backend_set_abort_callback_t set =
		(ggml_backend_set_abort_callback_t)backend_function(d, "ggml_backend_set_abort_callback");

	if (set)
		set(d->backend, is_stopped, d);
}

/* What a bound does not bound is worth knowing. */
static void plan_graphs(struct gw_device *d)
{
	if (!gw_cpu_is(d->dev) || gw_cpu_new(d->dev, d->n_threads, d->budget, &d->cpu) == GW_OK)
		return;
	if (d->budget && d->budget->max)
		gw_log_warn("device %s: its scratch memory does not count towards --max-memory: this ggml does not say "
			    "how much a graph needs",
			ggml_backend_dev_name(d->dev));
}

static bool copies_async(ggml_backend_dev_t dev)
{
	struct ggml_backend_dev_props props;

	ggml_backend_dev_get_props(dev, &props);
	return props.caps.async;
}

enum gw_status gw_device_backend(struct gw_device *d, ggml_backend_t *out, struct gw_error *err)
{
	if (!d->backend) {
		d->backend = ggml_backend_dev_init(d->dev, NULL);
		if (!d->backend)
			return gw_error_set(
				err, GW_ERR_COMPUTE, "device %s cannot be initialised", ggml_backend_dev_name(d->dev));
		set_threads(d);
		set_abort(d);
		plan_graphs(d);
		d->async = copies_async(d->dev);
	}
	*out = d->backend;
	return GW_OK;
}

bool gw_device_uploads_async(struct gw_device *d)
{
	ggml_backend_t backend;

	return gw_device_backend(d, &backend, NULL) == GW_OK && d->async;
}

enum gw_status gw_device_outcome(const struct gw_device *d, struct gw_error *err)
{
	if (d->result == GGML_STATUS_SUCCESS)
		return GW_OK;
	if (d->why.status != GW_OK)
		return gw_error_set(err, d->why.status, "%s", d->why.text);
	return gw_error_set(err, GW_ERR_COMPUTE, "device %s failed: %s", ggml_backend_dev_name(d->dev),
		ggml_status_to_string(d->result));
}

/* Notes how a graph has ended, and how fast the device is. */
static void account(struct gw_device *d, const struct gw_graph *graph, enum ggml_status result, uint64_t took)
{
	if (d->result == GGML_STATUS_SUCCESS)
		d->result = result;
	d->paces[d->n_paces++ % GW_DEVICE_PACES] = (double)took / (double)gw_graph_work(graph);
	if (!d->async)
		gw_counters_graph(d->counters, took);
}

/* A device with a queue of its own: what was launched since it was last waited for took so long altogether. */
static void count_launched(struct gw_device *d)
{
	uint64_t took = gw_clock_ns() - d->launched_ns;

	for (unsigned i = 0; i < d->n_launched; i++)
		gw_counters_graph(d->counters, took / d->n_launched);
	d->n_launched = 0;
}

static void wait_for_executor(struct gw_device *d)
{
	struct gw_error why;
	uint64_t took;

	if (!d->running)
		return;
	enum ggml_status result = gw_executor_wait(d->executor, &took, &why);
	if (d->result == GGML_STATUS_SUCCESS)
		d->why = why;
	account(d, d->running, result, took);
	d->running = NULL;
}

void gw_device_synchronize(struct gw_device *d)
{
	wait_for_executor(d);
	if (d->pending)
		ggml_backend_synchronize(d->backend);
	if (d->n_launched > 0)
		count_launched(d);
	d->pending = false;
	gw_graph_cache_reap(&d->graphs);
}

ggml_backend_buffer_type_t gw_device_buft(const struct gw_device *d)
{
	return ggml_backend_dev_buffer_type(d->dev);
}

/* The best of the last graphs: on a busy machine any of them may have been interrupted. */
static double pace(const struct gw_device *d)
{
	size_t n = d->n_paces < GW_DEVICE_PACES ? d->n_paces : GW_DEVICE_PACES;
	double best = n ? d->paces[0] : 0;

	for (size_t i = 1; i < n; i++)
		best = d->paces[i] < best ? d->paces[i] : best;
	return best;
}

/* Whether a graph is worth a thread of its own, and there is one. */
static bool to_executor(struct gw_device *d, const struct gw_graph *graph)
{
	if (d->async || (double)gw_graph_work(graph) * pace(d) < LONG_NS)
		return false;
	return d->executor || gw_executor_new(&d->executor) == GW_OK;
}

static enum ggml_status compute_part(void *arg, struct ggml_cgraph *part)
{
	struct gw_device *d = arg;

	return d->cpu ? gw_cpu_compute(d->cpu, part, d->stop) : ggml_backend_graph_compute(d->backend, part);
}

/* In the executor's thread. */
static enum ggml_status compute_there(void *arg, struct gw_error *why)
{
	struct gw_device *d = arg;

	return gw_graph_compute(d->running, compute_part, d, why);
}

static void compute_here(struct gw_device *d, const struct gw_graph *graph)
{
	uint64_t start = gw_clock_ns();
	struct gw_error why = {0};
	enum ggml_status result;

	d->pending = true;
	if (d->async && d->n_launched++ == 0)
		d->launched_ns = start;
	if (d->cpu || gw_graph_parts(graph) > 1)
		result = gw_graph_compute(graph, compute_part, d, &why);
	else
		result = ggml_backend_graph_compute_async(d->backend, gw_graph_cgraph(graph));
	if (d->result == GGML_STATUS_SUCCESS)
		d->why = why;
	account(d, graph, result, gw_clock_ns() - start);
}

/* Looks at what must be right before the graph is launched. What the device has under way may write to it. */
static enum gw_status check(struct gw_device *d, const struct gw_graph *graph, struct gw_error *err)
{
	if (!gw_graph_has_checks(graph))
		return GW_OK;
	if (d->pending)
		ggml_backend_synchronize(d->backend);
	return gw_graph_check(graph, 0, err);
}

enum gw_status gw_device_launch(struct gw_device *d, struct gw_graph *graph, struct gw_error *err)
{
	ggml_backend_t backend;
	enum gw_status st = gw_device_backend(d, &backend, err);
	if (st != GW_OK)
		return st;
	if (ggml_graph_n_nodes(gw_graph_cgraph(graph)) == 0)
		return GW_OK;
	wait_for_executor(d);
	st = check(d, graph, err);
	if (st == GW_OK && d->cpu)
		st = gw_cpu_plan(d->cpu, gw_graph_cgraph(graph), err);
	if (st != GW_OK)
		return st;
	if (!to_executor(d, graph)) {
		compute_here(d, graph);
	} else {
		d->running = graph;
		gw_executor_start(d->executor, compute_there, d);
	}
	return gw_device_outcome(d, err);
}
