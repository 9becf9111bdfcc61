/* A device with simulated speed, to measure the software around it: GGML_BACKEND_PATH names this plug-in, and
 * GGWIRE_SIM configures it (cost.h). ggml's CPU kernels compute the results, or they stay untouched; in both cases they
 * are due after the nodes' simulated time. Never installed.
 *
 * A device has no thread. Its queue is a single time at which all submitted work is finished: a graph advances that
 * time and returns at once, and synchronizing sleeps until then. So a late wake-up delays the waiting thread, but no
 * later graph. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#include "cluster/cost.h"
#include "ggml/abi.h"
#include "ggml/layout.h"

enum {
	MAX_DEVICES = 16,
	ALIGNMENT = 128
};

struct device {
	struct ggml_backend_device base;
	struct ggml_backend_buffer_type buft;
	char name[32];
	pthread_mutex_t lock;
	int64_t busy_until; /* nanoseconds of the monotonic clock */
};

/* A stream has no state except the CPU backend that computes results. */
struct stream {
	struct ggml_backend base;
	struct device *device;
	ggml_backend_t cpu;
};

static struct sim_settings settings;
static struct device devices[MAX_DEVICES];
static struct ggml_backend_reg registry;

static struct device *device_of(ggml_backend_dev_t dev)
{
	return dev->context;
}

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void sleep_until(int64_t ns)
{
	struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
	/* By default the kernel may wake the thread 50 us late to save timers. */
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		continue;
}

/* Buffers: the kernel allocates pages on the first write. */

static void buffer_free(ggml_backend_buffer_t buffer)
{
	munmap(buffer->context, buffer->size);
}

static void *buffer_base(ggml_backend_buffer_t buffer)
{
	return buffer->context;
}

static void buffer_memset(
	ggml_backend_buffer_t buffer, struct ggml_tensor *tensor, uint8_t value, size_t offset, size_t size)
{
	(void)buffer;
	memset((uint8_t *)tensor->data + offset, value, size);
}

static void buffer_set(
	ggml_backend_buffer_t buffer, struct ggml_tensor *tensor, const void *data, size_t offset, size_t size)
{
	(void)buffer;
	memcpy((uint8_t *)tensor->data + offset, data, size);
}

static void buffer_get(
	ggml_backend_buffer_t buffer, const struct ggml_tensor *tensor, void *data, size_t offset, size_t size)
{
	(void)buffer;
	memcpy(data, (const uint8_t *)tensor->data + offset, size);
}

static void buffer_clear(ggml_backend_buffer_t buffer, uint8_t value)
{
	/* Discarded pages read as zeros. */
	if (value != 0 || madvise(buffer->context, buffer->size, MADV_DONTNEED) != 0)
		memset(buffer->context, value, buffer->size);
}

static const struct ggml_backend_buffer_i buffer_functions = {
	.free_buffer = buffer_free,
	.get_base = buffer_base,
	.memset_tensor = buffer_memset,
	.set_tensor = buffer_set,
	.get_tensor = buffer_get,
	.clear = buffer_clear,
};

static const char *buft_name(ggml_backend_buffer_type_t buft)
{
	return device_of(buft->device)->name;
}

static ggml_backend_buffer_t buft_alloc(ggml_backend_buffer_type_t buft, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return memory == MAP_FAILED ? NULL : ggml_backend_buffer_init(buft, buffer_functions, memory, size);
}

static size_t buft_alignment(ggml_backend_buffer_type_t buft)
{
	(void)buft;
	return ALIGNMENT;
}

static struct stream *stream_of(ggml_backend_t backend)
{
	return backend->context;
}

static const char *stream_name(ggml_backend_t backend)
{
	return stream_of(backend)->device->name;
}

static void stream_free(ggml_backend_t backend)
{
	struct stream *s = stream_of(backend);
	if (s->cpu)
		ggml_backend_free(s->cpu);
	free(s);
}

static void stream_synchronize(ggml_backend_t backend)
{
	struct device *d = stream_of(backend)->device;

	pthread_mutex_lock(&d->lock);
	int64_t until = d->busy_until;
	pthread_mutex_unlock(&d->lock);
	if (until > now_ns())
		sleep_until(until);
}

static enum ggml_status stream_compute(ggml_backend_t backend, struct ggml_cgraph *graph)
{
	struct stream *s = stream_of(backend);
	int64_t given = now_ns();
	double seconds = 0;

	for (int i = 0; i < ggml_graph_n_nodes(graph); i++)
		seconds += sim_node_seconds(&settings, ggml_graph_node(graph, i));
	enum ggml_status status = s->cpu ? ggml_backend_graph_compute(s->cpu, graph) : GGML_STATUS_SUCCESS;
	pthread_mutex_lock(&s->device->lock);
	if (s->device->busy_until < given)
		s->device->busy_until = given;
	s->device->busy_until += (int64_t)(seconds * 1e9);
	pthread_mutex_unlock(&s->device->lock);
	return status;
}

/* In order, because results exist as soon as a graph is submitted. */
static void stream_set(ggml_backend_t backend, struct ggml_tensor *tensor, const void *data, size_t offset, size_t size)
{
	(void)backend;
	ggml_backend_tensor_set(tensor, data, offset, size);
}

static void stream_get(ggml_backend_t backend, const struct ggml_tensor *tensor, void *data, size_t offset, size_t size)
{
	(void)backend;
	ggml_backend_tensor_get(tensor, data, offset, size);
}

static const struct ggml_backend_i stream_functions = {
	.get_name = stream_name,
	.free = stream_free,
	.set_tensor_async = stream_set,
	.get_tensor_async = stream_get,
	.synchronize = stream_synchronize,
	.graph_compute = stream_compute,
};

static const char *device_name(ggml_backend_dev_t dev)
{
	return device_of(dev)->name;
}

static const char *device_description(ggml_backend_dev_t dev)
{
	(void)dev;
	return "simulated device";
}

static void device_memory(ggml_backend_dev_t dev, size_t *free, size_t *total)
{
	(void)dev;
	*free = *total = (size_t)settings.memory;
}

static enum ggml_backend_dev_type device_type(ggml_backend_dev_t dev)
{
	(void)dev;
	return GGML_BACKEND_DEVICE_TYPE_GPU;
}

static void device_props(ggml_backend_dev_t dev, struct ggml_backend_dev_props *props)
{
	props->name = device_name(dev);
	props->description = device_description(dev);
	props->type = device_type(dev);
	device_memory(dev, &props->memory_free, &props->memory_total);
	props->caps.async = true;
}

/* The device that computes, and knows which operations are supported; NULL if there is none. A worker loads only the
 * libraries of the devices that it serves. */
static ggml_backend_dev_t cpu_device(void)
{
	ggml_backend_dev_t cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
	const char *dir = getenv("GGWIRE_SIM_BACKENDS");
	if (cpu || !dir)
		return cpu;
	ggml_backend_load_all_from_path(dir);
	return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
}

/* The CPU backend with one thread, because all machines of the cluster share this machine. */
static ggml_backend_t cpu_open(void)
{
	ggml_backend_dev_t dev = cpu_device();
	ggml_backend_t cpu = dev ? ggml_backend_dev_init(dev, NULL) : NULL;
	if (!cpu)
		return NULL;
	ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(ggml_backend_get_device(cpu));
	ggml_backend_set_n_threads_t set =
		(ggml_backend_set_n_threads_t)ggml_backend_reg_get_proc_address(reg, "ggml_backend_set_n_threads");
	if (set)
		set(cpu, 1);
	return cpu;
}

static ggml_backend_t device_init(ggml_backend_dev_t dev, const char *params)
{
	static uint8_t guid[16] = "ggwire simulated";
	struct stream *s = calloc(1, sizeof(*s));

	(void)params;
	if (!s)
		return NULL;
	*s = (struct stream){.base = {&guid, stream_functions, dev, s}, .device = device_of(dev)};
	if (settings.compute > 0) {
		s->cpu = cpu_open();
		if (!s->cpu) {
			fprintf(stderr, "sim: no CPU device to compute with\n");
			free(s);
			return NULL;
		}
	}
	return &s->base;
}

static ggml_backend_buffer_type_t device_buft(ggml_backend_dev_t dev)
{
	return &device_of(dev)->buft;
}

static bool device_supports_op(ggml_backend_dev_t dev, const struct ggml_tensor *op)
{
	ggml_backend_dev_t cpu = cpu_device();

	(void)dev;
	return cpu && ggml_backend_dev_supports_op(cpu, op);
}

static bool device_supports_buft(ggml_backend_dev_t dev, ggml_backend_buffer_type_t buft)
{
	return buft == device_buft(dev);
}

static const struct ggml_backend_device_i device_functions = {
	.get_name = device_name,
	.get_description = device_description,
	.get_memory = device_memory,
	.get_type = device_type,
	.get_props = device_props,
	.init_backend = device_init,
	.get_buffer_type = device_buft,
	.supports_op = device_supports_op,
	.supports_buft = device_supports_buft,
};

static const char *registry_name(ggml_backend_reg_t reg)
{
	(void)reg;
	return "SIM";
}

static size_t registry_count(ggml_backend_reg_t reg)
{
	(void)reg;
	return (size_t)settings.devices;
}

static ggml_backend_dev_t registry_device(ggml_backend_reg_t reg, size_t index)
{
	return index < registry_count(reg) ? &devices[index].base : NULL;
}

static void device_setup(struct device *d, size_t index)
{
	snprintf(d->name, sizeof(d->name), "SIM%zu", index);
	pthread_mutex_init(&d->lock, NULL);
	d->base = (struct ggml_backend_device){device_functions, &registry, d};
	d->buft = (struct ggml_backend_buffer_type){
		{.get_name = buft_name, .alloc_buffer = buft_alloc, .get_alignment = buft_alignment}, &d->base, NULL};
}

__attribute__((visibility("default"))) ggml_backend_reg_t ggml_backend_init(void);

ggml_backend_reg_t ggml_backend_init(void)
{
	struct gw_error err;
	const char *text = getenv("GGWIRE_SIM"), *bad = "";
	const struct gw_abi *abi = gw_abi_get(&err);

	if (!abi || abi->api_version != GW_GGML_API_3) {
		fprintf(stderr, "sim: not for this ggml: %s\n", abi ? "backend API 3 is needed" : err.text);
		return NULL;
	}
	if (!sim_settings_parse(text, &settings, &bad)) {
		fprintf(stderr, "sim: GGWIRE_SIM: invalid setting '%s'\n", bad);
		return NULL;
	}
	registry = (struct ggml_backend_reg){.api_version = abi->api_version,
		.iface = {
			.get_name = registry_name, .get_device_count = registry_count, .get_device = registry_device}};
	for (size_t i = 0; i < registry_count(&registry); i++)
		device_setup(&devices[i], i);
	return &registry;
}
