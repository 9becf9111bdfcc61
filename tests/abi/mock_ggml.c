/* A mock of libggml-base with backend API 2: it exports the functions that the plug-in uses, and accesses the plug-in's
 * structs where the real library does. Any other use ends the test. */
#include "layout_2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void unexpected(const char *what)
{
	fprintf(stderr, "mock ggml: %s is not expected\n", what);
	abort();
}

const char *ggml_backend_buft_name(buft_t buft)
{
	return buft->get_name(buft);
}

buf_t ggml_backend_buft_alloc_buffer(buft_t buft, size_t size)
{
	return buft->alloc_buffer(buft, size);
}

size_t ggml_backend_buft_get_alignment(buft_t buft)
{
	return buft->get_alignment(buft);
}

size_t ggml_backend_buft_get_max_size(buft_t buft)
{
	return buft->get_max_size ? buft->get_max_size(buft) : SIZE_MAX;
}

size_t ggml_backend_buft_get_alloc_size(buft_t buft, cten_t tensor)
{
	return buft->get_alloc_size ? buft->get_alloc_size(buft, tensor) : ggml_nbytes(tensor);
}

bool ggml_backend_buft_is_host(buft_t buft)
{
	return buft->is_host && buft->is_host(buft);
}

dev_t2 ggml_backend_buft_get_device(buft_t buft)
{
	return buft->device;
}

buf_t ggml_backend_buffer_init(buft_t buft, struct buffer_table table, void *context, size_t size);

buf_t ggml_backend_buffer_init(buft_t buft, struct buffer_table table, void *context, size_t size)
{
	buf_t buffer = calloc(1, sizeof(*buffer));

	if (!buffer)
		abort();
	*buffer = (struct ggml_backend_buffer){.table = table, .buft = buft, .context = context, .size = size};
	return buffer;
}

void ggml_backend_buffer_free(buf_t buffer)
{
	if (buffer && buffer->table.free_buffer)
		buffer->table.free_buffer(buffer);
	free(buffer);
}

void *ggml_backend_buffer_get_base(buf_t buffer)
{
	return buffer->table.get_base(buffer);
}

size_t ggml_backend_buffer_get_size(buf_t buffer)
{
	return buffer->size;
}

buft_t ggml_backend_buffer_get_type(buf_t buffer)
{
	return buffer->buft;
}

enum ggml_backend_buffer_usage ggml_backend_buffer_get_usage(buf_t buffer)
{
	return (enum ggml_backend_buffer_usage)buffer->usage;
}

void ggml_backend_buffer_set_usage(buf_t buffer, enum ggml_backend_buffer_usage usage)
{
	buffer->usage = (int)usage;
}

bool ggml_backend_buffer_is_host(buf_t buffer)
{
	return ggml_backend_buft_is_host(buffer->buft);
}

/* This test does not use the server side. */
buft_t ggml_backend_cpu_buffer_type(void)
{
	unexpected("the CPU's buffer type");
	return NULL;
}

buf_t ggml_backend_cpu_buffer_from_ptr(void *ptr, size_t size)
{
	(void)ptr;
	(void)size;
	unexpected("a buffer of the CPU");
	return NULL;
}

enum ggml_status ggml_backend_buffer_init_tensor(buf_t buffer, ten_t tensor)
{
	return buffer->table.init_tensor ? buffer->table.init_tensor(buffer, tensor) : GGML_STATUS_SUCCESS;
}

void ggml_backend_buffer_clear(buf_t buffer, uint8_t value)
{
	buffer->table.clear(buffer, value);
}

void ggml_backend_buffer_reset(buf_t buffer)
{
	if (buffer->table.reset)
		buffer->table.reset(buffer);
}

static buf_t of(cten_t tensor)
{
	return tensor->view_src ? tensor->view_src->buffer : tensor->buffer;
}

void ggml_backend_tensor_memset(ten_t t, uint8_t value, size_t offset, size_t size)
{
	of(t)->table.memset_tensor(of(t), t, value, offset, size);
}

void ggml_backend_tensor_set(ten_t t, const void *data, size_t offset, size_t size)
{
	of(t)->table.set_tensor(of(t), t, data, offset, size);
}

#ifndef MOCK_LACKING
void ggml_backend_tensor_get(cten_t t, void *data, size_t offset, size_t size)
{
	of(t)->table.get_tensor(of(t), t, data, offset, size);
}
#endif

void ggml_backend_tensor_set_2d(
	ten_t t, const void *data, size_t offset, size_t size, size_t n, size_t stride_tensor, size_t stride_data)
{
	of(t)->table.set_tensor_2d(of(t), t, data, offset, size, n, stride_tensor, stride_data);
}

void ggml_backend_tensor_get_2d(
	cten_t t, void *data, size_t offset, size_t size, size_t n, size_t stride_tensor, size_t stride_data)
{
	of(t)->table.get_tensor_2d(of(t), t, data, offset, size, n, stride_tensor, stride_data);
}

#ifndef MOCK_LACKING
void ggml_backend_tensor_copy(const struct ggml_tensor *src, ten_t dst)
{
	if (!of(dst)->table.cpy_tensor(of(dst), src, dst))
		unexpected("a copy by hand");
}
#endif

void ggml_backend_tensor_set_async(be_t b, ten_t t, const void *data, size_t offset, size_t size)
{
	b->set_tensor_async(b, t, data, offset, size);
}

void ggml_backend_tensor_get_async(be_t b, cten_t t, void *data, size_t offset, size_t size)
{
	b->get_tensor_async(b, t, data, offset, size);
}

void ggml_backend_tensor_set_2d_async(be_t b, ten_t t, const void *data, size_t offset, size_t size, size_t n,
	size_t stride_tensor, size_t stride_data)
{
	b->set_tensor_2d_async(b, t, data, offset, size, n, stride_tensor, stride_data);
}

void ggml_backend_tensor_get_2d_async(
	be_t b, cten_t t, void *data, size_t offset, size_t size, size_t n, size_t stride_tensor, size_t stride_data)
{
	b->get_tensor_2d_async(b, t, data, offset, size, n, stride_tensor, stride_data);
}

void ggml_backend_tensor_copy_async(be_t from, be_t to, const struct ggml_tensor *src, ten_t dst)
{
	if (!to->cpy_tensor_async(from, to, src, dst))
		unexpected("an asynchronous copy by hand");
}

ggml_guid_t ggml_backend_guid(be_t b)
{
	return b->guid;
}

const char *ggml_backend_name(be_t b)
{
	return b->get_name(b);
}

void ggml_backend_free(be_t b)
{
	b->free(b);
}

void ggml_backend_synchronize(be_t b)
{
	b->synchronize(b);
}

dev_t2 ggml_backend_get_device(be_t b)
{
	return b->device;
}

ggml_backend_graph_plan_t ggml_backend_graph_plan_create(be_t b, graph_t graph)
{
	return b->graph_plan_create(b, graph);
}

void ggml_backend_graph_plan_free(be_t b, ggml_backend_graph_plan_t plan)
{
	b->graph_plan_free(b, plan);
}

enum ggml_status ggml_backend_graph_plan_compute(be_t b, ggml_backend_graph_plan_t plan)
{
	return b->graph_plan_compute(b, plan);
}

enum ggml_status ggml_backend_graph_compute_async(be_t b, graph_t graph)
{
	return b->graph_compute(b, graph);
}

enum ggml_status ggml_backend_graph_compute(be_t b, graph_t graph)
{
	enum ggml_status status = b->graph_compute(b, graph);
	b->synchronize(b);
	return status;
}

void ggml_backend_event_record(ev_t event, be_t b)
{
	b->event_record(b, event);
}

void ggml_backend_event_wait(be_t b, ev_t event)
{
	b->event_wait(b, event);
}

ev_t ggml_backend_event_new(dev_t2 dev)
{
	return dev->event_new(dev);
}

void ggml_backend_event_free(ev_t event)
{
	event->device->event_free(event->device, event);
}

void ggml_backend_event_synchronize(ev_t event)
{
	event->device->event_synchronize(event->device, event);
}

const char *ggml_backend_dev_name(dev_t2 dev)
{
	return dev->get_name(dev);
}

const char *ggml_backend_dev_description(dev_t2 dev)
{
	return dev->get_description(dev);
}

void ggml_backend_dev_memory(dev_t2 dev, size_t *available, size_t *total)
{
	dev->get_memory(dev, available, total);
}

enum ggml_backend_dev_type ggml_backend_dev_type(dev_t2 dev)
{
	return dev->get_type(dev);
}

void ggml_backend_dev_get_props(dev_t2 dev, struct ggml_backend_dev_props *props)
{
	memset(props, 0, sizeof(*props));
	dev->get_props(dev, props);
}

reg_t ggml_backend_dev_backend_reg(dev_t2 dev)
{
	return dev->reg;
}

be_t ggml_backend_dev_init(dev_t2 dev, const char *params)
{
	return dev->init_backend(dev, params);
}

buft_t ggml_backend_dev_buffer_type(dev_t2 dev)
{
	return dev->get_buffer_type(dev);
}

buft_t ggml_backend_dev_host_buffer_type(dev_t2 dev)
{
	return dev->get_host_buffer_type ? dev->get_host_buffer_type(dev) : NULL;
}

buf_t ggml_backend_dev_buffer_from_host_ptr(dev_t2 dev, void *ptr, size_t size, size_t max_tensor_size)
{
	return dev->buffer_from_host_ptr(dev, ptr, size, max_tensor_size);
}

bool ggml_backend_dev_supports_op(dev_t2 dev, cten_t op)
{
	return dev->supports_op(dev, op);
}

bool ggml_backend_dev_supports_buft(dev_t2 dev, buft_t buft)
{
	return dev->supports_buft(dev, buft);
}

bool ggml_backend_dev_offload_op(dev_t2 dev, cten_t op)
{
	return dev->offload_op && dev->offload_op(dev, op);
}

const char *ggml_backend_reg_name(reg_t reg)
{
	return reg->get_name(reg);
}

size_t ggml_backend_reg_dev_count(reg_t reg)
{
	return reg->get_device_count(reg);
}

dev_t2 ggml_backend_reg_dev_get(reg_t reg, size_t index)
{
	return reg->get_device(reg, index);
}

void *ggml_backend_reg_get_proc_address(reg_t reg, const char *name)
{
	return reg->get_proc_address ? reg->get_proc_address(reg, name) : NULL;
}
