#include <math.h>

#include "device/rules/op_fits.h"
#include "device/rules/op_rows.h"

static bool has_whole_rows(const struct ggml_tensor *t)
{
	return t->nb[0] == ggml_type_size(t->type);
}

/* Element by element, or block by block; but where only the result has no gaps, the kernel takes a block for an
 * element. */
static bool copies_as_it_is(const struct ggml_tensor *n, const struct ggml_tensor *from)
{
	return !ggml_is_quantized(n->type) || gw_same_shape(n, from) ||
	       ggml_is_contiguous(n) == ggml_is_contiguous(from) || !ggml_is_contiguous(n);
}

static bool is_one_of(uint64_t types, enum ggml_type type)
{
	return types >> type & 1;
}

/* Rows of numbers into rows of blocks, through a row of the work buffer that is as long as the result's. */
static bool puts_into_blocks(const struct ggml_tensor *n, const struct ggml_tensor *from)
{
	return is_one_of(FLOATS, from->type) && has_whole_rows(from) && from->ne[0] == n->ne[0] &&
	       ggml_is_contiguous(n);
}

/* The kernel takes strides and extents of the result from source 1, which ggml_cpy makes the result a view of. */
static bool takes_out_of_blocks(const struct ggml_tensor *n, const struct ggml_tensor *from)
{
	const struct ggml_tensor *to = n->src[1];

	return to && n->type == GGML_TYPE_F32 && is_one_of(QUANTIZED, from->type) && to->type == n->type &&
	       gw_same_shape(to, n) && memcmp(to->nb, n->nb, sizeof(to->nb)) == 0 && has_whole_rows(n) &&
	       has_whole_rows(from) && (n->ne[0] % ggml_blck_size(from->type) == 0 || ggml_is_contiguous(n));
}

bool gw_fits_cpy(const struct ggml_tensor *n)
{
	const struct ggml_tensor *from = n->src[0];

	if (ggml_nelements(n) != ggml_nelements(from))
		return false;
	if (n->type == from->type)
		return copies_as_it_is(n, from);
	if (ggml_is_quantized(n->type))
		return puts_into_blocks(n, from);
	if (ggml_is_quantized(from->type))
		return takes_out_of_blocks(n, from);
	return (is_one_of(FLOATS, n->type) && is_one_of(FLOATS, from->type)) ||
	       (n->type == GGML_TYPE_I32 && from->type == GGML_TYPE_F32) ||
	       (n->type == GGML_TYPE_F32 && from->type == GGML_TYPE_I32);
}

bool gw_fits_dup(const struct ggml_tensor *n)
{
	return ggml_nelements(n) == ggml_nelements(n->src[0]) && copies_as_it_is(n, n->src[0]);
}

bool gw_fits_repeat(const struct ggml_tensor *n)
{
	return gw_divides(n->src[0], n, 0);
}

/* Numbers of 64 bits are taken by rows, as blocks are; the kernel asserts it of what is empty, too. */
static bool has_rows_to_concat(const struct ggml_tensor *t)
{
	return (ggml_blck_size(t->type) == 1 && ggml_type_size(t->type) != sizeof(int64_t)) || has_whole_rows(t);
}

bool gw_fits_concat(const struct ggml_tensor *n)
{
	int32_t dim = n->op_params[0];

	if (!has_rows_to_concat(n) || !has_rows_to_concat(n->src[0]) || !has_rows_to_concat(n->src[1]))
		return false;
	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		int64_t a = n->src[0]->ne[i], b = n->src[1]->ne[i];
		if (i == dim ? n->ne[i] != a + b : n->ne[i] != a || a != b)
			return false;
	}
	return true;
}

bool gw_fits_get_rows(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne, *rows = n->src[1]->ne;
	enum ggml_type type = n->src[0]->type == GGML_TYPE_I32 ? GGML_TYPE_I32 : GGML_TYPE_F32;

	return n->type == type && a[2] == rows[1] && a[3] == rows[2] && rows[3] == 1 &&
	       gw_has_shape(n, a[0], rows[0], rows[1], rows[2]);
}

bool gw_fits_set_rows(const struct ggml_tensor *n)
{
	const struct ggml_tensor *from = n->src[0], *rows = n->src[1];

	return n->ne[0] == from->ne[0] && n->ne[2] == from->ne[2] && n->ne[3] == from->ne[3] &&
	       from->ne[1] == rows->ne[0] && rows->ne[3] == 1 && rows->ne[1] > 0 && from->ne[2] % rows->ne[1] == 0 &&
	       rows->ne[2] > 0 && from->ne[3] % rows->ne[2] == 0;
}

bool gw_fits_diag(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne;

	return a[1] == 1 && gw_has_shape(n, a[0], a[0], a[2], a[3]);
}

/* Around a torus only as far as once: the kernel adds an extent, not a multiple of it, before it divides. */
bool gw_fits_pad(const struct ggml_tensor *n)
{
	bool circular = n->op_params[8] != 0;

	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		int64_t before = n->op_params[2 * i], after = n->op_params[2 * i + 1], from = n->src[0]->ne[i];
		if (n->ne[i] != from + before + after || (circular && before > from))
			return false;
	}
	return true;
}

bool gw_fits_pad_reflect(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne;
	int64_t before = n->op_params[0], after = n->op_params[1];

	return before < a[0] && after < a[0] && gw_has_shape(n, a[0] + before + after, a[1], a[2], a[3]);
}

bool gw_fits_roll(const struct ggml_tensor *n)
{
	for (int i = 0; i < GGML_MAX_DIMS; i++)
		if (n->op_params[i] <= -n->ne[i] || n->op_params[i] >= n->ne[i])
			return false;
	return gw_same_shape(n, n->src[0]);
}

/* As many elements as the kernel counts, in its arithmetic. */
bool gw_fits_arange(const struct ggml_tensor *n)
{
	float start = gw_float_param(n, 0), stop = gw_float_param(n, 1), step = gw_float_param(n, 2);
	float steps = ceilf((stop - start) / step);

	return steps >= 1.0f && steps <= (float)INT32_MAX && (int64_t)steps == ggml_nelements(n);
}

/* Whether the kernel's place of the last element, in its arithmetic, is one of the source's. */
static bool scales_into(int64_t ne, int64_t from, float factor)
{
	return (int64_t)((float)(ne - 1) / factor) < from;
}

bool gw_fits_upscale(const struct ggml_tensor *n)
{
	int32_t flags = n->op_params[0], mode = flags & 0xff;
	const int64_t *from = n->src[0]->ne;
	float factor[GGML_MAX_DIMS];

	if (mode >= GGML_SCALE_MODE_COUNT)
		return false;
	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		factor[i] = (float)n->ne[i] / (float)from[i];
		if (i < 2 && (flags & GGML_SCALE_FLAG_ALIGN_CORNERS) && n->ne[i] > 1 && from[i] > 1)
			factor[i] = (float)(n->ne[i] - 1) / (float)(from[i] - 1);
	}
	for (int i = mode == GGML_SCALE_MODE_NEAREST ? 0 : 2; i < GGML_MAX_DIMS; i++)
		if (!scales_into(n->ne[i], from[i], factor[i]))
			return false;
	return true;
}

bool gw_fits_timestep(const struct ggml_tensor *n)
{
	return n->op_params[0] <= n->ne[0] && n->ne[1] == n->src[0]->ne[0];
}

bool gw_fits_top_k(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne;

	return n->ne[0] <= a[0] && gw_has_shape(n, n->ne[0], a[1], a[2], a[3]);
}

/* Windows of w by w, in rows of `across`, as many as `down`. */
static bool has_windows(
	const struct ggml_tensor *windows, const struct ggml_tensor *whole, int64_t w, int64_t across, int64_t down)
{
	return whole->ne[3] == 1 && across * w <= INT32_MAX && down * w <= INT32_MAX &&
	       gw_has_shape(windows, whole->ne[0], w, w, across * down);
}

bool gw_fits_win_part(const struct ggml_tensor *n)
{
	return has_windows(n, n->src[0], n->op_params[2], n->op_params[0], n->op_params[1]);
}

bool gw_fits_win_unpart(const struct ggml_tensor *n)
{
	int64_t w = n->op_params[0];

	return has_windows(n->src[0], n, w, (n->ne[1] + w - 1) / w, (n->ne[2] + w - 1) / w);
}

bool gw_fits_get_rel_pos(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne;

	return n->ne[1] + n->ne[2] - 1 <= a[1] && gw_has_shape(n, a[0], n->ne[1], n->ne[2], 1);
}

bool gw_fits_add_rel_pos(const struct ggml_tensor *n)
{
	const struct ggml_tensor *w = n->src[1];

	return gw_same_shape(n, n->src[0]) && gw_same_shape(w, n->src[2]) && n->ne[0] == w->ne[0] * w->ne[0] &&
	       n->ne[1] == w->ne[1] * w->ne[2] && n->ne[2] == w->ne[3] && n->ne[3] == 1;
}
