#include "transport/rdma/verbs.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/library.h"
#include "transport/upgrade.h"

static const struct gw_symbol symbols[] = {
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

static const struct gw_library library = {
	.file = "libibverbs.so.1",
	.remedy = "install libibverbs1 and ibverbs-providers, from rdma-core 32 or newer",
	.symbols = symbols,
	.n = sizeof(symbols) / sizeof(symbols[0]),
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct gw_verbs verbs;
static bool loaded;
static struct gw_error why_not;
static const struct gw_verbs *replacement;

static void load(void)
{
	loaded = gw_library_load(&library, &verbs, &why_not) == GW_OK;
	why_not.cause = GW_UPGRADE_CAUSE_NO_LIBRARY;
}

const struct gw_verbs *gw_verbs_get(struct gw_error *err)
{
	if (replacement)
		return replacement;
	pthread_once(&once, load);
	if (loaded)
		return &verbs;
	if (err)
		*err = why_not;
	return NULL;
}

void gw_verbs_replace(const struct gw_verbs *table)
{
	replacement = table;
}
