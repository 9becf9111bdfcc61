#include "backend/reg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/device.h"
#include "backend/link.h"
#include "backend/sink.h"
#include "base/log.h"
#include "ggml/abi.h"

/* The entry of a server. Never freed. */
struct server {
	struct ggml_backend_reg base;
	struct server *next;
	struct gw_remote *remote;
	char *name;
	size_t n_devices;
	struct gw_remote_device **devices;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of servers and n_numbered */
static struct server *servers;
static unsigned n_numbered; /* devices that have a name so far */

/* The entry "RPC". */
static struct ggml_backend_reg root;
static bool root_ok;
static gw_proc_lookup root_lookup;
static struct gw_remote_device **root_devices;
static size_t n_root_devices;

static const char *root_name(ggml_backend_reg_t reg)
{
	(void)reg;
	return "RPC";
}

static size_t root_count(ggml_backend_reg_t reg)
{
	(void)reg;
	return n_root_devices;
}

static ggml_backend_dev_t root_device(ggml_backend_reg_t reg, size_t index)
{
	(void)reg;
	return index < n_root_devices ? &root_devices[index]->base : NULL;
}

static void *reg_proc(ggml_backend_reg_t reg, const char *name)
{
	(void)reg;
	return root_lookup ? root_lookup(name) : NULL;
}

static struct server *context_of(ggml_backend_reg_t reg)
{
	return reg->context;
}

static const char *server_name(ggml_backend_reg_t reg)
{
	return context_of(reg)->name;
}

static size_t server_count(ggml_backend_reg_t reg)
{
	return context_of(reg)->n_devices;
}

static ggml_backend_dev_t server_device(ggml_backend_reg_t reg, size_t index)
{
	const struct server *s = context_of(reg);
	return index < s->n_devices ? &s->devices[index]->base : NULL;
}

static void free_server(struct server *s)
{
	for (size_t i = 0; i < s->n_devices; i++)
		gw_remote_device_free(s->devices[i]);
	free((void *)s->devices);
	free(s->name);
	free(s);
}

static bool make_devices(struct server *s, const struct gw_link *link)
{
	s->devices = calloc(link->n_devices, sizeof(struct gw_remote_device *));
	if (!s->devices)
		return false;
	for (uint32_t i = 0; i < link->n_devices; i++) {
		struct gw_remote_device *device =
			gw_remote_device_new(s->remote, i, n_numbered + i, link->devices[i].description, &root);
		if (!device)
			return false;
		s->devices[s->n_devices++] = device;
	}
	return true;
}

static struct server *new_server(struct gw_remote *remote, const struct gw_link *link)
{
	struct server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->remote = remote;
	s->base = (struct ggml_backend_reg){
		.api_version = root.api_version,
		.iface = {server_name, server_count, server_device, reg_proc},
		.context = s,
	};
	if (asprintf(&s->name, "RPC[%s]", remote->endpoint) < 0)
		s->name = NULL;
	if (!s->name || !make_devices(s, link)) {
		free_server(s);
		return NULL;
	}
	return s;
}

/* Connects and enters the server in the list; n_numbered moves on success only. */
static struct server *add_locked(const char *endpoint, gw_dial dial, void *dial_user)
{
	struct gw_remote *remote = gw_remote_new(endpoint, dial, dial_user);
	struct gw_link *link;

	if (!remote)
		return NULL;
	if (gw_remote_connect(remote, &link) != GW_OK)
		goto free_remote;
	struct server *s = new_server(remote, link);
	gw_link_put(link);
	if (!s)
		goto free_remote;
	n_numbered += (unsigned)s->n_devices;
	s->next = servers;
	servers = s;
	return s;

free_remote:
	gw_remote_free(remote);
	return NULL;
}

static struct server *find_locked(const char *endpoint)
{
	struct server *s = servers;

	while (s && strcmp(s->remote->endpoint, endpoint) != 0)
		s = s->next;
	return s;
}

static struct server *find_or_add(const char *endpoint, gw_dial dial, void *dial_user)
{
	pthread_mutex_lock(&lock);
	struct server *s = find_locked(endpoint);
	if (!s)
		s = add_locked(endpoint, dial, dial_user);
	pthread_mutex_unlock(&lock);
	return s;
}

static enum gw_status dial_endpoint(void *user, const char *endpoint, struct gw_client **out, struct gw_error *err)
{
	(void)user;
	return gw_client_connect(endpoint, out, err);
}

static void give_root_devices(const struct server *s)
{
	struct gw_remote_device **more =
		realloc((void *)root_devices, (n_root_devices + s->n_devices) * sizeof(struct gw_remote_device *));
	if (!more)
		return;
	memcpy((void *)(more + n_root_devices), (void *)s->devices, s->n_devices * sizeof(struct gw_remote_device *));
	root_devices = more;
	n_root_devices += s->n_devices;
}

static bool named_before(const char *endpoint)
{
	for (size_t i = 0; i < n_root_devices; i++)
		if (strcmp(root_devices[i]->remote->endpoint, endpoint) == 0)
			return true;
	return false;
}

static void add_servers_of_environment(void)
{
	const char *value = getenv("GGML_RPC_SERVERS");
	char *list = value ? strdup(value) : NULL;
	char *rest = NULL;

	for (char *endpoint = list ? strtok_r(list, ", ", &rest) : NULL; endpoint;
		endpoint = strtok_r(NULL, ", ", &rest)) {
		const struct server *s = named_before(endpoint) ? NULL : find_or_add(endpoint, dial_endpoint, NULL);
		if (s)
			give_root_devices(s);
	}
	free(list);
}

static void init_root(void)
{
	gw_sink_install();
	struct gw_error err;
	const struct gw_abi *abi = gw_abi_get(&err);

	if (!abi) {
		gw_log_error("RPC: %s", err.text);
		return;
	}
	root = (struct ggml_backend_reg){
		.api_version = abi->api_version,
		.iface = {root_name, root_count, root_device, reg_proc},
	};
	root_ok = true;
	add_servers_of_environment();
}

ggml_backend_reg_t gw_reg_get(gw_proc_lookup lookup)
{
	pthread_mutex_lock(&lock);
	if (!root_lookup)
		root_lookup = lookup;
	pthread_mutex_unlock(&lock);
	pthread_once(&once, init_root);
	return root_ok ? &root : NULL;
}

ggml_backend_reg_t gw_reg_add_server_over(const char *endpoint, gw_dial dial, void *dial_user)
{
	struct server *s = find_or_add(endpoint, dial, dial_user);
	return s ? &s->base : NULL;
}

ggml_backend_reg_t gw_reg_add_server(const char *endpoint)
{
	return gw_reg_add_server_over(endpoint, dial_endpoint, NULL);
}

ggml_backend_dev_t gw_reg_device(const char *endpoint, uint32_t device)
{
	const struct server *s = find_or_add(endpoint, dial_endpoint, NULL);

	if (!s)
		return NULL;
	if (device >= s->n_devices) {
		gw_log_error(
			"RPC: %s: there is no device %u; the server has %zu", endpoint, (unsigned)device, s->n_devices);
		return NULL;
	}
	return &s->devices[device]->base;
}
