#include "transport/rdma/verbs.h"

#include <assert.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libibverbs.so.1"

static const struct symbol {
	size_t offset;
	const char *name;
} symbols[] = {
	{offsetof(struct gw_verbs, get_device_list), "ibv_get_device_list"},
	{offsetof(struct gw_verbs, free_device_list), "ibv_free_device_list"},
	{offsetof(struct gw_verbs, get_device_name), "ibv_get_device_name"},
	{offsetof(struct gw_verbs, open_device), "ibv_open_device"},
	{offsetof(struct gw_verbs, close_device), "ibv_close_device"},
	{offsetof(struct gw_verbs, query_device), "ibv_query_device"},
	{offsetof(struct gw_verbs, query_port), "ibv_query_port"},
	{offsetof(struct gw_verbs, query_gid_table), "_ibv_query_gid_table"},
	{offsetof(struct gw_verbs, alloc_pd), "ibv_alloc_pd"},
	{offsetof(struct gw_verbs, dealloc_pd), "ibv_dealloc_pd"},
	{offsetof(struct gw_verbs, reg_mr), "ibv_reg_mr"},
	{offsetof(struct gw_verbs, dereg_mr), "ibv_dereg_mr"},
	{offsetof(struct gw_verbs, create_comp_channel), "ibv_create_comp_channel"},
	{offsetof(struct gw_verbs, destroy_comp_channel), "ibv_destroy_comp_channel"},
	{offsetof(struct gw_verbs, create_cq), "ibv_create_cq"},
	{offsetof(struct gw_verbs, destroy_cq), "ibv_destroy_cq"},
	{offsetof(struct gw_verbs, get_cq_event), "ibv_get_cq_event"},
	{offsetof(struct gw_verbs, ack_cq_events), "ibv_ack_cq_events"},
	{offsetof(struct gw_verbs, create_qp), "ibv_create_qp"},
	{offsetof(struct gw_verbs, modify_qp), "ibv_modify_qp"},
	{offsetof(struct gw_verbs, destroy_qp), "ibv_destroy_qp"},
	{offsetof(struct gw_verbs, wc_status_str), "ibv_wc_status_str"},
};
static_assert(sizeof(symbols) / sizeof(symbols[0]) * sizeof(void *) == sizeof(struct gw_verbs), "every call is loaded");

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct gw_verbs library;
static bool loaded;
static struct gw_error why_not;
static const struct gw_verbs *replacement;

static void load(void)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		const char *text = dlerror();
		gw_error_set(&why_not, GW_ERR_NOT_FOUND, "libibverbs: %s", text ? text : LIBRARY);
		return;
	}
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		void *f = dlsym(handle, symbols[i].name);
		if (!f) {
			gw_error_set(&why_not, GW_ERR_UNSUPPORTED,
				"libibverbs: too old, it has no %s (rdma-core 32 has)", symbols[i].name);
			dlclose(handle);
			return;
		}
		memcpy((char *)&library + symbols[i].offset, &f, sizeof(f));
	}
	loaded = true;
}

const struct gw_verbs *gw_verbs_get(struct gw_error *err)
{
	if (replacement)
		return replacement;
	pthread_once(&once, load);
	if (loaded)
		return &library;
	if (err)
		*err = why_not;
	return NULL;
}

void gw_verbs_replace(const struct gw_verbs *table)
{
	replacement = table;
}
