/* ov_ops_index.c - layers that pick, place and order elements. */
#include "ov_ops.h"

/* Result k of a node whose integers are int64, in the type that the layer gives them. */
static void give_index(wt_ov_op *o, size_t k, wt_value *v, const char *attr, wt_dtype fallback)
{
    const wt_dtype type = wt_ov_type(o, attr, fallback);
    if (type == WT_I64) {
        wt_ov_give(o, k, v);
        return;
    }
    wt_ov_set_int(o, "to", wt_dtype_get(type)->onnx_code);
    wt_ov_finish_k(o, k, "Cast", &v, 1);
}

static wt_value *indices(wt_ov_op *o, size_t i)
{
    wt_value *v = wt_ov_in(o, i);
    const wt_dtype t = v ? wt_value_dtype(v) : WT_I64;
    return t == WT_I64 || t == WT_I32 ? v : wt_ov_cast(o, v, WT_I64);
}

static void gather(wt_ov_op *o)
{
    wt_value *x = wt_ov_in(o, 0), *at = indices(o, 1);
    const int64_t axis = wt_ov_const_int(o, wt_ov_in(o, 2), "the axis"), batch = wt_ov_int(o, "batch_dims", 0);
    if (o->st == WT_OK && batch != 0)
        wt_ov_cannot(o, "batch_dims");
    wt_ov_set_int(o, "axis", axis);
    wt_ov_finish(o, "Gather", x, at);
}

static void gather_elements(wt_ov_op *o)
{
    wt_value *at = indices(o, 1);
    wt_ov_set_int(o, "axis", wt_ov_int(o, "axis", 0));
    wt_ov_finish(o, "GatherElements", wt_ov_in(o, 0), at);
}

static void gather_nd(wt_ov_op *o)
{
    wt_value *at = wt_ov_cast(o, wt_ov_in(o, 1), WT_I64);
    const int64_t batch = wt_ov_int(o, "batch_dims", 0);
    if (batch > 1 && !strcmp(o->layer->version, "opset5"))
        wt_ov_cannot(o, "batch_dims of opset5, which come out as one dimension");
    wt_ov_set_int(o, "batch_dims", batch);
    wt_ov_finish(o, "GatherND", wt_ov_in(o, 0), at);
}

static const char *reduction(wt_ov_op *o)
{
    static const char *const words[][2] = {
        { "none", "none" }, { "sum", "add" }, { "prod", "mul" }, { "min", "min" }, { "max", "max" }
    };
    const char *said = wt_ov_text(o, "reduction", "none");
    for (size_t i = 0; i < WT_ARRAY_LEN(words); i++)
        if (!strcmp(words[i][0], said))
            return words[i][1];
    wt_ov_cannot(o, "this reduction");
    return "none";
}

static void scatter_elements(wt_ov_op *o)
{
    wt_value *at = indices(o, 1);
    const int64_t axis = wt_ov_const_int(o, wt_ov_in(o, 3), "the axis");
    const char *how = reduction(o);
    if (strcmp(how, "none") != 0 && !wt_ov_bool(o, "use_init_val", true))
        wt_ov_cannot(o, "use_init_val=\"false\"");
    wt_ov_set_int(o, "axis", axis);
    wt_ov_set_text(o, "reduction", how);
    wt_ov_finish(o, "ScatterElements", wt_ov_in(o, 0), at, wt_ov_in(o, 2));
}

static void scatter_nd(wt_ov_op *o)
{
    wt_value *at = wt_ov_cast(o, wt_ov_in(o, 1), WT_I64);
    const char *how = reduction(o);
    wt_ov_set_text(o, "reduction", how);
    wt_ov_finish(o, "ScatterND", wt_ov_in(o, 0), at, wt_ov_in(o, 2));
}

static void non_zero(wt_ov_op *o)
{
    if (wt_ov_type(o, "output_type", WT_I64) == WT_I64)
        wt_ov_finish(o, "NonZero", wt_ov_in(o, 0));
    else
        give_index(o, 0, wt_ov_emit(o, "NonZero", wt_ov_in(o, 0)), "output_type", WT_I64);
}

static void top_k(wt_ov_op *o)
{
    wt_value *k = wt_ov_as_vector(o, wt_ov_as_i64(o, wt_ov_in(o, 1))), *out[2] = { NULL };
    if (wt_ov_text_is(o, "sort", "index"))
        wt_ov_cannot(o, "sort=\"index\"");
    wt_ov_set_int(o, "axis", wt_ov_int(o, "axis", -1));
    wt_ov_set_int(o, "largest", !wt_ov_text_is(o, "mode", "min"));
    wt_ov_set_int(o, "sorted", 1);
    wt_ov_emit_outs(o, "TopK", WT_OV_LIST(wt_ov_in(o, 0), k), 2, out, 2);
    wt_ov_give(o, 0, out[0]);
    if (o->layer->n_out > 1)
        give_index(o, 1, out[1], "index_element_type", WT_I32);
}

static void one_hot(wt_ov_op *o)
{
    wt_value *on = wt_ov_as_vector(o, wt_ov_in(o, 2)), *off = wt_ov_as_vector(o, wt_ov_in(o, 3));
    wt_value *at = indices(o, 0), *depth = wt_ov_as_i64(o, wt_ov_in(o, 1));
    wt_ov_set_int(o, "axis", 0);
    wt_value *values = wt_ov_emit(o, "Concat", off, on);
    wt_ov_set_int(o, "axis", wt_ov_int(o, "axis", -1));
    wt_ov_finish(o, "OneHot", at, depth, values);
}

static void range(wt_ov_op *o)
{
    const wt_dtype type = wt_ov_type(o, "output_type", WT_F32);
    wt_value *a = wt_ov_cast(o, wt_ov_in(o, 0), type), *b = wt_ov_cast(o, wt_ov_in(o, 1), type);
    wt_ov_finish(o, "Range", a, b, wt_ov_cast(o, wt_ov_in(o, 2), type));
}

static void cum_sum(wt_ov_op *o)
{
    wt_value *axis = wt_ov_in(o, 1);
    if (!axis)
        axis = wt_ov_i64(o, &(int64_t){ 0 }, 1, true);
    wt_ov_set_int(o, "exclusive", wt_ov_bool(o, "exclusive", false));
    wt_ov_set_int(o, "reverse", wt_ov_bool(o, "reverse", false));
    wt_ov_finish(o, "CumSum", wt_ov_in(o, 0), axis);
}

static void reverse_sequence(wt_ov_op *o)
{
    wt_value *lengths = wt_ov_as_i64(o, wt_ov_in(o, 1));
    wt_ov_set_int(o, "batch_axis", wt_ov_int(o, "batch_axis", 0));
    wt_ov_set_int(o, "time_axis", wt_ov_int(o, "seq_axis", 1));
    wt_ov_finish(o, "ReverseSequence", wt_ov_in(o, 0), lengths);
}

static void einsum(wt_ov_op *o)
{
    wt_value *in[16] = { NULL };
    const size_t n = o->layer->n_in < WT_ARRAY_LEN(in) ? o->layer->n_in : WT_ARRAY_LEN(in);
    if (n < o->layer->n_in)
        wt_ov_cannot(o, "more than 16 inputs");
    for (size_t i = 0; i < n; i++)
        in[i] = wt_ov_in(o, i);
    wt_ov_set_text(o, "equation", wt_ov_text(o, "equation", ""));
    wt_ov_finish_k(o, 0, "Einsum", in, n);
}

/* The first output are the selected indices, as in ONNX; scores and their number stay without a value. */
static void non_max_suppression(wt_ov_op *o)
{
    wt_value *in[5] = { NULL };
    size_t n = o->layer->n_in < 5 ? o->layer->n_in : 5;
    for (size_t i = 0; i < n; i++)
        in[i] = i < 2 ? wt_ov_in(o, i) : wt_ov_as_vector(o, i == 2 ? wt_ov_as_i64(o, wt_ov_in(o, i)) : wt_ov_in(o, i));
    if (o->layer->n_in > 5)
        wt_ov_cannot(o, "soft_nms_sigma");
    if (wt_ov_bool(o, "sort_result_descending", true))
        wt_ov_cannot(o, "results sorted across classes");
    wt_ov_set_int(o, "center_point_box", wt_ov_text_is(o, "box_encoding", "center"));
    give_index(o, 0, wt_ov_emit_n(o, "NonMaxSuppression", in, n), "output_type", WT_I64);
}

const wt_ov_row wt_ov_rows_index[] = {
    { "Gather", gather, NULL, 3 },
    { "GatherElements", gather_elements, NULL, 2 },
    { "GatherND", gather_nd, NULL, 2 },
    { "ScatterElementsUpdate", scatter_elements, NULL, 4 },
    { "ScatterNDUpdate", scatter_nd, NULL, 3 },
    { "NonZero", non_zero, NULL, 1 },
    { "TopK", top_k, NULL, 2 },
    { "OneHot", one_hot, NULL, 4 },
    { "Range", range, NULL, 3 },
    { "CumSum", cum_sum, NULL, 1 },
    { "ReverseSequence", reverse_sequence, NULL, 2 },
    { "Einsum", einsum, NULL, 1 },
    { "NonMaxSuppression", non_max_suppression, NULL, 2 },
    { 0 },
};
