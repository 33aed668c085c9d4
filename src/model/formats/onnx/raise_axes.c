/* raise_axes.c - operators whose parameters were attributes once and are inputs now.
 *
 * Squeeze, Unsqueeze, Reduce*, Split, Slice, Pad, Clip, TopK, DFT: the numbers become constants of the graph. */
#include "raise.h"

/* Moves an INTS attribute to input `index`; absent stays omitted. *count: how many there were (0 when absent). */
static wt_status ints_to_input(wt_raise *r, const char *name, size_t index, wt_err *err)
{
    const wt_attr *a = wt_attr_find(&r->node->attrs, name);
    wt_value *v = NULL;
    if (!a)
        return WT_OK;
    if (a->type != WT_ATTR_INTS)
        return wt_fail(err, WT_EFORMAT, "attribute \"%s\" is no list of integers", name);
    WT_TRY(wt_raise_i64(r, a->v.ints, a->count, false, &v, err));
    WT_TRY(wt_node_set_input(r->node, index, v, err));
    return wt_raise_drop_attr(r, name, err);
}

static wt_status raise_axes(wt_raise *r, wt_err *err)
{
    const wt_attr *a = wt_attr_find(&r->node->attrs, "axes");
    if (a && a->type == WT_ATTR_INTS && a->count == 0) /* all axes, as if it were absent */
        return wt_raise_drop_attr(r, "axes", err);
    return ints_to_input(r, "axes", 1, err);
}

/* Without sizes, opset 18 wants the number of parts said. */
static wt_status raise_split(wt_raise *r, wt_err *err)
{
    if (r->version < 13)
        WT_TRY(ints_to_input(r, "split", 1, err));
    if (wt_raise_in(r, 1) || wt_attr_find(&r->node->attrs, "num_outputs"))
        return WT_OK;
    return wt_node_set_attr_int(r->node, "num_outputs", (int64_t)r->node->n_out, err);
}

static wt_status raise_slice(wt_raise *r, wt_err *err)
{
    const wt_attr *starts = wt_attr_find(&r->node->attrs, "starts"), *ends = wt_attr_find(&r->node->attrs, "ends");
    if (!starts || !ends)
        return wt_fail(err, WT_EFORMAT, "attributes \"starts\" and \"ends\" are required");
    WT_TRY(ints_to_input(r, "starts", 1, err));
    WT_TRY(ints_to_input(r, "ends", 2, err));
    return ints_to_input(r, "axes", 3, err);
}

static wt_status raise_pad(wt_raise *r, wt_err *err)
{
    const float value = wt_attr_float(&r->node->attrs, "value", 0);
    wt_value *v = NULL;
    if (!wt_attr_find(&r->node->attrs, "pads"))
        return wt_fail(err, WT_EFORMAT, "attribute \"pads\" is required");
    WT_TRY(ints_to_input(r, "pads", 1, err));
    if (value != 0) {
        WT_TRY(wt_raise_scalar_like(r, wt_raise_in(r, 0), value, &v, err));
        WT_TRY(wt_node_set_input(r->node, 2, v, err));
    }
    return wt_raise_drop_attr(r, "value", err);
}

/* A bound that is not there does not bind; its default was the largest float, which differs for infinities only. */
static wt_status raise_clip(wt_raise *r, wt_err *err)
{
    static const char *const names[] = { "min", "max" };
    for (size_t i = 0; i < 2; i++) {
        const wt_attr *a = wt_attr_find(&r->node->attrs, names[i]);
        wt_value *v = NULL;
        if (!a)
            continue;
        if (a->type != WT_ATTR_FLOAT)
            return wt_fail(err, WT_EFORMAT, "attribute \"%s\" is no float", names[i]);
        WT_TRY(wt_raise_scalar_like(r, wt_raise_in(r, 0), a->v.f, &v, err));
        if (!v)
            return WT_OK;
        WT_TRY(wt_node_set_input(r->node, i + 1, v, err));
        WT_TRY(wt_raise_drop_attr(r, names[i], err));
    }
    return WT_OK;
}

static wt_status raise_topk(wt_raise *r, wt_err *err)
{
    const wt_attr *a = wt_attr_find(&r->node->attrs, "k");
    wt_value *v = NULL;
    if (!a || a->type != WT_ATTR_INT)
        return wt_fail(err, WT_EFORMAT, "attribute \"k\" is required");
    WT_TRY(wt_raise_i64(r, &a->v.i, 1, false, &v, err));
    WT_TRY(wt_node_set_input(r->node, 1, v, err));
    return wt_raise_drop_attr(r, "k", err);
}

static wt_status raise_dft(wt_raise *r, wt_err *err)
{
    const int64_t axis = wt_attr_int(&r->node->attrs, "axis", 1);
    wt_value *v = NULL;
    WT_TRY(wt_raise_i64(r, &axis, 1, true, &v, err));
    WT_TRY(wt_node_set_input(r->node, 2, v, err));
    return wt_raise_drop_attr(r, "axis", err);
}

const wt_raise_row wt_raise_rows_axes[] = {
    { "", "Squeeze", 13, raise_axes },
    { "", "Unsqueeze", 13, raise_axes },
    { "", "ReduceL1", 18, raise_axes },
    { "", "ReduceL2", 18, raise_axes },
    { "", "ReduceLogSum", 18, raise_axes },
    { "", "ReduceLogSumExp", 18, raise_axes },
    { "", "ReduceMax", 18, raise_axes },
    { "", "ReduceMean", 18, raise_axes },
    { "", "ReduceMin", 18, raise_axes },
    { "", "ReduceProd", 18, raise_axes },
    { "", "ReduceSum", 13, raise_axes },
    { "", "ReduceSumSquare", 18, raise_axes },
    { "", "Split", 18, raise_split },
    { "", "Slice", 10, raise_slice },
    { "", "Pad", 11, raise_pad },
    { "", "Clip", 11, raise_clip },
    { "", "TopK", 10, raise_topk },
    { "", "DFT", 20, raise_dft },
    { 0 },
};
