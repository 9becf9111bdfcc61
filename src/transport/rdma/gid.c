#include "transport/rdma/gid.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ENTRIES 2047 /* the kernel takes their size in 16 bits */
#define MAX_READS 16

/* A look through all devices. note is the most telling reason so far why a device or port is no candidate. */
struct scan {
	const struct gw_verbs *v;
	const uint8_t *address;
	unsigned kinds;
	const char *want_device; /* NULL: any */
	int want_gid;            /* < 0: the one that equals address */
	struct gw_rdma_port best;
	int best_rank;
	int n_devices;
	bool bad_gid; /* note says what is wrong with want_gid */
	char note[200];
};

/* What of a device has been read. */
struct device {
	struct ibv_context *context;
	const char *name;
	struct ibv_device_attr attr;
	struct ibv_gid_entry *gids;
	size_t n_gids;
};

static bool is_zero(const union ibv_gid *gid)
{
	static const union ibv_gid zero;
	return memcmp(gid, &zero, sizeof(zero)) == 0;
}

/* Better kinds of address have higher ranks; 0 is unusable. */
static int rank_of(const struct scan *s, const struct ibv_port_attr *port, const struct ibv_gid_entry *gid)
{
	bool right_gid = s->want_gid >= 0 ? gid->gid_index == (uint32_t)s->want_gid
					  : memcmp(gid->gid.raw, s->address, sizeof(gid->gid.raw)) == 0;
	if (port->link_layer == IBV_LINK_LAYER_INFINIBAND)
		return (s->kinds & GW_RDMA_INFINIBAND) && (s->want_gid < 0 || right_gid) ? 1 : 0;
	if (!(s->kinds & GW_RDMA_ROCE) || !right_gid || is_zero(&gid->gid))
		return 0;
	return gid->gid_type == IBV_GID_TYPE_ROCE_V2 ? 3 : gid->gid_type == IBV_GID_TYPE_ROCE_V1 ? 2 : 0;
}

static uint8_t max_reads(const struct ibv_device_attr *attr)
{
	int n = attr->max_qp_rd_atom < attr->max_qp_init_rd_atom ? attr->max_qp_rd_atom : attr->max_qp_init_rd_atom;
	return (uint8_t)(n < 1 ? 1 : n > MAX_READS ? MAX_READS : n);
}

static void take(struct scan *s, const struct device *d, const struct ibv_port_attr *port,
	const struct ibv_gid_entry *gid, int rank)
{
	bool infiniband = port->link_layer == IBV_LINK_LAYER_INFINIBAND;
	if (rank <= s->best_rank || gid->gid_index > UINT8_MAX)
		return;
	if (s->best_rank > 0 && s->best.context != d->context)
		s->v->close_device(s->best.context);
	s->best_rank = rank;
	s->best = (struct gw_rdma_port){
		.context = d->context,
		.number = (uint8_t)gid->port_num,
		.kind = infiniband ? GW_RDMA_INFINIBAND : GW_RDMA_ROCE,
		.roce_v2 = gid->gid_type == IBV_GID_TYPE_ROCE_V2,
		.gid_index = (uint8_t)gid->gid_index,
		.gid = gid->gid,
		.lid = port->lid,
		.mtu = port->active_mtu,
		.max_reads = max_reads(&d->attr),
	};
	snprintf(s->best.device, sizeof(s->best.device), "%s", d->name);
}

static void explain_gid(struct scan *s, const struct device *d, uint8_t number, const struct ibv_port_attr *port)
{
	s->bad_gid = true;
	if (s->want_gid < port->gid_tbl_len)
		snprintf(s->note, sizeof(s->note), "GGML_RDMA_GID=%d: that entry of %s port %u is empty", s->want_gid,
			d->name, number);
	else
		snprintf(s->note, sizeof(s->note), "GGML_RDMA_GID=%d: the table of %s port %u ends at %d", s->want_gid,
			d->name, number, port->gid_tbl_len - 1);
}

static void scan_port(struct scan *s, const struct device *d, uint8_t number)
{
	struct ibv_port_attr port = {0};
	bool has_wanted = false;
	if (s->v->query_port(d->context, number, (struct _compat_ibv_port_attr *)&port)) {
		snprintf(s->note, sizeof(s->note), "%s port %u cannot be queried", d->name, number);
		return;
	}
	if (port.state != IBV_PORT_ACTIVE) {
		snprintf(s->note, sizeof(s->note), "%s port %u is not active", d->name, number);
		return;
	}
	for (size_t i = 0; i < d->n_gids; i++) {
		const struct ibv_gid_entry *gid = &d->gids[i];
		if (gid->port_num != number)
			continue;
		has_wanted |= s->want_gid >= 0 && gid->gid_index == (uint32_t)s->want_gid && !is_zero(&gid->gid);
		int rank = rank_of(s, &port, gid);
		if (rank > 0)
			take(s, d, &port, gid, rank);
	}
	if (s->want_gid >= 0 && !has_wanted)
		explain_gid(s, d, number, &port);
}

/* All entries of all ports that hold something. */
static bool read_gids(struct scan *s, struct device *d)
{
	d->gids = calloc(MAX_ENTRIES, sizeof(*d->gids));
	ssize_t n = d->gids ? s->v->query_gid_table(d->context, d->gids, MAX_ENTRIES, 0, sizeof(*d->gids)) : -ENOMEM;
	if (n < 0)
		snprintf(s->note, sizeof(s->note), "%s: its GID table cannot be read: %s", d->name, strerror((int)-n));
	d->n_gids = n > 0 ? (size_t)n : 0;
	return n >= 0;
}

static void scan_device(struct scan *s, struct ibv_device *device)
{
	struct device d = {.name = s->v->get_device_name(device)};
	if (device->transport_type == IBV_TRANSPORT_IWARP) {
		snprintf(s->note, sizeof(s->note), "%s: iWARP is not supported", d.name);
		return;
	}
	d.context = s->v->open_device(device);
	if (!d.context) {
		snprintf(s->note, sizeof(s->note), "%s cannot be opened: %s", d.name, strerror(errno));
		return;
	}
	if (s->v->query_device(d.context, &d.attr))
		snprintf(s->note, sizeof(s->note), "%s cannot be queried", d.name);
	else if (read_gids(s, &d))
		for (unsigned port = 1; port <= d.attr.phys_port_cnt; port++)
			scan_port(s, &d, (uint8_t)port);
	free(d.gids);
	if (s->best.context != d.context)
		s->v->close_device(d.context);
}

static enum gw_status no_device(struct gw_error *why, enum gw_status status)
{
	return gw_error_because(why, GW_UPGRADE_CAUSE_NO_DEVICE, status);
}

static enum gw_status bad_setting(struct gw_error *why, enum gw_status status)
{
	return gw_error_because(why, GW_UPGRADE_CAUSE_BAD_SETTING, status);
}

static enum gw_status nothing(const struct scan *s, int n_listed, struct gw_error *why)
{
	char address[INET6_ADDRSTRLEN] = "?";
	if (n_listed == 0)
		return no_device(why, gw_error_set(why, GW_ERR_NOT_FOUND, "there is no RDMA device"));
	if (s->n_devices == 0)
		return bad_setting(why, gw_error_set(why, GW_ERR_INVALID,
						"GGML_RDMA_DEV: there is no RDMA device '%.60s'", s->want_device));
	if (s->bad_gid)
		return bad_setting(why, gw_error_set(why, GW_ERR_INVALID, "%s", s->note));
	inet_ntop(AF_INET6, s->address, address, sizeof(address));
	return gw_error_because(why, GW_UPGRADE_CAUSE_NO_ADDRESS,
		gw_error_set(why, GW_ERR_NOT_FOUND, "no GID of %d RDMA device%s is %s%s%s", s->n_devices,
			s->n_devices == 1 ? "" : "s", address, s->note[0] ? "; " : "", s->note));
}

static enum gw_status read_wishes(struct scan *s, struct gw_error *why)
{
	const char *gid = getenv("GGML_RDMA_GID");
	s->want_device = getenv("GGML_RDMA_DEV");
	s->want_gid = -1;
	if (s->want_device && !*s->want_device)
		s->want_device = NULL;
	if (!gid || !*gid)
		return GW_OK;
	if (strlen(gid) > 3 || gid[strspn(gid, "0123456789")] || atoi(gid) > UINT8_MAX)
		return bad_setting(why, gw_error_set(why, GW_ERR_INVALID,
						"GGML_RDMA_GID: '%.20s' is not an index from 0 to %d", gid, UINT8_MAX));
	s->want_gid = atoi(gid);
	return GW_OK;
}

enum gw_status gw_rdma_select(const struct gw_verbs *v, const uint8_t address[16], unsigned kinds,
	struct gw_rdma_port *out, struct gw_error *why)
{
	struct scan s = {.v = v, .address = address, .kinds = kinds};
	int n = 0;
	enum gw_status status = read_wishes(&s, why);
	if (status)
		return status;
	struct ibv_device **list = v->get_device_list(&n);
	if (!list && errno == ENOSYS)
		return no_device(why, gw_error_set(why, GW_ERR_NOT_FOUND,
					      "there is no RDMA device: the kernel has loaded no driver for one"));
	if (!list)
		return no_device(
			why, gw_error_errno(why, GW_ERR_NOT_FOUND, errno, "the RDMA devices cannot be listed"));
	for (int i = 0; i < n; i++) {
		if (s.want_device && strcmp(s.want_device, v->get_device_name(list[i])) != 0)
			continue;
		s.n_devices++;
		scan_device(&s, list[i]);
	}
	v->free_device_list(list);
	if (s.best_rank == 0)
		return nothing(&s, n, why);
	*out = s.best;
	return GW_OK;
}
