#include "backend/reg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/device.h"
#include "backend/report/failure.h"
#include "backend/report/sink.h"
#include "base/log.h"
#include "base/units.h"
#include "discovery/browse.h"
#include "ggml/abi.h"
#include "transport/list/endpoint.h"

/* The thread that connects does not hold the lock; others that need the same server wait for changed. */
enum state {
	NOT_STARTED,
	CONNECTING,
	READY,
	FAILED,
};

/* The entry of a server. Never freed once it is READY. */
struct server {
	struct ggml_backend_reg base;
	struct server *next;
	enum state state;
	unsigned waiters;
	struct gw_remote *remote;
	char *name;
	size_t n_devices;
	struct gw_remote_device **devices;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of everything below but root_ok and the content of root */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct server *servers;
static unsigned n_numbered; /* devices that have a name so far */

/* The entry "RPC". Its devices are constant once environment is READY. */
static struct ggml_backend_reg root;
static bool root_ok;
static gw_proc_lookup root_lookup;
static enum state environment; /* the servers that it names */
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

static size_t empty_count(ggml_backend_reg_t reg)
{
	(void)reg;
	return 0;
}

static ggml_backend_dev_t empty_device(ggml_backend_reg_t reg, size_t index)
{
	(void)reg;
	(void)index;
	return NULL;
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
	if (s->remote)
		gw_remote_free(s->remote);
	free(s->name);
	free(s);
}

static struct server *new_server(const char *endpoint, gw_dial dial, void *dial_user)
{
	struct server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->state = CONNECTING;
	s->base = (struct ggml_backend_reg){
		.api_version = root.api_version,
		.iface = {server_name, server_count, server_device, reg_proc},
		.context = s,
	};
	s->remote = gw_remote_new(endpoint, dial, dial_user);
	if (asprintf(&s->name, "RPC[%s]", endpoint) < 0)
		s->name = NULL;
	if (s->remote && s->name)
		return s;
	free_server(s);
	return NULL;
}

/* Under the lock: devices are numbered in the order in which their servers become ready. */
static bool make_devices_locked(struct server *s, const struct gw_remote_conn *conn)
{
	s->devices = calloc(conn->n_devices, sizeof(struct gw_remote_device *));
	if (!s->devices)
		return false;
	for (uint32_t i = 0; i < conn->n_devices; i++) {
		struct gw_remote_device *device =
			gw_remote_device_new(s->remote, i, n_numbered + i, conn->devices[i].description, &root);
		if (!device)
			return false;
		s->devices[s->n_devices++] = device;
	}
	n_numbered += (unsigned)s->n_devices;
	return true;
}

static struct server *find_locked(const char *endpoint)
{
	struct server *s = servers;

	while (s && strcmp(s->remote->endpoint, endpoint) != 0)
		s = s->next;
	return s;
}

static void remove_locked(const struct server *s)
{
	struct server **at = &servers;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
}

/* One line for each device that a program can use now. A warning, because llama.cpp drops what ggml logs as information
 * before its command line is read. */
static void announce_devices(const struct server *s, const struct gw_remote_conn *conn)
{
	for (size_t i = 0; i < s->n_devices; i++) {
		const struct gw_remote_device *device = s->devices[i];
		char available[GW_UNITS_TEXT];
		size_t free_bytes, total;

		ggml_backend_dev_memory(&s->devices[i]->base, &free_bytes, &total);
		gw_log_warn("ggwire: %s = %s, %s free, %s", device->name, device->description,
			gw_units_bytes((double)free_bytes, available), gw_client_transport(conn->client)->ops->title);
	}
}

/* Connects a new server, which is in the list. Leaves the lock meanwhile. */
static void connect_locked(struct server *s)
{
	struct gw_remote_conn *conn = NULL;

	pthread_mutex_unlock(&lock);
	(void)gw_remote_connect(s->remote, &conn);
	pthread_mutex_lock(&lock);
	bool ready = conn && make_devices_locked(s, conn);
	s->state = ready ? READY : FAILED;
	if (!ready)
		remove_locked(s);
	pthread_cond_broadcast(&changed);
	if (!conn)
		return;
	pthread_mutex_unlock(&lock);
	if (ready)
		announce_devices(s, conn);
	else
		gw_log_error("ggwire: %s is not used: out of memory", s->remote->endpoint);
	gw_remote_put(conn);
	pthread_mutex_lock(&lock);
}

/* A thread that waits for another one's attempt shares its outcome. */
static struct server *find_or_add(const char *endpoint, gw_dial dial, void *dial_user)
{
	pthread_mutex_lock(&lock);
	struct server *s = find_locked(endpoint);
	bool is_new = !s;

	if (is_new && (s = new_server(endpoint, dial, dial_user))) {
		s->next = servers;
		servers = s;
	}
	if (!s) {
		pthread_mutex_unlock(&lock);
		return NULL;
	}
	s->waiters++;
	if (is_new)
		connect_locked(s);
	while (s->state == CONNECTING)
		pthread_cond_wait(&changed, &lock);
	bool ready = s->state == READY;
	bool last = --s->waiters == 0;
	pthread_mutex_unlock(&lock);
	if (!ready && last)
		free_server(s);
	return ready ? s : NULL;
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

/* A list of the servers that are announced on the network, for the caller to free; NULL, after a line that says so, if
 * there are none. */
static char *find_servers(void)
{
	struct gw_found_list *found = malloc(sizeof(*found));
	struct gw_error err;
	size_t refused = 0;
	char *list = NULL;
	enum gw_status status = found ? gw_browse_trusted(GW_BROWSE_MS, found, &refused, &err)
				      : gw_error_set(&err, GW_ERR_NOMEM, "out of memory");
	if (refused)
		gw_log_warn("ggwire: %zu announced servers are not used: none of the user's keys is for them", refused);
	if (!status && found->n == 0)
		status = gw_error_set(&err, GW_ERR_NOT_FOUND, "no server is announced on the network");
	if (!status)
		list = calloc(found->n, GW_FOUND_ENDPOINT + 1);
	for (size_t i = 0; list && i < found->n; i++) {
		strcat(list, i > 0 ? "," : "");
		strcat(list, found->items[i].endpoint);
	}
	free(found);
	if (status)
		gw_failure_not_used("GGML_RPC_SERVERS=auto", &err);
	return list;
}

static void add_servers_of_environment(void)
{
	const char *value = getenv("GGML_RPC_SERVERS");
	char *list = !value ? NULL : strcmp(value, "auto") == 0 ? find_servers() : strdup(value);

	for (char *endpoint, *rest = list; (endpoint = gw_endpoint_next(&rest));) {
		if (!endpoint[0] || named_before(endpoint))
			continue;
		const struct server *s = find_or_add(endpoint, dial_endpoint, NULL);
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
		gw_failure_no_server(&err);
		return;
	}
	root = (struct ggml_backend_reg){
		.api_version = abi->api_version,
		.iface = {root_name, root_count, root_device, reg_proc},
	};
	root_ok = true;
}

bool gw_reg_init(gw_proc_lookup lookup)
{
	pthread_mutex_lock(&lock);
	if (!root_lookup)
		root_lookup = lookup;
	pthread_mutex_unlock(&lock);
	pthread_once(&once, init_root);
	return root_ok;
}

ggml_backend_reg_t gw_reg_get(gw_proc_lookup lookup)
{
	if (!gw_reg_init(lookup))
		return NULL;
	pthread_mutex_lock(&lock);
	if (environment == NOT_STARTED) {
		environment = CONNECTING;
		pthread_mutex_unlock(&lock);
		add_servers_of_environment();
		pthread_mutex_lock(&lock);
		environment = READY;
		pthread_cond_broadcast(&changed);
	}
	while (environment == CONNECTING)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	return &root;
}

ggml_backend_reg_t gw_reg_empty(void)
{
	static struct ggml_backend_reg empty;
	if (!gw_reg_init(NULL))
		return NULL;
	empty = (struct ggml_backend_reg){
		.api_version = root.api_version,
		.iface = {root_name, empty_count, empty_device, reg_proc},
	};
	return &empty;
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
