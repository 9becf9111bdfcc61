#include "fuzz/kernels/world.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ggml-cpu.h>

#include "device/memory/buffers.h"
#include "ggml/layout.h"

#define PAGE ((size_t)4096)
#define CANARY 0xa5
#define AROUND 256 /* bytes before the work buffer that are checked */

struct world_slot world_slots[WORLD_SLOTS];

/* Pages of the slots. Most tensors are small. */
static const uint8_t pages[WORLD_SLOTS] = {
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 16, 16, 16, 16, 64, 64};

/* A device for the server, and a buffer type whose next buffer is a slot. */
struct side {
	struct ggml_backend_device device;
	struct ggml_backend_buffer_type buft;
	struct gw_device lent;
	struct gw_budget budget;
	struct gw_buffers buffers;
};

static struct side sides[2]; /* indexed by visibility */
static struct gw_counters counters;
static ggml_backend_dev_t cpu;
static struct ggml_cplan (*graph_plan)(const struct ggml_cgraph *, int, struct ggml_threadpool *);
static enum ggml_status (*graph_compute)(struct ggml_cgraph *, struct ggml_cplan *);
static int threads = 1;
static uint8_t *work_end;
static uint8_t *work; /* start of the last work buffer */
static size_t work_size;
static uint8_t *next_base; /* of the next buffer */
static size_t next_size;

static const char *name(ggml_backend_dev_t dev)
{
	(void)dev;
	return "FUZZ";
}

static const char *buft_name(ggml_backend_buffer_type_t buft)
{
	(void)buft;
	return "FUZZ";
}

static const char *backend_name(ggml_backend_t backend)
{
	(void)backend;
	return "FUZZ";
}

static void *buffer_base(ggml_backend_buffer_t buffer)
{
	return buffer->context;
}

static void buffer_clear(ggml_backend_buffer_t buffer, uint8_t value)
{
	(void)buffer;
	(void)value;
}

static void buffer_get(
	ggml_backend_buffer_t buffer, const struct ggml_tensor *t, void *data, size_t offset, size_t size)
{
	(void)buffer;
	memcpy(data, (const uint8_t *)t->data + offset, size);
}

static ggml_backend_buffer_t alloc_buffer(ggml_backend_buffer_type_t buft, size_t size)
{
	const struct ggml_backend_buffer_i iface = {
		.get_base = buffer_base, .clear = buffer_clear, .get_tensor = buffer_get};

	return ggml_backend_buffer_init(buft, iface, next_base, size);
}

static size_t alignment(ggml_backend_buffer_type_t buft)
{
	(void)buft;
	return 32;
}

/* Limits buffers to the requested size: otherwise the server would add memory after it. */
static size_t max_size(ggml_backend_buffer_type_t buft)
{
	(void)buft;
	return next_size;
}

static bool is_host(ggml_backend_buffer_type_t buft)
{
	return buft == &sides[1].buft;
}

static void memory(ggml_backend_dev_t dev, size_t *available, size_t *total)
{
	(void)dev;
	*available = *total = (size_t)1 << 40;
}

static enum ggml_backend_dev_type type(ggml_backend_dev_t dev)
{
	(void)dev;
	return GGML_BACKEND_DEVICE_TYPE_GPU;
}

/* Asynchronous, so that the server computes in its own thread, whatever length it expects of the graph. */
static void props(ggml_backend_dev_t dev, struct ggml_backend_dev_props *out)
{
	memset(out, 0, sizeof(*out));
	out->name = out->description = name(dev);
	out->caps.async = true;
}

static ggml_backend_buffer_type_t buffer_type(ggml_backend_dev_t dev)
{
	return dev == &sides[1].device ? &sides[1].buft : &sides[0].buft;
}

static bool supports_op(ggml_backend_dev_t dev, const struct ggml_tensor *op)
{
	(void)dev;
	return ggml_backend_dev_supports_op(cpu, op);
}

static void backend_free(ggml_backend_t backend)
{
	free(backend);
}

/* As close to the end of its memory as malloc's alignment permits. */
static enum ggml_status compute(ggml_backend_t backend, struct ggml_cgraph *graph)
{
	struct ggml_cplan plan = graph_plan(graph, threads, NULL);
	size_t size = (plan.work_size + 15) / 16 * 16;

	(void)backend;
	if (size > WORLD_WORK_MAX)
		return GGML_STATUS_ALLOC_FAILED;
	work = work_end - size;
	work_size = plan.work_size;
	memset(work - AROUND, CANARY, AROUND);
	memset(work + work_size, CANARY, size - work_size);
	plan.work_data = work;
	return graph_compute(graph, &plan);
}

bool world_work_overrun(void)
{
	bool overrun = false;

	if (!work)
		return false;
	for (const uint8_t *p = work - AROUND; p < work; p++)
		overrun = overrun || *p != CANARY;
	for (const uint8_t *p = work + work_size; p < work_end; p++)
		overrun = overrun || *p != CANARY;
	work = NULL;
	return overrun;
}

static ggml_backend_t init(ggml_backend_dev_t dev, const char *params)
{
	static uint8_t guid[16] = {3};
	ggml_backend_t backend = calloc(1, sizeof(*backend));

	(void)params;
	if (!backend)
		return NULL;
	backend->guid = &guid;
	backend->device = dev;
	backend->iface =
		(struct ggml_backend_i){.get_name = backend_name, .free = backend_free, .graph_compute = compute};
	return backend;
}

static void make_side(struct side *s)
{
	s->device.iface = (struct ggml_backend_device_i){.get_name = name,
		.get_description = name,
		.get_memory = memory,
		.get_type = type,
		.get_props = props,
		.init_backend = init,
		.get_buffer_type = buffer_type,
		.supports_op = supports_op};
	s->buft.iface = (struct ggml_backend_buffer_type_i){.get_name = buft_name,
		.alloc_buffer = alloc_buffer,
		.get_alignment = alignment,
		.get_max_size = max_size,
		.is_host = is_host};
	s->buft.device = &s->device;
	gw_device_init(&s->lent, &s->device, 1, &counters);
	s->budget.max = UINT64_C(1) << 40;
	gw_buffers_init(&s->buffers, &s->budget);
}

/* Maps pages of a file between two inaccessible pages. */
static uint8_t *map(int fd, size_t offset, size_t size, int protection)
{
	uint8_t *at = mmap(NULL, size + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED ||
		mmap(at + PAGE, size, protection, MAP_SHARED | MAP_FIXED, fd, (off_t)offset) == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	return at + PAGE;
}

static void make_buffer(struct side *s, uint8_t *base, size_t size, struct world_buffer *out)
{
	struct gw_buffer *buffer;

	next_base = base;
	next_size = size;
	if (gw_buffers_alloc(&s->buffers, s->lent.dev, size, &buffer) != GW_OK) {
		fprintf(stderr, "no buffers\n");
		exit(2);
	}
	*out = (struct world_buffer){buffer->handle, buffer->vbase};
}

static void make_slots(void)
{
	size_t total = 0;

	for (int i = 0; i < WORLD_SLOTS; i++)
		total += pages[i] * PAGE;
	int fd = memfd_create("slots", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)(total + WORLD_WORK_MAX + PAGE)) != 0) {
		perror("memfd_create");
		exit(2);
	}
	size_t at = 0;
	for (int i = 0; i < WORLD_SLOTS; i++) {
		struct world_slot *s = &world_slots[i];
		s->size = pages[i] * PAGE;
		s->memory = map(fd, at, s->size, PROT_READ | PROT_WRITE);
		uint8_t *to_read = map(fd, at, s->size, PROT_READ);
		for (int visible = 0; visible < 2; visible++) {
			make_buffer(&sides[visible], to_read, s->size, &s->buffers[visible][0]);
			make_buffer(&sides[visible], s->memory, s->size, &s->buffers[visible][1]);
		}
		at += s->size;
	}
	work_end = map(fd, at, WORLD_WORK_MAX + PAGE, PROT_READ | PROT_WRITE) + WORLD_WORK_MAX + PAGE;
	close(fd);
}

/* Looks up the functions in the device's library, wherever ggml has found it. */
static bool find_functions(void)
{
	ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(cpu);
	void *inside = ggml_backend_reg_get_proc_address(reg, "ggml_backend_set_n_threads");
	Dl_info info;

	if (!inside || !dladdr(inside, &info))
		return false;
	void *library = dlopen(info.dli_fname, RTLD_NOW);
	if (!library)
		return false;
	*(void **)&graph_plan = dlsym(library, "ggml_graph_plan");
	*(void **)&graph_compute = dlsym(library, "ggml_graph_compute");
	printf("backend: %s\n", info.dli_fname);
	return graph_plan && graph_compute;
}

bool world_open(const char *backend)
{
	if (backend)
		ggml_backend_load(backend);
	else if (GGWIRE_RUN_BACKEND_DIR[0])
		ggml_backend_load_all_from_path(GGWIRE_RUN_BACKEND_DIR);
	else
		ggml_backend_load_all();
	cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
	if (!cpu || !find_functions()) {
		fprintf(stderr, "ggml finds no CPU backend whose functions can be called\n");
		return false;
	}
	ggml_backend_free(ggml_backend_dev_init(cpu, NULL)); /* initialises the tables of its kernels */
	for (int i = 0; i < 2; i++)
		make_side(&sides[i]);
	make_slots();
	return true;
}

struct gw_device *world_device(bool visible)
{
	return &sides[visible].lent;
}

struct gw_buffers *world_buffers(bool visible)
{
	return &sides[visible].buffers;
}

int world_take(size_t size)
{
	for (int i = 0; i < WORLD_SLOTS; i++)
		if (!world_slots[i].taken && world_slots[i].size >= size) {
			world_slots[i].taken = true;
			return i;
		}
	return -1;
}

void world_clear(void)
{
	for (int i = 0; i < WORLD_SLOTS; i++)
		world_slots[i].taken = false;
}

void world_set_threads(int n)
{
	threads = n;
}
