/* shape.h - every shape rule, and what the rules share.
 *
 * A rule works in three situations with one text: while compiling, when dims may be unknown or symbols; while a plan is
 * specialized, when all dims are known; and while running, when the data is known too. So everything here has three
 * answers: known, unknown (never an error) and contradictory (WT_EFORMAT, with what was expected). Kernels call the
 * readers of attributes and small inputs too, so that rule and kernel cannot disagree about them. */
#ifndef WT_SHAPE_H
#define WT_SHAPE_H
#include "model/op.h"
#include "model/shape/nn_rule.h"

#define X(id, name, domain, min_in, max_in, min_out, max_out, infer, flags) wt_infer_fn wt_infer_##infer;
#include "model/ops.def"
#undef X

/* "Op: message" as WT_EFORMAT. */
wt_status wt_infer_bad(const wt_infer *c, wt_err *err, const char *fmt, ...) WT_PRINTF(3, 4);
/* Output o gets dtype and shape; refused when the element count overflows. */
wt_status wt_infer_set(wt_infer *c, size_t o, wt_dtype dtype, const wt_shape *shape, wt_err *err);
/* The dtype of input i (WT_DTYPE_NONE: omitted or unknown). */
static inline wt_dtype wt_rule_dtype(const wt_infer *c, size_t i)
{
    const wt_tensor *t = wt_rule_in(c, i);
    return t ? t->dtype : WT_DTYPE_NONE;
}
static inline const wt_shape *wt_rule_shape(const wt_infer *c, size_t i)
{
    static const wt_shape unknown = { .rank = -1 };
    const wt_tensor *t = wt_rule_in(c, i);
    return t ? &t->shape : &unknown;
}
/* Attribute `name` as an axis of a tensor of `rank` dims, normalized. */
wt_status wt_infer_axis(const wt_infer *c, const char *name, int64_t fallback, int rank, bool allow_end, int *axis,
                        wt_err *err);

/* Dims with unknowns: unknown op known is unknown; an overflow is an error. */
wt_status wt_dim_mul(const wt_infer *c, int64_t a, int64_t b, int64_t *out, wt_err *err);
wt_status wt_dim_add(const wt_infer *c, int64_t a, int64_t b, int64_t *out, wt_err *err);

/* --- small integer arguments (axes, starts, pads, target shapes), from an input or an attribute --------------------
 */
enum { WT_INTS_MAX = 16 };
typedef enum wt_known { WT_ABSENT = 0, WT_NOT_KNOWN, WT_KNOWN } wt_known;
typedef struct wt_ints {
    wt_known state;
    int64_t count; /* known also for WT_NOT_KNOWN when the shape is; else -1 */
    int64_t v[WT_INTS_MAX];
} wt_ints;
/* Input i: an integer scalar or vector of at most WT_INTS_MAX elements. */
wt_status wt_infer_ints(const wt_infer *c, size_t i, wt_ints *out, wt_err *err);
/* Attribute `name`: a list or a single integer. */
wt_status wt_infer_attr_ints(const wt_infer *c, const char *name, wt_ints *out, wt_err *err);
/* Input i as one integer (scalar, or one element); *state says whether there is one. */
wt_status wt_infer_int(const wt_infer *c, size_t i, wt_known *state, int64_t *out, wt_err *err);
/* Axes that are known: normalized in place, refused when out of range or repeated. Returns the set as bits. */
wt_status wt_infer_axes(const wt_infer *c, wt_ints *axes, int rank, unsigned *set, wt_err *err);

/* --- small results known from shapes alone -------------------------------------------------------------------------
 */
enum { WT_SMALL_MAX = 64 };
/* Reads input i if it is an integer or bool tensor whose data is known, of at most WT_SMALL_MAX elements. */
bool wt_infer_small(const wt_infer *c, size_t i, int64_t *v, int64_t *n);
/* Whether it would: known, whole, and few enough that products of dims cannot overflow. */
bool wt_infer_is_small(const wt_infer *c, size_t i);
/* Publishes n values as the data of output o (I64, I32 or BOOL; dtype and shape are set). Does nothing without an
 * arena. */
wt_status wt_infer_publish(wt_infer *c, size_t o, const int64_t *v, int64_t n, wt_err *err);
/* Publishes output 0, whose shape is set, from the data of input 0: its element (i, j, ...) is the input's element
 * first + i * stride[0] + j * stride[1] + ... Does nothing where either is not known or not small. */
wt_status wt_infer_publish_walk(wt_infer *c, int64_t first, const int64_t *stride, wt_err *err);
/* The output of a view has its input's data. */
void wt_infer_publish_view(wt_infer *c);

/* --- shared readings of operators ------------------------------------------------------------------------------------
 */
typedef struct wt_slice {
    int rank;
    bool known[WT_MAX_RANK];    /* start, step and count are known for this axis */
    int64_t start[WT_MAX_RANK]; /* clamped: the first element taken */
    int64_t step[WT_MAX_RANK];
    int64_t count[WT_MAX_RANK]; /* elements taken; unknown: WT_DIM_ANY */
} wt_slice;
wt_status wt_slice_read(const wt_infer *c, wt_slice *out, wt_err *err);

/* Reductions: which axes go (bits); state is WT_NOT_KNOWN when the axes are not known yet. identity: the axes are empty
 * and noop_with_empty_axes asks for no reduction. */
typedef struct wt_reduction {
    wt_known state;
    unsigned axes;
    bool keepdims, identity;
} wt_reduction;
wt_status wt_reduction_read(const wt_infer *c, int rank, wt_reduction *out, wt_err *err);

/* Pad and CenterCropPad: what is added (or, when negative, cut) before and after each axis. */
typedef struct wt_pads {
    wt_known state;
    int64_t before[WT_MAX_RANK], after[WT_MAX_RANK];
} wt_pads;
wt_status wt_pads_read(const wt_infer *c, wt_pads *out, wt_err *err);
wt_status wt_center_crop_read(const wt_infer *c, wt_pads *out, wt_err *err);

/* Resize: per axis the output length and the scale that coordinates are computed with. */
typedef struct wt_resize_plan {
    wt_known state;
    int64_t out[WT_MAX_RANK];
    double scale[WT_MAX_RANK];
    bool resized[WT_MAX_RANK]; /* named by axes (all, without axes) */
} wt_resize_plan;
wt_status wt_resize_read(const wt_infer *c, wt_resize_plan *out, wt_err *err);

/* Split: the lengths along the axis. */
wt_status wt_split_axis(const wt_infer *c, int *axis, wt_err *err);
/* Length of part i of n_out; WT_DIM_ANY when not known. */
wt_status wt_split_part(const wt_infer *c, int axis, size_t i, int64_t *len, wt_err *err);

/* Einsum: labels of every operand and of the output, ellipsis already spread. Labels are small numbers. */
enum { WT_EINSUM_LABELS = 64, WT_EINSUM_MAX_IN = 16 };
typedef struct wt_einsum {
    int n_labels;
    int n_out, out[WT_MAX_RANK];
    int n_in[WT_EINSUM_MAX_IN];
    int in[WT_EINSUM_MAX_IN][WT_MAX_RANK];
    int64_t dim[WT_EINSUM_LABELS]; /* 1 broadcasts */
} wt_einsum;
wt_status wt_einsum_read(const wt_infer *c, wt_einsum *out, wt_err *err); /* needs all ranks */
#endif
