/* Bounds-checked little-endian reading and writing. A reader's or writer's error sticks: do all steps, then ask once.
 */
#ifndef GW_WIRE_CURSOR_H
#define GW_WIRE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t gw_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t gw_le64(const uint8_t *p)
{
	return (uint64_t)gw_le32(p) | (uint64_t)gw_le32(p + 4) << 32;
}

static inline void gw_put_le32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static inline void gw_put_le64(uint8_t *p, uint64_t v)
{
	gw_put_le32(p, (uint32_t)v);
	gw_put_le32(p + 4, (uint32_t)(v >> 32));
}

struct gw_rd {
	const uint8_t *p;
	const uint8_t *end;
	bool bad;
};

/* bytes may be NULL if n is 0. */
static inline struct gw_rd gw_rd_init(const void *bytes, size_t n)
{
	const uint8_t *p = n ? bytes : "";
	return (struct gw_rd){p, p + n, false};
}

/* The next n bytes, or NULL (and the reader is bad) if there are fewer. */
static inline const uint8_t *gw_rd_bytes(struct gw_rd *r, size_t n)
{
	if (r->bad || (size_t)(r->end - r->p) < n) {
		r->bad = true;
		return NULL;
	}
	const uint8_t *p = r->p;
	r->p += n;
	return p;
}

static inline uint8_t gw_rd_u8(struct gw_rd *r)
{
	const uint8_t *p = gw_rd_bytes(r, 1);
	return p ? p[0] : 0;
}

static inline uint32_t gw_rd_u32(struct gw_rd *r)
{
	const uint8_t *p = gw_rd_bytes(r, 4);
	return p ? gw_le32(p) : 0;
}

static inline uint64_t gw_rd_u64(struct gw_rd *r)
{
	const uint8_t *p = gw_rd_bytes(r, 8);
	return p ? gw_le64(p) : 0;
}

static inline size_t gw_rd_left(const struct gw_rd *r)
{
	return r->bad ? 0 : (size_t)(r->end - r->p);
}

/* Whether everything was read, and nothing is left over. */
static inline bool gw_rd_done(const struct gw_rd *r)
{
	return !r->bad && r->p == r->end;
}

struct gw_wr {
	uint8_t *p;
	uint8_t *end;
	bool bad;
};

static inline struct gw_wr gw_wr_init(void *bytes, size_t n)
{
	uint8_t *p = bytes;
	return (struct gw_wr){p, p + n, false};
}

/* Room for n bytes, or NULL (and the writer is bad). */
static inline uint8_t *gw_wr_room(struct gw_wr *w, size_t n)
{
	if (w->bad || (size_t)(w->end - w->p) < n) {
		w->bad = true;
		return NULL;
	}
	uint8_t *p = w->p;
	w->p += n;
	return p;
}

static inline void gw_wr_bytes(struct gw_wr *w, const void *bytes, size_t n)
{
	uint8_t *p = gw_wr_room(w, n);
	if (p && n)
		memcpy(p, bytes, n);
}

static inline void gw_wr_u8(struct gw_wr *w, uint8_t v)
{
	uint8_t *p = gw_wr_room(w, 1);
	if (p)
		p[0] = v;
}

static inline void gw_wr_u32(struct gw_wr *w, uint32_t v)
{
	uint8_t *p = gw_wr_room(w, 4);
	if (p)
		gw_put_le32(p, v);
}

static inline void gw_wr_u64(struct gw_wr *w, uint64_t v)
{
	uint8_t *p = gw_wr_room(w, 8);
	if (p)
		gw_put_le64(p, v);
}

/* Whether everything fitted, and the room was filled to the last byte. */
static inline bool gw_wr_done(const struct gw_wr *w)
{
	return !w->bad && w->p == w->end;
}

#endif
