#include "daemon/status/scoreboard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "version.h"

#define PAGE 4096 /* of every page size a multiple, so that a worker can map its slot alone: see slot_bytes */
/* Above the descriptors that processes are started with. */
#define FD_FIRST 16
/* A counter that is further ahead of what was read last has not been counted. */
#define JUMP_MAX (UINT64_C(1) << 56)

/* Of a worker, and of its client if it has one; the supervisor's. sequence is odd while it is being written. */
struct card {
	_Atomic uint32_t sequence;
	uint32_t generation; /* of the slot: another process, another number */
	bool taken;
	bool busy;
	bool is_unix;
	struct gw_version protocol;
	uint64_t since_ns;
	uint64_t base[GW_COUNTS]; /* the slot's counters when the client came */
	bool is_tls;
	char identity[GW_EXT_TEXT]; /* "" = none was proved */
	char address[GW_EXT_TEXT];
	char endpoint[GW_EXT_TEXT];
};

struct head {
	uint64_t started_ns;
	uint32_t max_clients;
	struct gw_version protocol;
	char host[GW_EXT_TEXT];
	char endpoints[GW_EXT_TEXT];
	_Atomic uint64_t ended[GW_COUNTS]; /* of processes that are no more, and what the supervisor counts */
	uint32_t n_devices;
	struct gw_ext_status_device devices[GW_EXT_MAX_DEVICES]; /* as they were at the start */
	struct gw_counters_memory memory[GW_EXT_MAX_DEVICES];    /* as processes that are no more saw it last */
};

/* What was read last from a slot: what a corrupt worker writes cannot make a counter fall. */
struct seen {
	uint32_t generation;
	uint64_t count[GW_COUNTS];
};

struct gw_scoreboard {
	int fds[2]; /* to write, to read; -1 with a worker */
	uint32_t n_slots;
	bool has_own;
	uint32_t own;
	uint8_t *memory; /* all of it; written by the supervisor alone */
	size_t size;
	struct gw_counters *own_counters; /* a worker's own slot, to write */
	struct seen *seen;                /* n_slots */
};

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static size_t page_size(void)
{
	long size = sysconf(_SC_PAGESIZE);
	return size > PAGE ? (size_t)size : PAGE;
}

static size_t slot_bytes(void)
{
	return round_up(sizeof(struct gw_counters), page_size());
}

static size_t slots_at(uint32_t slots)
{
	return round_up(sizeof(struct head) + slots * sizeof(struct card), page_size());
}

static size_t bytes_of(uint32_t slots)
{
	return slots_at(slots) + slots * slot_bytes();
}

static struct head *head_of(const struct gw_scoreboard *b)
{
	return (struct head *)(void *)b->memory;
}

static struct card *card_of(const struct gw_scoreboard *b, uint32_t slot)
{
	return (struct card *)(void *)(b->memory + sizeof(struct head)) + slot;
}

static struct gw_counters *slot_of(const struct gw_scoreboard *b, uint32_t slot)
{
	return (struct gw_counters *)(void *)(b->memory + slots_at(b->n_slots) + slot * slot_bytes());
}
_Static_assert(sizeof(struct head) % _Alignof(struct card) == 0, "cards stand behind the head");

static enum gw_status board_new(uint32_t slots, struct gw_scoreboard **out, struct gw_error *err)
{
	struct gw_scoreboard *b = calloc(1, sizeof(*b));
	if (b)
		b->seen = calloc(slots ? slots : 1, sizeof(*b->seen));
	if (!b || !b->seen) {
		free(b);
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	}
	b->fds[0] = b->fds[1] = -1;
	b->n_slots = slots;
	b->size = bytes_of(slots);
	*out = b;
	return GW_OK;
}

void gw_scoreboard_free(struct gw_scoreboard *b)
{
	if (!b)
		return;
	if (b->own_counters)
		munmap(b->own_counters, slot_bytes());
	if (b->memory)
		munmap(b->memory, b->size);
	for (int i = 0; i < 2; i++)
		if (b->fds[i] >= 0)
			close(b->fds[i]);
	free(b->seen);
	free(b);
}

static enum gw_status map(int fd, size_t offset, size_t size, int protection, void **out, struct gw_error *err)
{
	void *memory = mmap(NULL, size, protection, MAP_SHARED, fd, (off_t)offset);
	if (memory == MAP_FAILED)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "memory for counters");
	*out = memory;
	return GW_OK;
}

/* Moves a descriptor out of the way of those that processes are started with. */
static int move_up(int fd)
{
	int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FD_FIRST);
	if (fd >= 0)
		close(fd);
	return moved;
}

/* A mapping of a descriptor that was opened to read can never be made writable. */
static int open_to_read(int fd)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static enum gw_status open_memory(struct gw_scoreboard *b, struct gw_error *err)
{
	b->fds[0] = move_up(memfd_create("ggwire-counters", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	if (b->fds[0] < 0)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "memory for counters");
	/* Reading memory of a file that shrank is fatal. */
	if (ftruncate(b->fds[0], (off_t)b->size) < 0 ||
		fcntl(b->fds[0], F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "memory for counters");
	b->fds[1] = move_up(open_to_read(b->fds[0]));
	if (b->fds[1] < 0)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "memory for counters");
	return GW_OK;
}

enum gw_status gw_scoreboard_new(uint32_t slots, uint32_t max_clients, struct gw_scoreboard **out, struct gw_error *err)
{
	struct gw_scoreboard *b;
	void *memory = NULL;
	enum gw_status status = board_new(slots, &b, err);
	if (status)
		return status;
	status = open_memory(b, err);
	if (!status)
		status = map(b->fds[0], 0, b->size, PROT_READ | PROT_WRITE, &memory, err);
	if (status) {
		gw_scoreboard_free(b);
		return status;
	}
	b->memory = memory;
	head_of(b)->started_ns = gw_clock_ns();
	head_of(b)->max_clients = max_clients;
	*out = b;
	return GW_OK;
}

void gw_scoreboard_fds(const struct gw_scoreboard *b, int fds[2])
{
	fds[0] = b->fds[0];
	fds[1] = b->fds[1];
}

uint32_t gw_scoreboard_slots(const struct gw_scoreboard *b)
{
	return b->n_slots;
}

static enum gw_status attach(struct gw_scoreboard *b, const int fds[2], struct gw_error *err)
{
	void *all, *own;
	enum gw_status status = map(fds[1], 0, b->size, PROT_READ, &all, err);
	if (status)
		return status;
	b->memory = all;
	status = map(
		fds[0], slots_at(b->n_slots) + b->own * slot_bytes(), slot_bytes(), PROT_READ | PROT_WRITE, &own, err);
	if (!status)
		b->own_counters = own;
	return status;
}

enum gw_status gw_scoreboard_attach(
	const int fds[2], uint32_t slots, uint32_t slot, struct gw_scoreboard **out, struct gw_error *err)
{
	struct gw_scoreboard *b = NULL;
	enum gw_status status = slot < slots
					? board_new(slots, &b, err)
					: gw_error_set(err, GW_ERR_INVALID, "counters of slot %u of %u", slot, slots);
	if (!status) {
		b->has_own = true;
		b->own = slot;
		status = attach(b, fds, err);
	}
	close(fds[0]);
	close(fds[1]);
	if (status) {
		gw_scoreboard_free(b);
		return status;
	}
	*out = b;
	return GW_OK;
}

enum gw_status gw_scoreboard_attach_to_read(int fd, uint32_t slots, struct gw_scoreboard **out, struct gw_error *err)
{
	struct gw_scoreboard *b = NULL;
	void *all;
	enum gw_status status = board_new(slots, &b, err);
	if (!status)
		status = map(fd, 0, b->size, PROT_READ, &all, err);
	close(fd);
	if (status) {
		gw_scoreboard_free(b);
		return status;
	}
	b->memory = all;
	*out = b;
	return GW_OK;
}

struct gw_counters *gw_scoreboard_counters(const struct gw_scoreboard *b)
{
	return b->own_counters;
}

/* A text and its NUL, as much as there is room for. */
static void copy_text(char out[GW_EXT_TEXT], const char *text)
{
	size_t n = strnlen(text, GW_EXT_TEXT - 1);
	memcpy(out, text, n);
	out[n] = '\0';
}

void gw_scoreboard_add_device(
	struct gw_scoreboard *b, const char *name, const char *description, uint64_t total, uint64_t free_bytes)
{
	struct head *h = head_of(b);
	if (h->n_devices == GW_EXT_MAX_DEVICES)
		return;
	struct gw_ext_status_device *d = &h->devices[h->n_devices++];
	d->total = total;
	d->free = free_bytes;
	copy_text(d->name, name);
	copy_text(d->description, description);
}

void gw_scoreboard_set_protocol(struct gw_scoreboard *b, struct gw_version protocol)
{
	head_of(b)->protocol = protocol;
}

void gw_scoreboard_set_place(struct gw_scoreboard *b, const char *host, const char *endpoints)
{
	snprintf(head_of(b)->host, GW_EXT_TEXT, "%s", host);
	snprintf(head_of(b)->endpoints, GW_EXT_TEXT, "%s", endpoints);
}

/* Between the two a card is not to be read. */
static void begin_writing(struct card *c)
{
	atomic_fetch_add_explicit(&c->sequence, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void end_writing(struct card *c)
{
	atomic_fetch_add_explicit(&c->sequence, 1, memory_order_release);
}

/* A copy of a card as it was at one moment. False if it is being written all the time. */
static bool read_card(const struct gw_scoreboard *b, uint32_t slot, struct card *out)
{
	struct card *c = card_of(b, slot);
	for (int tries = 0; tries < 1000; tries++) {
		uint32_t before = atomic_load_explicit(&c->sequence, memory_order_acquire);
		memcpy(out, c, sizeof(*out));
		atomic_thread_fence(memory_order_acquire);
		if (before % 2 == 0 && atomic_load_explicit(&c->sequence, memory_order_relaxed) == before)
			return true;
	}
	return false;
}

bool gw_scoreboard_take(struct gw_scoreboard *b, uint32_t *slot)
{
	for (uint32_t i = 0; i < b->n_slots; i++) {
		struct card *c = card_of(b, i);
		if (c->taken)
			continue;
		begin_writing(c);
		c->taken = true;
		c->generation++;
		end_writing(c);
		*slot = i;
		return true;
	}
	return false;
}

/* The counters of a slot, which never fall as long as the same process has it. */
static const uint64_t *read_counts(struct gw_scoreboard *b, uint32_t slot, uint32_t generation)
{
	const struct gw_counters *counters = slot_of(b, slot);
	struct seen *seen = &b->seen[slot];
	if (seen->generation != generation)
		*seen = (struct seen){.generation = generation};
	for (size_t i = 0; i < GW_COUNTS; i++) {
		uint64_t now = gw_counters_get(&counters->count[i]);
		if (now > seen->count[i] && now - seen->count[i] <= JUMP_MAX)
			seen->count[i] = now;
	}
	return seen->count;
}

/* Workers may have lied: a sum stays where it ends. */
static uint64_t plus(uint64_t a, uint64_t b)
{
	uint64_t sum;
	return gw_add_u64(a, b, &sum) ? sum : UINT64_MAX;
}

static bool serves(struct card *c, const char *identity)
{
	uint32_t before = atomic_load_explicit(&c->sequence, memory_order_acquire);
	bool same = c->busy && strncmp(c->identity, identity, sizeof(c->identity)) == 0;
	atomic_thread_fence(memory_order_acquire);
	return same && before % 2 == 0 && atomic_load_explicit(&c->sequence, memory_order_relaxed) == before;
}

uint64_t gw_scoreboard_held_by_others(const struct gw_scoreboard *b)
{
	/* The supervisor does not change it while the worker serves this client. */
	const char *identity = card_of(b, b->own)->identity;
	uint64_t sum = 0;
	for (uint32_t slot = 0; identity[0] && slot < b->n_slots; slot++)
		if (slot != b->own && serves(card_of(b, slot), identity))
			sum = plus(sum, gw_counters_get(&slot_of(b, slot)->held));
	return sum;
}

static void count(struct gw_scoreboard *b, enum gw_ext_count what, uint64_t n)
{
	_Atomic uint64_t *number = &head_of(b)->ended[what];
	atomic_store_explicit(
		number, plus(atomic_load_explicit(number, memory_order_relaxed), n), memory_order_relaxed);
}

/* What a worker reported last about the devices' memory outlives it. */
static void keep_memory(struct gw_scoreboard *b, uint32_t slot)
{
	uint64_t now = gw_clock_ns();
	for (uint32_t i = 0; i < head_of(b)->n_devices; i++) {
		const struct gw_counters_memory *told = &slot_of(b, slot)->devices[i];
		struct gw_counters_memory *kept = &head_of(b)->memory[i];
		uint64_t at = gw_counters_get(&told->at_ns);
		if (at <= gw_counters_get(&kept->at_ns) || at > now)
			continue;
		gw_counters_set(&kept->free, gw_counters_get(&told->free));
		gw_counters_set(&kept->total, gw_counters_get(&told->total));
		gw_counters_set(&kept->at_ns, at);
	}
}

void gw_scoreboard_give_back(struct gw_scoreboard *b, uint32_t slot)
{
	struct card *c = card_of(b, slot);
	const uint64_t *counts = read_counts(b, slot, c->generation);
	keep_memory(b, slot);
	begin_writing(c);
	for (size_t i = 0; i < GW_COUNTS; i++)
		count(b, (enum gw_ext_count)i, counts[i]);
	memset((void *)slot_of(b, slot), 0, sizeof(struct gw_counters));
	c->taken = c->busy = false;
	end_writing(c);
}

void gw_scoreboard_begin(struct gw_scoreboard *b, uint32_t slot, const struct gw_scoreboard_client *client)
{
	struct card *c = card_of(b, slot);
	const uint64_t *counts = read_counts(b, slot, c->generation);
	begin_writing(c);
	c->busy = true;
	c->is_unix = client->is_unix;
	c->is_tls = client->is_tls;
	c->protocol = client->protocol;
	c->since_ns = gw_clock_ns();
	memcpy(c->base, counts, sizeof(c->base));
	copy_text(c->identity, "");
	copy_text(c->address, client->address);
	copy_text(c->endpoint, client->endpoint);
	end_writing(c);
}

void gw_scoreboard_end(struct gw_scoreboard *b, uint32_t slot)
{
	struct card *c = card_of(b, slot);
	begin_writing(c);
	c->busy = false;
	end_writing(c);
}

void gw_scoreboard_identify(struct gw_scoreboard *b, uint32_t slot, const char *identity)
{
	struct card *c = card_of(b, slot);
	begin_writing(c);
	copy_text(c->identity, identity);
	end_writing(c);
}

void gw_scoreboard_count(struct gw_scoreboard *b, enum gw_ext_count what)
{
	count(b, what, 1);
}

static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

static uint32_t transport_of(const struct card *card, const struct gw_counters *counters)
{
	if (gw_counters_get(&counters->rdma))
		return GW_EXT_TRANSPORT_RDMA;
	if (card->is_tls)
		return GW_EXT_TRANSPORT_TLS;
	return card->is_unix ? GW_EXT_TRANSPORT_UNIX : GW_EXT_TRANSPORT_TCP;
}

static void describe_client(struct gw_scoreboard *b, uint32_t slot, const struct card *card, const uint64_t *counts,
	uint64_t now, struct gw_ext_status_client *out)
{
	const struct gw_counters *counters = slot_of(b, slot);
	uint64_t active = gw_counters_get(&counters->active_ns);
	out->flags = (b->has_own && b->own == slot ? GW_EXT_CLIENT_SELF : 0) |
		     (gw_counters_get(&counters->tool) ? GW_EXT_CLIENT_TOOL : 0);
	out->transport = transport_of(card, counters);
	out->protocol = card->protocol;
	out->connected_ms = since(now, card->since_ns) / GW_NS_PER_MS;
	out->idle_ms = since(now, active > card->since_ns ? active : card->since_ns) / GW_NS_PER_MS;
	out->buffers = gw_counters_get(&counters->buffers);
	out->buffer_bytes = gw_counters_get(&counters->buffer_bytes);
	for (size_t i = 0; i < GW_COUNTS; i++)
		out->count[i] = since(counts[i], card->base[i]);
	copy_text(out->identity, card->identity);
	copy_text(out->address, card->address);
	copy_text(out->endpoint, card->endpoint);
}

static void take_newer(
	const struct gw_counters_memory *m, uint64_t now, uint64_t *newest, struct gw_ext_status_device *out)
{
	uint64_t at = gw_counters_get(&m->at_ns);
	if (at <= *newest || at > now)
		return;
	*newest = at;
	out->free = gw_counters_get(&m->free);
	out->total = gw_counters_get(&m->total);
}

/* The newest numbers about a device's memory: a worker's, one's that is no more, or those of the start. A device that
 * reports all of its memory as free, as ggml's CPU always does, cannot tell: then what clients hold is not free. */
static void describe_device(struct gw_scoreboard *b, uint32_t i, uint64_t now, struct gw_ext_status_device *out)
{
	const struct head *h = head_of(b);
	uint64_t newest = h->started_ns;
	*out = h->devices[i];
	take_newer(&h->memory[i], now, &newest, out);
	struct card card;
	uint64_t held = 0;
	for (uint32_t slot = 0; slot < b->n_slots; slot++) {
		if (!read_card(b, slot, &card) || !card.taken)
			continue;
		take_newer(&slot_of(b, slot)->devices[i], now, &newest, out);
		if (card.busy)
			held = plus(held, gw_counters_get(&slot_of(b, slot)->devices[i].held));
	}
	if (out->free >= out->total)
		out->free = since(out->total, held);
	out->age_ms = since(now, newest) / GW_NS_PER_MS;
}

uint64_t gw_scoreboard_memory_age(struct gw_scoreboard *b)
{
	uint64_t oldest = 0, now = gw_clock_ns();
	for (uint32_t i = 0; i < head_of(b)->n_devices; i++) {
		struct gw_ext_status_device d;
		describe_device(b, i, now, &d);
		if (d.age_ms > oldest)
			oldest = d.age_ms;
	}
	return oldest * GW_NS_PER_MS;
}

void gw_scoreboard_loaded(struct gw_scoreboard *b, uint32_t slot, uint64_t bytes[3], uint64_t *connected_ns)
{
	const struct card *c = card_of(b, slot);
	const uint64_t *counts = read_counts(b, slot, c->generation);
	for (size_t i = 0; i < 3; i++)
		bytes[i] = since(counts[GW_COUNT_LOADED_NETWORK + i], c->base[GW_COUNT_LOADED_NETWORK + i]);
	*connected_ns = since(gw_clock_ns(), c->since_ns);
}

bool gw_scoreboard_is_busy(const struct gw_scoreboard *b)
{
	struct card card;
	for (uint32_t i = 0; i < b->n_slots; i++)
		if (read_card(b, i, &card) && card.busy)
			return true;
	return false;
}

static void read_ended(const struct gw_scoreboard *b, uint64_t count[GW_COUNTS])
{
	for (size_t i = 0; i < GW_COUNTS; i++)
		count[i] = atomic_load_explicit(&head_of(b)->ended[i], memory_order_relaxed);
}

static void add_counts(uint64_t sum[GW_COUNTS], const uint64_t *counts)
{
	for (size_t i = 0; i < GW_COUNTS; i++)
		sum[i] = plus(sum[i], counts[i]);
}

void gw_scoreboard_totals(struct gw_scoreboard *b, uint64_t count[GW_COUNTS])
{
	struct card card;
	read_ended(b, count);
	for (uint32_t i = 0; i < b->n_slots; i++)
		if (read_card(b, i, &card) && card.taken)
			add_counts(count, read_counts(b, i, card.generation));
}

static void add_slot(struct gw_scoreboard *b, uint32_t slot, uint64_t now, struct gw_ext_status *s)
{
	struct card card;
	if (!read_card(b, slot, &card) || !card.taken)
		return;
	const uint64_t *counts = read_counts(b, slot, card.generation);
	s->workers++;
	add_counts(s->count, counts);
	if (card.busy && s->n_clients < GW_EXT_STATUS_CLIENTS)
		describe_client(b, slot, &card, counts, now, &s->clients[s->n_clients++]);
}

enum gw_status gw_scoreboard_read(struct gw_scoreboard *b, struct gw_ext_status *out)
{
	const struct head *h = head_of(b);
	uint64_t now = gw_clock_ns();
	struct gw_ext_status s = {.time_ms = gw_clock_unix_ms(),
		.uptime_ms = since(now, h->started_ns) / GW_NS_PER_MS,
		.max_clients = h->max_clients,
		.protocol = h->protocol,
		.version = GGWIRE_VERSION,
		.n_devices = h->n_devices};
	memcpy(s.host, h->host, sizeof(s.host));
	memcpy(s.endpoints, h->endpoints, sizeof(s.endpoints));
	s.devices = calloc(h->n_devices ? h->n_devices : 1, sizeof(*s.devices));
	s.clients = calloc(b->n_slots ? b->n_slots : 1, sizeof(*s.clients));
	if (!s.devices || !s.clients) {
		gw_ext_status_free(&s);
		return GW_ERR_NOMEM;
	}
	for (uint32_t i = 0; i < h->n_devices; i++)
		describe_device(b, i, now, &s.devices[i]);
	read_ended(b, s.count);
	for (uint32_t i = 0; i < b->n_slots; i++)
		add_slot(b, i, now, &s);
	*out = s;
	return GW_OK;
}
