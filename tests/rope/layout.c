#include "layout.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "doc.h"

#define MAX_HEAD 32
#define MAX_LINE 160

#define NORMAL GGML_ROPE_TYPE_NORMAL
#define NEOX GGML_ROPE_TYPE_NEOX
#define MROPE GGML_ROPE_TYPE_MROPE
#define IMROPE GGML_ROPE_TYPE_IMROPE
#define VISION GGML_ROPE_TYPE_VISION

/* One character for each element of a head. */
struct picture {
	char halves[MAX_HEAD + 1];    /* c: x of a pair (x, y), s: y, 0: not rotated */
	char streams[MAX_HEAD + 1];   /* the letter of the position stream that rotates it */
	char exponents[MAX_HEAD + 1]; /* e of pos * freq_base^(-2 e / n_dims) */
};

struct layout {
	const char *name;
	int mode, head, n_dims, offset;
	int sections[GGML_MROPE_SECTIONS];
	const char *letters; /* of the streams */
	struct picture expected;
};

static const struct layout layouts[] = {
	{"NORMAL", NORMAL, 8, 4, 0, {0}, "p", {"cscs0000", "pppp0000", "0011...."}},
	{"NORMAL", NORMAL, 8, 8, 0, {0}, "p", {"cscscscs", "pppppppp", "00112233"}},
	{"NORMAL", NORMAL, 10, 4, 2, {0}, "p", {"00cscs0000", "00pppp0000", "..0011...."}},
	{"NEOX", NEOX, 8, 4, 0, {0}, "p", {"ccss0000", "pppp0000", "0101...."}},
	{"NEOX", NEOX, 8, 8, 0, {0}, "p", {"ccccssss", "pppppppp", "01230123"}},
	{"NEOX", NEOX, 10, 4, 2, {0}, "p", {"00ccss0000", "00pppp0000", "..0101...."}},
	{"MROPE", MROPE, 18, 16, 0, {4, 2, 2, 0}, "tyxe",
		{"ccccccccssssssss00", "ttttyyxxttttyyxx00", "0123456701234567.."}},
	{"MROPE", MROPE, 16, 16, 0, {3, 2, 2, 1}, "tyxe", {"ccccccccssssssss", "tttyyxxetttyyxxe", "0123456701234567"}},
	{"MROPE", MROPE, 16, 16, 0, {1, 1, 1, 0}, "tyxe", {"ccccccccssssssss", "tyxtyxtytyxtyxty", "0123456701234567"}},
	{"IMROPE", IMROPE, 18, 16, 0, {3, 3, 2, 0}, "tyxe",
		{"ccccccccssssssss00", "tyxtyxtytyxtyxty00", "0123456701234567.."}},
	{"IMROPE", IMROPE, 18, 16, 0, {4, 2, 2, 0}, "tyxe",
		{"ccccccccssssssss00", "tyxtyxtetyxtyxte00", "0123456701234567.."}},
	{"VISION", VISION, 8, 4, 0, {2, 2, 0, 0}, "yxab", {"ccccssss", "yyxxyyxx", "01010101"}},
	{"VISION", VISION, 8, 4, 0, {2, 2, 2, 2}, "yxab", {"ccccssss", "yyxxyyxx", "01010101"}},
	{"VISION", VISION, 8, 4, 0, {4, 4, 0, 0}, "yxab", {"ccccssss", "yyyyyyyy", "01230123"}},
};

/* Rotates each unit vector by position 1 of one stream, or of all for -1. moved[k][j]: element j of unit k. */
static bool units_rotate(ggml_backend_t backend, const struct layout *l, int stream, float moved[MAX_HEAD][MAX_HEAD])
{
	struct rope_params params = {
		.mode = l->mode,
		.n_dims = l->n_dims,
		.offset = l->offset,
		.freq_base = exp2f((float)l->n_dims / 2), /* makes the angles 1, 1/2, 1/4, ... */
		.freq_scale = 1,
		.attn_factor = 1,
	};
	memcpy(params.sections, l->sections, sizeof(params.sections));
	float units[MAX_HEAD * MAX_HEAD] = {0}, result[MAX_HEAD * MAX_HEAD], after[MAX_HEAD * MAX_HEAD];
	int32_t pos[GGML_MROPE_SECTIONS * MAX_HEAD] = {0};
	for (int k = 0; k < l->head; k++)
		units[k * l->head + k] = 1;
	for (int i = 0; i < rope_n_streams(l->mode) * l->head; i++)
		pos[i] = stream < 0 || i / l->head == stream;
	struct rope_input input = {
		.type = GGML_TYPE_F32,
		.ne = {l->head, 1, l->head, 1},
		.n_dims = l->head,
		.n_heads = 1,
		.values = units,
		.pos = pos,
	};
	if (rope_device_run(backend, &params, &input, result, after) != ROPE_RAN)
		return false;
	for (int k = 0; k < l->head; k++)
		memcpy(moved[k], result + (ptrdiff_t)k * l->head, (size_t)l->head * sizeof(float));
	return true;
}

/* The other element that unit vector k has moved to, or -1. */
static int partner(const struct layout *l, float moved[MAX_HEAD][MAX_HEAD], int k)
{
	for (int j = 0; j < l->head; j++)
		if (j != k && moved[k][j] != 0.0f)
			return j;
	return -1;
}

/* x' = x cos - y sin, y' = x sin + y cos: the unit vector of x moves to where sin is positive. */
static void halves_draw(const struct layout *l, float moved[MAX_HEAD][MAX_HEAD], char *picture)
{
	for (int k = 0; k < l->head; k++) {
		int j = partner(l, moved, k);
		picture[k] = j < 0 ? '0' : moved[k][j] > 0 ? 'c' : 's';
	}
}

static void exponents_draw(const struct layout *l, float moved[MAX_HEAD][MAX_HEAD], char *picture)
{
	for (int k = 0; k < l->head; k++) {
		int j = partner(l, moved, k);
		picture[k] = '.';
		if (j >= 0)
			picture[k] = (char)('0' + lroundf(-log2f(atan2f(fabsf(moved[k][j]), moved[k][k]))));
	}
}

static void stream_draw(const struct layout *l, float moved[MAX_HEAD][MAX_HEAD], char letter, char *picture)
{
	for (int k = 0; k < l->head; k++)
		if (partner(l, moved, k) >= 0)
			picture[k] = picture[k] == '0' ? letter : '?';
}

static bool layout_draw(ggml_backend_t backend, const struct layout *l, struct picture *drawn)
{
	float moved[MAX_HEAD][MAX_HEAD];
	*drawn = (struct picture){0};
	memset(drawn->streams, '0', (size_t)l->head);
	for (int stream = 0; stream < rope_n_streams(l->mode); stream++) {
		if (!units_rotate(backend, l, stream, moved))
			return false;
		stream_draw(l, moved, l->letters[stream], drawn->streams);
	}
	if (!units_rotate(backend, l, -1, moved))
		return false;
	halves_draw(l, moved, drawn->halves);
	exponents_draw(l, moved, drawn->exponents);
	return true;
}

static void line_write(const struct layout *l, const struct picture *picture, char *line)
{
	char sections[32] = "-";
	if (rope_has_sections(l->mode))
		snprintf(sections, sizeof(sections), "%d,%d,%d,%d", l->sections[0], l->sections[1], l->sections[2],
			l->sections[3]);
	snprintf(line, MAX_LINE, "%-6s  %4d  %6d  %6d  %-8s  %-18s  %-18s  %s", l->name, l->head, l->n_dims, l->offset,
		sections, picture->halves, picture->streams, picture->exponents);
}

static bool layout_check(ggml_backend_t backend, const struct layout *l, const char *text)
{
	struct picture drawn;
	char line[MAX_LINE], expected[MAX_LINE];
	line_write(l, &l->expected, expected);
	if (!layout_draw(backend, l, &drawn)) {
		fprintf(stderr, "the device failed to rotate: %s\n", expected);
		return false;
	}
	line_write(l, &drawn, line);
	bool documented = rope_doc_line(text, line);
	if (strcmp(line, expected) == 0)
		return documented;
	fprintf(stderr, "expected, but not found: %s\n", expected);
	return false;
}

bool rope_layouts_check(ggml_backend_t backend, const char *text, bool offsets)
{
	bool good = rope_doc_line(
		text, "mode    head  n_dims  offset  sections  halves              streams             exponents");
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (offsets || layouts[i].offset == 0)
			good = layout_check(backend, &layouts[i], text) && good;
	return good;
}
