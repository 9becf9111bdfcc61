#include "server/device.h"

#include "server/graph.h"

void gw_device_init(struct gw_device *d, ggml_backend_dev_t dev, int n_threads)
{
	*d = (struct gw_device){.dev = dev, .n_threads = n_threads};
}

void gw_device_free(struct gw_device *d)
{
	gw_device_synchronize(d);
	gw_graph_cache_free(&d->graphs);
	if (d->backend)
		ggml_backend_free(d->backend);
	d->backend = NULL;
}

static void set_threads(struct gw_device *d)
{
	ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(d->dev);
	if (d->n_threads <= 0 || !reg)
		return;
	ggml_backend_set_n_threads_t set =
		(ggml_backend_set_n_threads_t)ggml_backend_reg_get_proc_address(reg, "ggml_backend_set_n_threads");
	if (set)
		set(d->backend, d->n_threads);
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

void gw_device_synchronize(struct gw_device *d)
{
	if (d->pending)
		ggml_backend_synchronize(d->backend);
	d->pending = false;
	gw_graph_cache_reap(&d->graphs);
}

ggml_backend_buffer_type_t gw_device_buft(const struct gw_device *d)
{
	return ggml_backend_dev_buffer_type(d->dev);
}

enum gw_status gw_device_launch(struct gw_device *d, const struct gw_graph *graph, struct gw_error *err)
{
	ggml_backend_t backend;
	enum gw_status st = gw_device_backend(d, &backend, err);
	if (st != GW_OK)
		return st;
	struct ggml_cgraph *cgraph = gw_graph_cgraph(graph);
	if (ggml_graph_n_nodes(cgraph) == 0)
		return GW_OK;
	d->pending = true;
	enum ggml_status result = ggml_backend_graph_compute_async(backend, cgraph);
	if (result != GGML_STATUS_SUCCESS)
		return gw_error_set(err, GW_ERR_COMPUTE, "device %s failed: %s", ggml_backend_dev_name(d->dev),
			ggml_status_to_string(result));
	return GW_OK;
}
