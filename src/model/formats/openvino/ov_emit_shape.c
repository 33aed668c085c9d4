/* ov_emit_shape.c - operators that change shapes and move data. */
#include "ov_emit.h"

static int64_t attr(const wt_ov_writer *w, const char *name, int64_t fallback)
{
    return wt_attr_int(&w->node->attrs, name, fallback);
}

static wt_ov_ref shape_of(wt_ov_writer *w, wt_ov_ref x)
{
    wt_ov_put(w, "output_type", "i64");
    return wt_ov_add_as(w, "ShapeOf", 3, WT_I64, x);
}

static wt_ov_ref sliced(wt_ov_writer *w, wt_ov_ref x, int64_t from, int64_t to)
{
    wt_ov_ref a = wt_ov_lit_ints(w, &from, 1), b = wt_ov_lit_ints(w, &to, 1),
              one = wt_ov_lit_ints(w, &(int64_t){ 1 }, 1);
    wt_ov_ref axis = wt_ov_lit_ints(w, &(int64_t){ 0 }, 1);
    return wt_ov_add(w, "Slice", 8, x, a, b, one, axis);
}

static void shape(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0);
    if (!wt_attr_find(&w->node->attrs, "start") && !wt_attr_find(&w->node->attrs, "end")) {
        wt_ov_put(w, "output_type", "i64");
        wt_ov_last(w, "ShapeOf", 3, x);
        return;
    }
    wt_ov_same(w, 0, sliced(w, shape_of(w, x), attr(w, "start", 0), attr(w, "end", INT64_MAX)));
}

static void size(wt_ov_writer *w)
{
    wt_ov_ref dims = shape_of(w, wt_ov_arg(w, 0)), axis = wt_ov_lit_ints(w, &(int64_t){ 0 }, 1);
    wt_ov_put_bool(w, "keep_dims", false);
    wt_ov_last(w, "ReduceProd", 1, dims, axis);
}

static void reshape(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), target = wt_ov_arg(w, 1);
    wt_ov_put_bool(w, "special_zero", !attr(w, "allowzero", 0));
    wt_ov_last(w, "Reshape", 1, x, target);
}

/* [leading, trailing]; both, or one of them, follow from what is known. */
static void flatten(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), target;
    const int rank = wt_ov_arg_rank(w, 0), axis = wt_axis(attr(w, "axis", 1), rank, true);
    const wt_shape *s = w->st == WT_OK ? &wt_ov_arg_value(w, 0)->type.shape : NULL;
    bool lead = axis >= 0, trail = axis >= 0;
    for (int i = 0; s && i < rank; i++)
        *(i < axis ? &lead : &trail) &= s->dim[i] >= 0;
    if (s && axis == 1 && !lead) {
        const int64_t dims[] = { 0, -1 };
        target = wt_ov_lit_ints(w, dims, 2);
    } else if (s && (lead || trail)) {
        const int64_t dims[] = { lead ? wt_shape_product(s, 0, axis) : -1,
                                 lead ? -1 : wt_shape_product(s, axis, rank) };
        target = wt_ov_lit_ints(w, dims, 2);
    } else {
        wt_ov_ref front = sliced(w, shape_of(w, x), 0, axis), zero = wt_ov_lit_ints(w, &(int64_t){ 0 }, 1);
        wt_ov_put_bool(w, "keep_dims", true);
        front = wt_ov_add(w, "ReduceProd", 1, front, zero);
        wt_ov_ref rest = wt_ov_lit_ints(w, &(int64_t){ -1 }, 1);
        wt_ov_put(w, "axis", "0");
        target = wt_ov_add(w, "Concat", 1, front, rest);
    }
    wt_ov_put_bool(w, "special_zero", true);
    wt_ov_last(w, "Reshape", 1, x, target);
}

static void squeeze(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0);
    if (wt_ov_arg_value(w, 1))
        wt_ov_last(w, "Squeeze", 1, x, wt_ov_arg(w, 1));
    else
        wt_ov_last(w, "Squeeze", 1, x);
}

static void unsqueeze(wt_ov_writer *w) { wt_ov_last(w, "Unsqueeze", 1, wt_ov_arg(w, 0), wt_ov_arg(w, 1)); }

static void transpose(wt_ov_writer *w)
{
    int64_t perm[WT_MAX_RANK];
    wt_ov_ref x = wt_ov_arg(w, 0);
    size_t n = wt_attr_ints(&w->node->attrs, "perm", perm, WT_MAX_RANK);
    if (!n) {
        n = (size_t)wt_ov_arg_rank(w, 0);
        for (size_t i = 0; i < n; i++)
            perm[i] = (int64_t)(n - 1 - i);
    }
    wt_ov_last(w, "Transpose", 1, x, wt_ov_lit_ints(w, perm, n));
}

static void concat(wt_ov_writer *w)
{
    wt_ov_ref *in = wt_arena_alloc(w->arena, w->node->n_in + 1, sizeof *in, w->err);
    if (!in) {
        w->st = WT_ENOMEM;
        return;
    }
    for (size_t i = 0; i < w->node->n_in; i++)
        in[i] = wt_ov_arg(w, i);
    wt_ov_put(w, "axis", "%lld", (long long)attr(w, "axis", 0));
    wt_ov_last_n(w, "Concat", 1, in, w->node->n_in);
}

/* Outputs of a layer with several, the unused ones among them. */
static void last_all(wt_ov_writer *w, const char *type, const wt_ov_ref *in, size_t n_in)
{
    const size_t n = w->node->n_out;
    wt_ov_ref *out = wt_arena_alloc(w->arena, n + 1, sizeof *out, w->err);
    if (!out) {
        w->st = WT_ENOMEM;
        return;
    }
    wt_ov_layer_n(w, type, 1, in, n_in, WT_DTYPE_NONE, out, n, (const wt_value *const *)w->node->out);
    for (size_t k = 0; k < n; k++)
        if (w->st == WT_OK && w->node->out[k])
            w->net->values[w->node->out[k]->id] = out[k];
}

static void split(wt_ov_writer *w)
{
    const int64_t n = (int64_t)w->node->n_out, axis = attr(w, "axis", 0);
    wt_ov_ref x = wt_ov_arg(w, 0), at = wt_ov_lit_int(w, axis), parts = NULL;
    const wt_shape *s = x ? &wt_ov_arg_value(w, 0)->type.shape : NULL;
    const int i = s && s->rank > 0 ? wt_axis(axis, s->rank, false) : -1;
    for (int64_t k = 0; k < n; k++)
        if (w->node->out[k] && w->node->out[k]->quant)
            wt_ov_unable(w, "a quantized part of a split");
    if (wt_ov_arg_value(w, 1)) {
        parts = wt_ov_arg(w, 1);
    } else if (i >= 0 && s->dim[i] >= 0 && s->dim[i] % n) { /* equal parts, a smaller last one */
        const int64_t each = (s->dim[i] + n - 1) / n;
        int64_t *lengths = wt_arena_alloc(w->arena, (size_t)n, sizeof *lengths, w->err);
        for (int64_t k = 0; lengths && k < n; k++)
            lengths[k] = k + 1 < n ? each : s->dim[i] - each * (n - 1);
        parts = lengths ? wt_ov_lit_ints(w, lengths, (size_t)n) : NULL;
    }
    if (parts) {
        last_all(w, "VariadicSplit", WT_OV_REFS(x, at, parts), 3);
    } else {
        wt_ov_put(w, "num_splits", "%lld", (long long)n);
        last_all(w, "Split", WT_OV_REFS(x, at), 2);
    }
}

static void slice(wt_ov_writer *w)
{
    int64_t some[WT_MAX_RANK] = { 0 };
    wt_ov_ref x = wt_ov_arg(w, 0), a = wt_ov_arg(w, 1), b = wt_ov_arg(w, 2), axes = NULL, steps = NULL;
    const wt_shape *s = x ? &wt_ov_arg_value(w, 1)->type.shape : NULL;
    const int64_t n = s && s->rank == 1 ? s->dim[0] : -1;
    const bool needs = !wt_ov_arg_value(w, 3) || !wt_ov_arg_value(w, 4);
    if (w->st == WT_OK && needs && (n < 0 || n > WT_MAX_RANK))
        wt_ov_unable(w, "a slice along a number of axes that is not known");
    for (int64_t i = 0; i < n && i < WT_MAX_RANK; i++)
        some[i] = i;
    axes = wt_ov_arg_value(w, 3) ? wt_ov_arg(w, 3) : wt_ov_lit_ints(w, some, n > 0 ? (size_t)n : 0);
    for (int64_t i = 0; i < n && i < WT_MAX_RANK; i++)
        some[i] = 1;
    steps = wt_ov_arg_value(w, 4) ? wt_ov_arg(w, 4) : wt_ov_lit_ints(w, some, n > 0 ? (size_t)n : 0);
    wt_ov_last(w, "Slice", 8, x, a, b, steps, axes);
}

static void expand(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), target = wt_ov_arg(w, 1);
    wt_ov_put(w, "mode", "bidirectional");
    wt_ov_last(w, "Broadcast", 3, x, target);
}

static void tile(wt_ov_writer *w) { wt_ov_last(w, "Tile", 1, wt_ov_arg(w, 0), wt_ov_arg(w, 1)); }

/* Both ends of every axis: pads may be said for some axes only. */
static void pad(wt_ov_writer *w)
{
    int64_t pads[2 * WT_MAX_RANK], axes[WT_MAX_RANK], full[2][WT_MAX_RANK] = { 0 };
    size_t n = 0, n_axes = 0;
    wt_ov_ref x = wt_ov_arg(w, 0), value = wt_ov_arg_value(w, 2) ? wt_ov_arg(w, 2) : NULL, begin, end;
    const int rank = wt_ov_arg_rank(w, 0);
    if (wt_attr_is(&w->node->attrs, "mode", "wrap"))
        wt_ov_unable(w, "mode \"wrap\"");
    if (wt_ov_arg_ints(w, 1, pads, WT_ARRAY_LEN(pads), &n)) {
        const bool some = wt_ov_arg_value(w, 3) != NULL;
        if (some && !wt_ov_arg_ints(w, 3, axes, WT_MAX_RANK, &n_axes))
            wt_ov_unable(w, "axes that are computed");
        for (size_t i = 0; i < n / 2; i++) {
            const int at = some && i < n_axes ? wt_axis(axes[i], rank, false) : (int)i;
            if (at < 0 || at >= rank) {
                wt_ov_unable(w, "pads of axes that are not there");
                return;
            }
            full[0][at] = pads[i];
            full[1][at] = pads[n / 2 + i];
        }
        begin = wt_ov_lit_ints(w, full[0], (size_t)rank);
        end = wt_ov_lit_ints(w, full[1], (size_t)rank);
    } else {
        if (wt_ov_arg_value(w, 3))
            wt_ov_unable(w, "computed pads of some axes");
        wt_ov_ref all = wt_ov_arg(w, 1);
        begin = sliced(w, all, 0, rank);
        end = sliced(w, all, rank, 2 * (int64_t)rank);
    }
    const wt_attr *mode = wt_attr_find(&w->node->attrs, "mode");
    if (!value && x)
        value = wt_ov_lit_as(w, x->dtype, 0);
    else if (value && value->shape.rank == 1)
        value = wt_ov_reshape(w, value, NULL, 0, false);
    wt_ov_put_text(w, "pad_mode", mode ? mode->v.s.data : "constant", mode ? mode->v.s.len : 8);
    wt_ov_last(w, "Pad", 12, x, begin, end, value);
}

static void depth_to_space(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0);
    const bool crd = wt_attr_is(&w->node->attrs, "mode", "CRD"), back = w->node->op->code == WT_OP_SPACETODEPTH;
    wt_ov_put(w, "block_size", "%lld", (long long)attr(w, "blocksize", 1));
    wt_ov_put(w, "mode", "%s", crd && !back ? "depth_first" : "blocks_first");
    wt_ov_last(w, back ? "SpaceToDepth" : "DepthToSpace", 1, x);
}

static void constant(wt_ov_writer *w)
{
    const wt_attr *a = wt_attr_find(&w->node->attrs, "value");
    if (!a || a->type != WT_ATTR_TENSOR) {
        wt_ov_unable(w, "a constant that is no tensor");
        return;
    }
    wt_ov_same(w, 0, wt_ov_lit(w, a->v.tensor->dtype, &a->v.tensor->shape, a->v.tensor->data));
}

static void constant_of_shape(wt_ov_writer *w)
{
    const wt_attr *a = wt_attr_find(&w->node->attrs, "value");
    static const wt_shape scalar = { .rank = 0 };
    wt_ov_ref target = wt_ov_arg(w, 0);
    wt_ov_ref v = a && a->type == WT_ATTR_TENSOR ? wt_ov_lit(w, a->v.tensor->dtype, &scalar, a->v.tensor->data)
                                                 : wt_ov_lit_as(w, WT_F32, 0);
    wt_ov_put(w, "mode", "numpy");
    wt_ov_last(w, "Broadcast", 3, v, target);
}

const wt_ov_write_row wt_ov_write_shape[] = {
    { WT_OP_SHAPE, shape, NULL, 0 },
    { WT_OP_SIZE, size, NULL, 0 },
    { WT_OP_RESHAPE, reshape, NULL, 0 },
    { WT_OP_FLATTEN, flatten, NULL, 0 },
    { WT_OP_SQUEEZE, squeeze, NULL, 0 },
    { WT_OP_UNSQUEEZE, unsqueeze, NULL, 0 },
    { WT_OP_TRANSPOSE, transpose, NULL, 0 },
    { WT_OP_CONCAT, concat, NULL, 0 },
    { WT_OP_SPLIT, split, NULL, 0 },
    { WT_OP_SLICE, slice, NULL, 0 },
    { WT_OP_EXPAND, expand, NULL, 0 },
    { WT_OP_TILE, tile, NULL, 0 },
    { WT_OP_PAD, pad, NULL, 0 },
    { WT_OP_DEPTHTOSPACE, depth_to_space, NULL, 0 },
    { WT_OP_SPACETODEPTH, depth_to_space, NULL, 0 },
    { WT_OP_CONSTANT, constant, NULL, 0 },
    { WT_OP_CONSTANTOFSHAPE, constant_of_shape, NULL, 0 },
    { WT_OP_UNKNOWN, NULL, NULL, 0 },
};
