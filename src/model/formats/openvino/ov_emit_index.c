/* ov_emit_index.c - operators that pick, place and order elements. */
#include "ov_emit.h"

static int64_t attr(const wt_ov_writer *w, const char *name, int64_t fallback)
{
    return wt_attr_int(&w->node->attrs, name, fallback);
}

static void gather(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), at = wt_ov_arg(w, 1), axis = wt_ov_lit_int(w, attr(w, "axis", 0));
    wt_ov_put(w, "batch_dims", "0");
    wt_ov_last(w, "Gather", 8, x, at, axis);
}

static void gather_elements(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), at = wt_ov_arg(w, 1);
    wt_ov_put(w, "axis", "%lld", (long long)attr(w, "axis", 0));
    wt_ov_last(w, "GatherElements", 6, x, at);
}

static void gather_nd(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), at = wt_ov_arg(w, 1);
    wt_ov_put(w, "batch_dims", "%lld", (long long)attr(w, "batch_dims", 0));
    wt_ov_last(w, "GatherND", 8, x, at);
}

static const char *reduction(const wt_ov_writer *w)
{
    static const char *const words[][2] = { { "add", "sum" }, { "mul", "prod" }, { "min", "min" }, { "max", "max" } };
    for (size_t i = 0; i < WT_ARRAY_LEN(words); i++)
        if (wt_attr_is(&w->node->attrs, "reduction", words[i][0]))
            return words[i][1];
    return "none";
}

static void scatter_elements(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), at = wt_ov_arg(w, 1), v = wt_ov_arg(w, 2),
              axis = wt_ov_lit_int(w, attr(w, "axis", 0));
    wt_ov_put(w, "reduction", "%s", reduction(w));
    wt_ov_put_bool(w, "use_init_val", true);
    wt_ov_last(w, "ScatterElementsUpdate", 12, x, at, v, axis);
}

static void scatter_nd(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), at = wt_ov_arg(w, 1), v = wt_ov_arg(w, 2);
    const char *how = reduction(w);
    if (!strcmp(how, "none")) {
        wt_ov_last(w, "ScatterNDUpdate", 3, x, at, v);
    } else {
        wt_ov_put(w, "reduction", "%s", how);
        wt_ov_last(w, "ScatterNDUpdate", 15, x, at, v);
    }
}

static void non_zero(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0);
    wt_ov_put(w, "output_type", "i64");
    wt_ov_last(w, "NonZero", 3, x);
}

/* values and indices of the k first of an order. */
static void ordered(wt_ov_writer *w, wt_ov_ref k, const char *mode, const char *sort, wt_ov_ref out[2],
                    const wt_value *const *last)
{
    const wt_value *none[2] = { NULL, NULL };
    wt_ov_ref x = wt_ov_arg(w, 0);
    wt_ov_put(w, "axis", "%lld", (long long)attr(w, "axis", w->node->op->code == WT_OP_TOPK ? -1 : 0));
    wt_ov_put(w, "mode", "%s", mode);
    wt_ov_put(w, "sort", "%s", sort);
    wt_ov_put(w, "index_element_type", "i64");
    wt_ov_put_bool(w, "stable", true);
    wt_ov_layer_n(w, "TopK", 11, WT_OV_REFS(x, k), 2, WT_DTYPE_NONE, out, 2, last ? last : none);
}

static void top_k(wt_ov_writer *w)
{
    wt_ov_ref k = wt_ov_arg(w, 1), out[2] = { NULL };
    k = k ? wt_ov_reshape(w, k, NULL, 0, false) : NULL;
    ordered(w, k, attr(w, "largest", 1) ? "max" : "min", "value", out, (const wt_value *const *)w->node->out);
    for (size_t i = 0; i < 2 && w->st == WT_OK; i++)
        if (w->node->out[i])
            w->net->values[w->node->out[i]->id] = out[i];
}

static void arg_of(wt_ov_writer *w)
{
    wt_ov_ref out[2] = { NULL }, one = wt_ov_lit_int(w, 1), axis = NULL;
    if (attr(w, "select_last_index", 0))
        wt_ov_unable(w, "the last one of equal elements");
    ordered(w, one, w->node->op->code == WT_OP_ARGMAX ? "max" : "min", "value", out, NULL);
    if (w->st != WT_OK)
        return;
    wt_ov_val index = *out[1];
    index.dtype = WT_I64;
    if (attr(w, "keepdims", 1)) {
        wt_ov_put(w, "destination_type", "i64");
        wt_ov_last(w, "Convert", 1, &index);
    } else {
        axis = wt_ov_lit_ints(w, &(int64_t){ attr(w, "axis", 0) }, 1);
        wt_ov_last(w, "Squeeze", 1, &index, axis);
    }
}

static void one_hot(wt_ov_writer *w)
{
    wt_ov_ref at = wt_ov_arg(w, 0), depth = wt_ov_arg(w, 1), values = wt_ov_arg(w, 2);
    wt_ov_ref axis = wt_ov_lit_int(w, 0), zero = wt_ov_lit_int(w, 0), one = wt_ov_lit_int(w, 1);
    if (depth && depth->shape.rank != 0)
        depth = wt_ov_reshape(w, depth, NULL, 0, false);
    wt_ov_put(w, "batch_dims", "0");
    wt_ov_ref off = wt_ov_add(w, "Gather", 8, values, zero, axis);
    wt_ov_put(w, "batch_dims", "0");
    wt_ov_ref on = wt_ov_add(w, "Gather", 8, values, one, axis);
    if (at && wt_dtype_is_float(at->dtype))
        at = wt_ov_convert(w, at, WT_I64);
    if (depth && depth->dtype != WT_I64)
        depth = wt_ov_convert(w, depth, WT_I64);
    wt_ov_put(w, "axis", "%lld", (long long)attr(w, "axis", -1));
    wt_ov_last(w, "OneHot", 1, at, depth, on, off);
}

static void range(wt_ov_writer *w)
{
    wt_ov_ref a = wt_ov_arg(w, 0), b = wt_ov_arg(w, 1), c = wt_ov_arg(w, 2);
    wt_ov_put(w, "output_type", "%s", wt_ov_element_type(wt_value_dtype(w->node->out[0])));
    wt_ov_last(w, "Range", 4, a, b, c);
}

static void cum_sum(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), axis = wt_ov_arg(w, 1);
    if (axis && axis->shape.rank != 0)
        axis = wt_ov_reshape(w, axis, NULL, 0, false);
    wt_ov_put_bool(w, "exclusive", attr(w, "exclusive", 0) != 0);
    wt_ov_put_bool(w, "reverse", attr(w, "reverse", 0) != 0);
    wt_ov_last(w, "CumSum", 3, x, axis);
}

static void reverse_sequence(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), n = wt_ov_arg(w, 1);
    wt_ov_put(w, "batch_axis", "%lld", (long long)attr(w, "batch_axis", 1));
    wt_ov_put(w, "seq_axis", "%lld", (long long)attr(w, "time_axis", 0));
    wt_ov_last(w, "ReverseSequence", 1, x, n);
}

static void einsum(wt_ov_writer *w)
{
    wt_ov_ref in[16] = { NULL };
    const wt_attr *equation = wt_attr_find(&w->node->attrs, "equation");
    const size_t n = w->node->n_in;
    if (n > WT_ARRAY_LEN(in) || !equation) {
        wt_ov_unable(w, "%zu inputs", n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        in[i] = wt_ov_arg(w, i);
    wt_ov_put_text(w, "equation", equation->v.s.data, equation->v.s.len);
    wt_ov_last_n(w, "Einsum", 7, in, n);
}

static void non_max_suppression(wt_ov_writer *w)
{
    wt_ov_ref in[5] = { NULL }, out[3] = { NULL };
    const wt_value *last[3] = { w->node->out[0], NULL, NULL };
    for (size_t i = 0; i < 5; i++) {
        in[i] = wt_ov_arg_value(w, i) ? wt_ov_arg(w, i) : i == 2 ? wt_ov_lit_int(w, 0) : wt_ov_lit_as(w, WT_F32, 0);
        if (i > 1 && in[i] && in[i]->shape.rank != 0)
            in[i] = wt_ov_reshape(w, in[i], NULL, 0, false);
    }
    if (!wt_ov_arg_value(w, 4)) /* no threshold: everything passes */
        in[4] = wt_ov_lit_as(w, WT_F32, -3.4028234663852886e38);
    wt_ov_put(w, "box_encoding", "%s", attr(w, "center_point_box", 0) ? "center" : "corner");
    wt_ov_put_bool(w, "sort_result_descending", false);
    wt_ov_put(w, "output_type", "i64");
    wt_ov_layer_n(w, "NonMaxSuppression", 9, in, 5, WT_F32, out, 3, last);
    if (w->st == WT_OK)
        w->net->values[w->node->out[0]->id] = out[0];
}

const wt_ov_write_row wt_ov_write_index[] = {
    { WT_OP_GATHER, gather, NULL, 0 },
    { WT_OP_GATHERELEMENTS, gather_elements, NULL, 0 },
    { WT_OP_GATHERND, gather_nd, NULL, 0 },
    { WT_OP_SCATTERELEMENTS, scatter_elements, NULL, 0 },
    { WT_OP_SCATTERND, scatter_nd, NULL, 0 },
    { WT_OP_NONZERO, non_zero, NULL, 0 },
    { WT_OP_TOPK, top_k, NULL, 0 },
    { WT_OP_ARGMAX, arg_of, NULL, 0 },
    { WT_OP_ARGMIN, arg_of, NULL, 0 },
    { WT_OP_ONEHOT, one_hot, NULL, 0 },
    { WT_OP_RANGE, range, NULL, 0 },
    { WT_OP_CUMSUM, cum_sum, NULL, 0 },
    { WT_OP_REVERSESEQUENCE, reverse_sequence, NULL, 0 },
    { WT_OP_EINSUM, einsum, NULL, 0 },
    { WT_OP_NONMAXSUPPRESSION, non_max_suppression, NULL, 0 },
    { WT_OP_UNKNOWN, NULL, NULL, 0 },
};
