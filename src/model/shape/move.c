/* move.c - rules of what joins, cuts and picks: Concat, Split, Slice, Gather and relatives, Pad, blocks and space. */
#include "model/shape/shape.h"
#include <inttypes.h>

/* --- Concat, Split
 * ---------------------------------------------------------------------------------------------------- */
/* The values of a concatenation of small known vectors. */
static wt_status publish_concat(wt_infer *c, wt_err *err)
{
    int64_t v[WT_SMALL_MAX], part[WT_SMALL_MAX], n, total = 0;
    if (!c->arena || c->n_out == 0 || c->out[0].shape.rank != 1)
        return WT_OK;
    for (size_t i = 0; i < c->n_in; i++) {
        if (!wt_infer_small(c, i, part, &n) || total + n > WT_SMALL_MAX)
            return WT_OK;
        for (int64_t k = 0; k < n; k++)
            v[total++] = part[k];
    }
    return wt_infer_publish(c, 0, v, total, err);
}

wt_status wt_infer_concat(wt_infer *c, wt_err *err)
{
    wt_shape s = wt_rule_unknown(-1);
    int axis = 0;
    bool unknown = false; /* the rank of one input */
    for (size_t i = 0; i < c->n_in; i++) {
        const wt_shape *x = wt_rule_shape(c, i);
        if (!c->in[i])
            return wt_infer_bad(c, err, "input %zu is missing", i);
        WT_TRY(wt_rule_need_same_dtype(c, 0, i, err));
        if (x->rank < 0) {
            unknown = true;
            continue;
        }
        if (s.rank < 0) {
            WT_TRY(wt_infer_axis(c, "axis", 0, x->rank, false, &axis, err));
            s = *x;
            continue;
        }
        if (x->rank != s.rank)
            return wt_infer_bad(c, err, "input %zu has %d dimensions, input 0 has %d", i, x->rank, s.rank);
        for (int k = 0; k < s.rank; k++) {
            if (k == axis)
                WT_TRY(wt_dim_add(c, s.dim[k], x->dim[k], &s.dim[k], err));
            else if (!wt_rule_join(&s.dim[k], x->dim[k]))
                return wt_infer_bad(c, err, "dimension %d of input %zu is %" PRId64 ", expected %" PRId64, k, i,
                                    x->dim[k], s.dim[k]);
        }
    }
    if (unknown && s.rank >= 0)
        s.dim[axis] = WT_DIM_ANY;
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err));
    return publish_concat(c, err);
}

wt_status wt_split_axis(const wt_infer *c, int *axis, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    const int64_t parts = wt_attr_int(c->attrs, "num_outputs", (int64_t)c->n_out);
    if (parts < 1 || (size_t)parts < c->n_out || parts > WT_MANY)
        return wt_infer_bad(c, err, "num_outputs is %" PRId64 ", but there are %zu outputs", parts, c->n_out);
    return wt_infer_axis(c, "axis", 0, x->rank, false, axis, err);
}

wt_status wt_split_part(const wt_infer *c, int axis, size_t i, int64_t *len, wt_err *err)
{
    const wt_tensor *split = wt_rule_in(c, 1);
    const int64_t total = wt_rule_shape(c, 0)->dim[axis];
    *len = WT_DIM_ANY;
    if (!split) {
        const int64_t parts = wt_attr_int(c->attrs, "num_outputs", (int64_t)c->n_out);
        if (total < 0)
            return WT_OK;
        const int64_t chunk = total / parts + (total % parts != 0); /* the last part may be shorter */
        const int64_t before = chunk && (int64_t)i > total / chunk ? total : (int64_t)i * chunk;
        *len = total - before < chunk ? total - before : chunk;
        return WT_OK;
    }
    if (!split->data)
        return WT_OK;
    if (!wt_tensor_int(split, (int64_t)i, len))
        return wt_infer_bad(c, err, "split has no length for output %zu", i);
    if (*len < 0)
        return wt_infer_bad(c, err, "the length of output %zu is %" PRId64, i, *len);
    return WT_OK;
}

wt_status wt_infer_split(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    const wt_tensor *split = wt_rule_in(c, 1);
    wt_shape s = *x;
    int64_t sum = 0;
    int axis = 0;
    if (split)
        WT_TRY(wt_rule_need_vector(c, 1, (int64_t)c->n_out, err));
    if (x->rank >= 0)
        WT_TRY(wt_split_axis(c, &axis, err));
    for (size_t i = 0; i < c->n_out; i++) {
        if (x->rank >= 0) {
            WT_TRY(wt_split_part(c, axis, i, &s.dim[axis], err));
            WT_TRY(wt_dim_add(c, sum, s.dim[axis], &sum, err));
        }
        WT_TRY(wt_infer_set(c, i, wt_rule_dtype(c, 0), &s, err));
    }
    if (x->rank >= 0 && split && sum >= 0 && x->dim[axis] >= 0 && sum != x->dim[axis])
        return wt_infer_bad(c, err, "the lengths add up to %" PRId64 ", axis %d has %" PRId64, sum, axis, x->dim[axis]);
    return WT_OK;
}

/* --- Slice
 * ------------------------------------------------------------------------------------------------------------ */
/* start, end, step of one axis of length dim: clamped as numpy does, without overflow at the ends of int64. */
static void slice_axis(wt_slice *out, int axis, int64_t dim, int64_t start, int64_t end, int64_t step)
{
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? dim : dim - 1;
    start = start < 0 ? (start < -dim ? -1 : start + dim) : start;
    end = end < 0 ? (end < -dim ? -1 : end + dim) : end;
    start = start < low ? low : start > high ? high : start;
    end = end < low ? low : end > high ? high : end;
    const int64_t span = step > 0 ? end - start : start - end;
    const uint64_t stride = step > 0 ? (uint64_t)step : (uint64_t)0 - (uint64_t)step;
    out->known[axis] = true;
    out->start[axis] = start;
    out->step[axis] = step;
    out->count[axis] = span <= 0 ? 0 : (int64_t)(((uint64_t)span - 1) / stride + 1);
    if (out->count[axis] <= 1)
        out->step[axis] = 1; /* any step gives the same; a huge one would overflow as a byte offset */
    if (out->count[axis] == 0)
        out->start[axis] = 0;
}

/* A slice to so far an end that no tensor in memory could be longer: exporters say "to the end" with it. */
static bool whole_axis(const wt_infer *c, int axis, int64_t start, int64_t end, int64_t step)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    uint64_t count = 1;
    size_t bytes;
    if (start != 0 || step != 1 || end <= 0)
        return false;
    for (int i = 0; i < x->rank; i++) {
        const int64_t d = i == axis ? end : x->dim[i] < 1 ? 1 : x->dim[i];
        if (__builtin_mul_overflow(count, (uint64_t)d, &count))
            return true;
    }
    return !wt_dtype_bytes(wt_rule_dtype(c, 0), count, &bytes) || (uint64_t)bytes >> 48;
}

wt_status wt_slice_read(const wt_infer *c, wt_slice *out, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_ints start, end, axes, step;
    unsigned set;
    *out = (wt_slice){ .rank = x->rank };
    WT_TRY(wt_infer_ints(c, 1, &start, err));
    WT_TRY(wt_infer_ints(c, 2, &end, err));
    WT_TRY(wt_infer_ints(c, 3, &axes, err));
    WT_TRY(wt_infer_ints(c, 4, &step, err));
    if (x->rank < 0)
        return WT_OK;
    for (int i = 0; i < x->rank; i++) {
        out->known[i] = x->dim[i] >= 0;
        out->count[i] = x->dim[i];
        out->step[i] = 1;
    }
    const int64_t n = start.count;
    if (n < 0 || axes.state == WT_NOT_KNOWN) { /* which axes are cut is not known */
        for (int i = 0; i < x->rank; i++)
            out->known[i] = false, out->count[i] = WT_DIM_ANY;
        return WT_OK;
    }
    if ((end.count >= 0 && end.count != n) || (axes.count >= 0 && axes.count != n) ||
        (step.count >= 0 && step.count != n))
        return wt_infer_bad(c, err, "starts has %" PRId64 " elements, but ends, axes or steps have another number", n);
    if (axes.state == WT_ABSENT) {
        axes.count = n;
        for (int64_t k = 0; k < n; k++)
            axes.v[k] = k;
    }
    WT_TRY(wt_infer_axes(c, &axes, x->rank, &set, err));
    for (int64_t k = 0; k < n; k++) {
        const int axis = (int)axes.v[k];
        const int64_t by = step.state == WT_KNOWN ? step.v[k] : 1;
        if (by == 0)
            return wt_infer_bad(c, err, "the step of axis %d is 0", axis);
        out->known[axis] = false;
        out->count[axis] = WT_DIM_ANY;
        if (start.state != WT_KNOWN || end.state != WT_KNOWN || step.state == WT_NOT_KNOWN)
            continue;
        if (x->dim[axis] >= 0)
            slice_axis(out, axis, x->dim[axis], start.v[k], end.v[k], by);
        else if (whole_axis(c, axis, start.v[k], end.v[k], by))
            out->count[axis] = x->dim[axis];
    }
    return WT_OK;
}

wt_status wt_infer_slice(wt_infer *c, wt_err *err)
{
    int64_t stride[WT_MAX_RANK], first = 0;
    bool known = true;
    wt_slice slice;
    WT_TRY(wt_slice_read(c, &slice, err));
    wt_shape s = wt_rule_unknown(slice.rank);
    for (int i = 0; i < slice.rank; i++)
        s.dim[i] = slice.count[i];
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err));
    for (int i = 0; i < slice.rank; i++)
        known &= slice.known[i];
    if (!known || !wt_infer_is_small(c, 0))
        return WT_OK;
    for (int i = 0; i < slice.rank; i++) {
        const int64_t pitch = wt_shape_product(wt_rule_shape(c, 0), i + 1, slice.rank);
        first += slice.start[i] * pitch;
        stride[i] = slice.step[i] * pitch;
    }
    return wt_infer_publish_walk(c, first, stride, err);
}

/* --- Gather and relatives
 * ------------------------------------------------------------------------------------------------ */
/* The published values of a Gather from a known vector. */
static wt_status publish_gather(wt_infer *c, wt_err *err)
{
    int64_t v[WT_SMALL_MAX], at[WT_SMALL_MAX], out[WT_SMALL_MAX], n, n_at;
    if (!c->arena || wt_rule_shape(c, 0)->rank != 1 || !wt_infer_small(c, 0, v, &n) || !wt_infer_small(c, 1, at, &n_at))
        return WT_OK;
    for (int64_t k = 0; k < n_at; k++) {
        const int64_t i = at[k] < 0 ? at[k] + n : at[k];
        if (i < 0 || i >= n)
            return wt_infer_bad(c, err, "index %" PRId64 " is outside an axis of length %" PRId64, at[k], n);
        out[k] = v[i];
    }
    return wt_infer_publish(c, 0, out, n_at, err);
}

wt_status wt_infer_gather(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0), *at = wt_rule_shape(c, 1);
    wt_shape s = wt_rule_unknown(-1);
    int axis;
    if (x->rank >= 0)
        WT_TRY(wt_infer_axis(c, "axis", 0, x->rank, false, &axis, err));
    if (x->rank >= 0 && at->rank >= 0) {
        if (x->rank - 1 + at->rank > WT_MAX_RANK)
            return wt_infer_bad(c, err, "the result would have %d dimensions, at most %d can be handled",
                                x->rank - 1 + at->rank, WT_MAX_RANK);
        s.rank = 0;
        for (int i = 0; i < axis; i++)
            s.dim[s.rank++] = x->dim[i];
        for (int i = 0; i < at->rank; i++)
            s.dim[s.rank++] = at->dim[i];
        for (int i = axis + 1; i < x->rank; i++)
            s.dim[s.rank++] = x->dim[i];
    }
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err));
    return publish_gather(c, err);
}

wt_status wt_infer_gather_elements(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0), *at = wt_rule_shape(c, 1);
    int axis;
    if (x->rank >= 0) {
        WT_TRY(wt_infer_axis(c, "axis", 0, x->rank, false, &axis, err));
        if (at->rank >= 0 && at->rank != x->rank)
            return wt_infer_bad(c, err, "the indices have %d dimensions, the data %d", at->rank, x->rank);
        for (int i = 0; at->rank >= 0 && i < x->rank; i++)
            if (i != axis && at->dim[i] >= 0 && x->dim[i] >= 0 && at->dim[i] > x->dim[i])
                return wt_infer_bad(c, err, "dimension %d of the indices is %" PRId64 ", more than the data's %" PRId64,
                                    i, at->dim[i], x->dim[i]);
    }
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), at, err);
}

wt_status wt_infer_gather_nd(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0), *at = wt_rule_shape(c, 1);
    const int64_t batch = wt_attr_int(c->attrs, "batch_dims", 0);
    wt_shape s = wt_rule_unknown(-1);
    if (x->rank == 0 || at->rank == 0)
        return wt_infer_bad(c, err, "data and indices need at least one dimension");
    if (x->rank > 0 && at->rank > 0) {
        const int64_t width = at->dim[at->rank - 1];
        if (batch < 0 || batch >= x->rank || batch >= at->rank)
            return wt_infer_bad(c, err, "batch_dims is %" PRId64 ", expected 0 to %d", batch,
                                (x->rank < at->rank ? x->rank : at->rank) - 1);
        for (int i = 0; i < batch; i++)
            if (x->dim[i] >= 0 && at->dim[i] >= 0 && x->dim[i] != at->dim[i])
                return wt_infer_bad(c, err,
                                    "batch dimension %d is %" PRId64 " in the data and %" PRId64 " in the indices", i,
                                    x->dim[i], at->dim[i]);
        if (width >= 0 && (width < 1 || batch + width > x->rank))
            return wt_infer_bad(c, err, "an index has %" PRId64 " coordinates, the data offers %d", width,
                                x->rank - (int)batch);
        if (width >= 0) {
            const int rank = at->rank - 1 + x->rank - (int)(batch + width);
            if (rank > WT_MAX_RANK)
                return wt_infer_bad(c, err, "the result would have %d dimensions, at most %d can be handled", rank,
                                    WT_MAX_RANK);
            s.rank = 0;
            for (int i = 0; i + 1 < at->rank; i++)
                s.dim[s.rank++] = at->dim[i];
            for (int i = (int)(batch + width); i < x->rank; i++)
                s.dim[s.rank++] = x->dim[i];
        }
    }
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}

/* --- blocks and space
 * ------------------------------------------------------------------------------------------------- */
static wt_status block_size(const wt_infer *c, int64_t *block, wt_err *err)
{
    *block = wt_attr_int(c->attrs, "blocksize", 0);
    if (*block < 1 || *block > 1 << 20)
        return wt_infer_bad(c, err, "blocksize is %" PRId64 ", expected 1 or more", *block);
    return wt_rule_need_rank(c, 0, 4, 4, err);
}

wt_status wt_infer_depth_to_space(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_shape s = wt_rule_unknown(4);
    int64_t block;
    WT_TRY(block_size(c, &block, err));
    if (x->rank == 4) {
        s.dim[0] = x->dim[0];
        if (x->dim[1] >= 0 && x->dim[1] % (block * block))
            return wt_infer_bad(c, err, "%" PRId64 " channels cannot be divided by %" PRId64, x->dim[1], block * block);
        s.dim[1] = x->dim[1] >= 0 ? x->dim[1] / (block * block) : WT_DIM_ANY;
        for (int i = 2; i < 4; i++)
            WT_TRY(wt_dim_mul(c, x->dim[i], block, &s.dim[i], err));
    }
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}

wt_status wt_infer_space_to_depth(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_shape s = wt_rule_unknown(4);
    int64_t block;
    WT_TRY(block_size(c, &block, err));
    if (x->rank == 4) {
        s.dim[0] = x->dim[0];
        WT_TRY(wt_dim_mul(c, x->dim[1], block * block, &s.dim[1], err));
        for (int i = 2; i < 4; i++) {
            if (x->dim[i] >= 0 && x->dim[i] % block)
                return wt_infer_bad(c, err, "dimension %d is %" PRId64 ", not a multiple of %" PRId64, i, x->dim[i],
                                    block);
            s.dim[i] = x->dim[i] >= 0 ? x->dim[i] / block : WT_DIM_ANY;
        }
    }
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}
