/* ov_ops_shape.c - layers that change shapes and move data. */
#include "ov_ops.h"

static void shape_of(wt_ov_op *o)
{
    wt_value *x = wt_ov_in(o, 0);
    if (wt_ov_type(o, "output_type", WT_I64) == WT_I64) {
        wt_ov_finish(o, "Shape", x);
        return;
    }
    wt_value *s = wt_ov_emit(o, "Shape", x);
    wt_ov_set_int(o, "to", wt_dtype_get(WT_I32)->onnx_code);
    wt_ov_finish(o, "Cast", s);
}

/* special_zero: a 0 in the target is the dimension of the same place, which is what it means in ONNX without
 * allowzero. */
static void reshape(wt_ov_op *o)
{
    wt_value *target = wt_ov_as_vector(o, wt_ov_as_i64(o, wt_ov_in(o, 1)));
    if (!wt_ov_bool(o, "special_zero", false)) {
        const wt_tensor *t = wt_ov_known(wt_ov_in(o, 1));
        int64_t n = 0, d = 0;
        bool zeros = !t || !wt_shape_count(&t->shape, &n);
        for (int64_t i = 0; i < n && !zeros; i++)
            zeros = !wt_tensor_int(t, i, &d) || d == 0;
        if (zeros)
            wt_ov_set_int(o, "allowzero", 1);
    }
    wt_ov_finish(o, "Reshape", wt_ov_in(o, 0), target);
}

void wt_ov_read_reshape(wt_ov_op *o)
{
    wt_value *x = wt_ov_in(o, 0);
    wt_shape shape = { .rank = 0 };
    const wt_tensor *t = wt_ov_known(wt_ov_in(o, 1));
    bool plain = t && t->shape.rank == 1 && t->shape.dim[0] <= WT_MAX_RANK;
    for (int i = 0; plain && i < (int)t->shape.dim[0]; i++)
        plain = wt_tensor_int(t, i, &shape.dim[shape.rank++]) && shape.dim[i] > 0;
    wt_value *weights = plain ? wt_ov_widened_as(o, x, &shape) : NULL;
    if (weights)
        wt_ov_give(o, 0, weights);
    else
        reshape(o);
}

static void squeeze(wt_ov_op *o)
{
    wt_value *axes = wt_ov_in(o, 1);
    if (axes)
        wt_ov_finish(o, "Squeeze", wt_ov_in(o, 0), wt_ov_as_vector(o, wt_ov_as_i64(o, axes)));
    else
        wt_ov_finish(o, "Squeeze", wt_ov_in(o, 0));
}

static void unsqueeze(wt_ov_op *o)
{
    wt_ov_finish(o, "Unsqueeze", wt_ov_in(o, 0), wt_ov_as_vector(o, wt_ov_as_i64(o, wt_ov_in(o, 1))));
}

static void transpose(wt_ov_op *o)
{
    int64_t order[WT_MAX_RANK];
    const size_t n = wt_ov_const_ints(o, wt_ov_in(o, 1), "the order", order, WT_MAX_RANK);
    if (n)
        wt_ov_set_ints(o, "perm", order, n);
    wt_ov_finish(o, "Transpose", wt_ov_in(o, 0));
}

static void concat(wt_ov_op *o)
{
    const size_t n = o->layer->n_in;
    wt_value **in = wt_arena_alloc(&o->reader->scratch, n + 1, sizeof *in, o->err);
    if (!in)
        o->st = WT_ENOMEM;
    for (size_t i = 0; i < n && o->st == WT_OK; i++)
        in[i] = wt_ov_in(o, i);
    wt_ov_set_int(o, "axis", wt_ov_int(o, "axis", 0));
    wt_ov_finish_k(o, 0, "Concat", in, n);
}

static void split(wt_ov_op *o)
{
    const int64_t n = wt_ov_int(o, "num_splits", 0);
    if (o->st == WT_OK && (n < 1 || (uint64_t)n != o->layer->n_out))
        wt_ov_refuse(o, WT_EFORMAT, "num_splits is %lld, the layer has %zu outputs", (long long)n, o->layer->n_out);
    wt_ov_set_int(o, "axis", wt_ov_const_int(o, wt_ov_in(o, 1), "the axis"));
    wt_ov_set_int(o, "num_outputs", n);
    wt_ov_finish_n(o, "Split", WT_OV_LIST(wt_ov_in(o, 0)), 1, o->layer->n_out);
}

/* One length may be -1: what is left of the axis. */
static void variadic_split(wt_ov_op *o)
{
    int64_t lengths[1024], sum = 0;
    wt_value *x = wt_ov_in(o, 0);
    const int64_t axis = wt_ov_const_int(o, wt_ov_in(o, 1), "the axis");
    const size_t n = wt_ov_const_ints(o, wt_ov_in(o, 2), "the lengths", lengths, WT_ARRAY_LEN(lengths));
    size_t open = n;
    for (size_t i = 0; i < n; i++) {
        if (lengths[i] == -1 && open == n)
            open = i;
        else if (lengths[i] < 0 || __builtin_add_overflow(sum, lengths[i], &sum))
            wt_ov_refuse(o, WT_EFORMAT, "a length is %lld", (long long)lengths[i]);
    }
    if (o->st == WT_OK && n != o->layer->n_out)
        wt_ov_refuse(o, WT_EFORMAT, "there are %zu lengths and %zu outputs", n, o->layer->n_out);
    if (o->st == WT_OK && open < n) {
        const int at = wt_axis(axis, wt_ov_need_rank(o, x), false);
        const int64_t all = o->st == WT_OK && at >= 0 ? x->type.shape.dim[at] : -1;
        if (all < sum)
            wt_ov_refuse(o, WT_EUNSUPPORTED, "a length of -1 needs the axis' size, which is not known or too small");
        lengths[open] = all - sum;
    }
    wt_ov_set_int(o, "axis", axis);
    wt_value *parts = wt_ov_i64(o, lengths, n, false);
    wt_ov_finish_n(o, "Split", WT_OV_LIST(x, parts), 2, o->layer->n_out);
}

static wt_value *vector_in(wt_ov_op *o, size_t i) { return wt_ov_as_vector(o, wt_ov_as_i64(o, wt_ov_in(o, i))); }

static void slice(wt_ov_op *o)
{
    wt_value *x = wt_ov_in(o, 0), *start = vector_in(o, 1), *stop = vector_in(o, 2), *step = vector_in(o, 3), *axes;
    if (o->layer->n_in > 4) {
        axes = vector_in(o, 4);
    } else {
        int64_t all[WT_MAX_RANK];
        const int64_t n = start && start->type.shape.rank == 1 ? start->type.shape.dim[0] : -1;
        if (o->st == WT_OK && (n < 0 || n > WT_MAX_RANK))
            wt_ov_refuse(o, WT_EUNSUPPORTED, "the number of axes is not known");
        for (int64_t i = 0; i < n && i < WT_MAX_RANK; i++)
            all[i] = i;
        axes = wt_ov_i64(o, all, n > 0 ? (size_t)n : 0, false);
    }
    wt_ov_finish(o, "Slice", x, start, stop, axes, step);
}

/* --- StridedSlice: masks say which places of begin and end count, and which axes come or go ------------------------
 */
typedef struct strided {
    int64_t begin[WT_MAX_RANK], end[WT_MAX_RANK], step[WT_MAX_RANK];
    int64_t mask[5][WT_MAX_RANK]; /* begin, end, new axis, shrink, ellipsis */
    size_t n;                     /* of begin */
} strided;
enum { BEGIN, END, NEW_AXIS, SHRINK, ELLIPSIS };

static bool read_strided(wt_ov_op *o, strided *s)
{
    static const char *const names[] = { "begin_mask", "end_mask", "new_axis_mask", "shrink_axis_mask",
                                         "ellipsis_mask" };
    *s = (strided){ 0 };
    s->n = wt_ov_const_ints(o, wt_ov_in(o, 1), "begin", s->begin, WT_MAX_RANK);
    const size_t n_end = wt_ov_const_ints(o, wt_ov_in(o, 2), "end", s->end, WT_MAX_RANK);
    for (size_t i = 0; i < s->n; i++)
        s->step[i] = 1;
    if (o->layer->n_in > 3 && wt_ov_const_ints(o, wt_ov_in(o, 3), "strides", s->step, WT_MAX_RANK) != s->n)
        wt_ov_refuse(o, WT_EFORMAT, "begin and strides have different lengths");
    if (o->st == WT_OK && n_end != s->n)
        wt_ov_refuse(o, WT_EFORMAT, "begin and end have different lengths");
    for (size_t k = 0; k < WT_ARRAY_LEN(names); k++)
        wt_ov_ints(o, names[k], s->mask[k], WT_MAX_RANK);
    return o->st == WT_OK;
}

static void strided_slice(wt_ov_op *o)
{
    strided s;
    int64_t from[WT_MAX_RANK], to[WT_MAX_RANK], step[WT_MAX_RANK], axes[WT_MAX_RANK], gone[WT_MAX_RANK],
        come[WT_MAX_RANK];
    size_t n = 0, n_gone = 0, n_come = 0;
    int64_t axis = 0, out = 0;
    wt_value *x = wt_ov_in(o, 0);
    if (!read_strided(o, &s))
        return;
    for (size_t i = 0; i < s.n; i++) {
        if (s.mask[ELLIPSIS][i]) { /* all axes that the others leave */
            int64_t others = 0;
            for (size_t k = 0; k < s.n; k++)
                others += k != i && !s.mask[NEW_AXIS][k];
            const int64_t skip = wt_ov_need_rank(o, x) - others;
            if (skip < 0)
                wt_ov_refuse(o, WT_EFORMAT, "begin names more axes than there are");
            axis += skip;
            out += skip;
        } else if (s.mask[NEW_AXIS][i]) {
            come[n_come++] = out++;
        } else {
            const bool shrink = s.mask[SHRINK][i] != 0;
            step[n] = shrink ? 1 : s.step[i];
            from[n] = s.mask[BEGIN][i] && !shrink ? (step[n] < 0 ? INT64_MAX : 0) : s.begin[i];
            to[n] = shrink           ? (s.begin[i] == -1 ? INT64_MAX : s.begin[i] + 1)
                    : s.mask[END][i] ? (step[n] < 0 ? INT64_MIN : INT64_MAX)
                                     : s.end[i];
            axes[n++] = axis;
            if (shrink)
                gone[n_gone++] = axis;
            else
                out++;
            axis++;
        }
    }
    wt_value *y = wt_ov_emit(o, "Slice", x, wt_ov_i64(o, from, n, false), wt_ov_i64(o, to, n, false),
                             wt_ov_i64(o, axes, n, false), wt_ov_i64(o, step, n, false));
    if (n_gone)
        y = wt_ov_emit(o, "Squeeze", y, wt_ov_i64(o, gone, n_gone, false));
    if (n_come)
        wt_ov_finish(o, "Unsqueeze", y, wt_ov_i64(o, come, n_come, false));
    else
        wt_ov_finish(o, "Identity", y);
}

static void broadcast(wt_ov_op *o)
{
    wt_value *x = wt_ov_in(o, 0), *target = vector_in(o, 1);
    if (wt_ov_text_is(o, "mode", "explicit") || wt_ov_text_is(o, "mode", "pdpd"))
        wt_ov_cannot(o, "this mode of broadcasting");
    wt_ov_finish(o, "Expand", x, target);
}

/* Repeats may be fewer than dimensions (the last ones are meant), or more (the input gets leading ones). */
static void tile(wt_ov_op *o)
{
    wt_value *x = wt_ov_in(o, 0), *repeats = vector_in(o, 1);
    int64_t few[WT_MAX_RANK] = { 0 }, all[WT_MAX_RANK];
    const int rank = wt_ov_rank(x);
    if (o->st == WT_OK && rank >= 0 && wt_ov_known(repeats)) {
        const size_t n = wt_ov_const_ints(o, repeats, "repeats", few, WT_MAX_RANK);
        if (n < (size_t)rank) {
            for (int i = 0; i < rank; i++)
                all[i] = (size_t)(rank - i) > n ? 1 : few[n - (size_t)(rank - i)];
            repeats = wt_ov_i64(o, all, (size_t)rank, false);
        } else if (n > (size_t)rank) {
            for (size_t i = 0; i < n - (size_t)rank; i++)
                all[i] = (int64_t)i;
            x = wt_ov_emit(o, "Unsqueeze", x, wt_ov_i64(o, all, n - (size_t)rank, false));
        }
    }
    wt_ov_finish(o, "Tile", x, repeats);
}

static void pad(wt_ov_op *o)
{
    const char *mode = wt_ov_text(o, "pad_mode", "constant");
    wt_value *begin = vector_in(o, 1), *end = vector_in(o, 2), *value = wt_ov_in(o, 3);
    int64_t few[2 * WT_MAX_RANK];
    wt_value *pads = NULL;
    if (wt_ov_text_is(o, "pad_mode", "symmetric"))
        wt_ov_cannot(o, "pad_mode=\"symmetric\"");
    if (o->st == WT_OK && wt_ov_known(begin) && wt_ov_known(end)) {
        const size_t n = wt_ov_const_ints(o, begin, "pads_begin", few, WT_MAX_RANK);
        const size_t m = wt_ov_const_ints(o, end, "pads_end", few + n, WT_MAX_RANK);
        pads = wt_ov_i64(o, few, n + m, false);
    } else {
        wt_ov_set_int(o, "axis", 0);
        pads = wt_ov_emit(o, "Concat", begin, end);
    }
    wt_ov_set_text(o, "mode", mode);
    if (value && !strcmp(mode, "constant"))
        wt_ov_finish(o, "Pad", wt_ov_in(o, 0), pads, value);
    else
        wt_ov_finish(o, "Pad", wt_ov_in(o, 0), pads);
}

static void depth_to_space(wt_ov_op *o)
{
    wt_ov_set_int(o, "blocksize", wt_ov_int(o, "block_size", 1));
    wt_ov_set_text(o, "mode", wt_ov_text_is(o, "mode", "depth_first") ? "CRD" : "DCR");
    wt_ov_finish(o, "DepthToSpace", wt_ov_in(o, 0));
}

static void space_to_depth(wt_ov_op *o)
{
    if (wt_ov_text_is(o, "mode", "depth_first"))
        wt_ov_cannot(o, "mode=\"depth_first\"");
    wt_ov_set_int(o, "blocksize", wt_ov_int(o, "block_size", 1));
    wt_ov_finish(o, "SpaceToDepth", wt_ov_in(o, 0));
}

/* [.., g * k, ..] as [.., g, k, rest], the two swapped, and back. */
static void shuffle_channels(wt_ov_op *o)
{
    static const int64_t swap[] = { 0, 2, 1, 3 };
    wt_value *x = wt_ov_in(o, 0);
    const int rank = wt_ov_need_rank(o, x), axis = wt_axis(wt_ov_int(o, "axis", 1), rank, false);
    const int64_t groups = wt_ov_int(o, "group", 1), c = o->st == WT_OK && axis >= 0 ? x->type.shape.dim[axis] : -1;
    int64_t lead = 1, rest = 1;
    if (o->st == WT_OK && (axis < 0 || groups < 1 || c < 0 || c % groups))
        wt_ov_refuse(o, WT_EUNSUPPORTED, "%lld channels in %lld groups", (long long)c, (long long)groups);
    for (int i = 0; i < rank && o->st == WT_OK; i++) {
        int64_t *side = i < axis ? &lead : &rest;
        if (i != axis &&
            (x->type.shape.dim[i] < 0 || *side < 0 || __builtin_mul_overflow(*side, x->type.shape.dim[i], side)))
            *side = -1;
    }
    if (lead < 0 && rest < 0 && axis == 1)
        lead = 0; /* in a target: the dimension that is there */
    if (lead < 0 && rest < 0)
        wt_ov_cannot(o, "sizes that are not known on both sides of the axis");
    const int64_t split[] = { lead, groups, o->st == WT_OK ? c / groups : 1, rest };
    wt_value *parts = wt_ov_emit(o, "Reshape", x, wt_ov_i64(o, split, 4, false));
    wt_ov_set_ints(o, "perm", swap, 4);
    parts = wt_ov_emit(o, "Transpose", parts);
    wt_ov_finish(o, "Reshape", parts, wt_ov_emit(o, "Shape", x));
}

const wt_ov_row wt_ov_rows_shape[] = {
    { "ShapeOf", shape_of, NULL, 1 },
    { "Reshape", wt_ov_read_reshape, NULL, 2 },
    { "Squeeze", squeeze, NULL, 1 },
    { "Unsqueeze", unsqueeze, NULL, 2 },
    { "Transpose", transpose, NULL, 2 },
    { "Concat", concat, NULL, 1 },
    { "Split", split, NULL, 2 },
    { "VariadicSplit", variadic_split, NULL, 3 },
    { "Slice", slice, NULL, 4 },
    { "StridedSlice", strided_slice, NULL, 3 },
    { "Broadcast", broadcast, NULL, 2 },
    { "Tile", tile, NULL, 2 },
    { "Pad", pad, NULL, 3 },
    { "DepthToSpace", depth_to_space, NULL, 1 },
    { "SpaceToDepth", space_to_depth, NULL, 1 },
    { "ShuffleChannels", shuffle_channels, NULL, 1 },
    { 0 },
};
