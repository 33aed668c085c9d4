/* build.c - constants by name and the small pieces that every family is made of. */
#include <stdarg.h>
#include <stdio.h>
#include "model/arch/build.h"

enum { NAME = 128 };

static wt_status bad_shape(const wt_arch_builder *b, const wt_weight *weight, int rank, const int64_t *dims,
                           wt_err *err)
{
    char have[96], want[96];
    const wt_shape expected = wt_shape_make(rank, dims);
    wt_fail_at(err, WT_EFORMAT, weight->source, "tensor %.*s is %s, expected %s", (int)weight->name.len,
               weight->name.data, wt_shape_text(&weight->shape, NULL, have, sizeof have),
               wt_shape_text(&expected, NULL, want, sizeof want));
    wt_err_where(err, "%s", wt_weights_path(b->w));
    return WT_EFORMAT;
}

static wt_status constant(wt_arch_builder *b, wt_value **out, const wt_weight *weight, const char *name, wt_err *err)
{
    wt_tensor t;
    *out = wt_graph_find(b->g, name);
    if (*out)
        return WT_OK;
    WT_TRY(wt_weight_data(b->w, weight, &t, err));
    WT_TRY(wt_graph_add_value(out, b->g, name, err));
    (*out)->source = weight->source;
    return wt_graph_set_constant(*out, &t, err);
}

wt_status wt_b_weight(wt_arch_builder *b, wt_value **out, bool optional, int rank, const int64_t *dims, wt_err *err,
                      const char *fmt, ...)
{
    char name[NAME];
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    *out = NULL;
    const wt_weight *weight = wt_weights_find(b->w, name);
    if (!weight) {
        if (optional)
            return WT_OK;
        wt_fail(err, WT_EFORMAT, "there is no tensor %s, which a model of architecture '%s' needs", name,
                b->arch->name);
        wt_err_where(err, "%s", wt_weights_path(b->w));
        return WT_EFORMAT;
    }
    const wt_shape expected = wt_shape_make(rank, dims);
    if (!wt_shape_equal(&weight->shape, &expected))
        return bad_shape(b, weight, rank, dims, err);
    return constant(b, out, weight, name, err);
}

wt_status wt_b_op(wt_arch_builder *b, wt_value **out, const char *domain, const char *op, const char *name,
                  wt_value *const *in, size_t n_in, const wt_attr *attrs, size_t n_attrs, wt_err *err)
{
    wt_node *node;
    wt_value *made;
    const wt_attrs list = { attrs, n_attrs };
    WT_TRY(wt_graph_add_value(&made, b->g, name, err));
    WT_TRY(wt_graph_add_node(&node, b->g, NULL, domain, op, name ? name : "", in, n_in, &made, 1, &list, err));
    *out = made; /* last: it may be one of the inputs */
    return WT_OK;
}

wt_status wt_b_linear(wt_arch_builder *b, wt_value **out, wt_value *x, int64_t n, int64_t k, wt_value *residual,
                      int act, wt_err *err, const char *fmt, ...)
{
    char prefix[NAME];
    wt_value *in[4] = { x, NULL, NULL, residual };
    const wt_attr attrs[2] = { wt_attr_of_int("trans_b", 1), wt_attr_of_int("act", act) };
    va_list args;
    va_start(args, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, args);
    va_end(args);
    WT_TRY(wt_b_weight(b, &in[1], false, 2, (int64_t[]){ n, k }, err, "%s.weight", prefix));
    WT_TRY(wt_b_weight(b, &in[2], true, 1, &n, err, "%s.bias", prefix));
    return wt_b_op(b, out, "whet", "Linear", prefix, in,
                   residual ? 4
                   : in[2]  ? 3
                            : 2,
                   attrs, act == WT_ACT_NONE ? 1 : 2, err);
}

wt_status wt_b_norm(wt_arch_builder *b, wt_value **out, wt_value *x, int64_t n, bool optional, wt_err *err,
                    const char *fmt, ...)
{
    char prefix[NAME];
    wt_value *in[3] = { x, NULL, NULL };
    const wt_attr attrs[2] = { wt_attr_of_int("axis", -1), wt_attr_of_float("epsilon", b->eps) };
    va_list args;
    va_start(args, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, args);
    va_end(args);
    *out = x;
    WT_TRY(wt_b_weight(b, &in[1], optional, 1, &n, err, "%s.weight", prefix));
    if (!in[1])
        return WT_OK;
    if (!b->style.layer_norm)
        return wt_b_op(b, out, "", "RMSNormalization", prefix, in, 2, attrs, 2, err);
    WT_TRY(wt_b_weight(b, &in[2], true, 1, &n, err, "%s.bias", prefix));
    return wt_b_op(b, out, "", "LayerNormalization", prefix, in, in[2] ? 3 : 2, attrs, 2, err);
}

wt_status wt_b_scale(wt_arch_builder *b, wt_value **out, wt_value *x, double factor, wt_err *err)
{
    const float f = (float)factor;
    wt_value *in[2] = { x, NULL };
    *out = x;
    if (f == 1)
        return WT_OK;
    WT_TRY(wt_graph_add_const_f32(&in[1], b->g, NULL, &f, 1, true, err));
    return wt_b_op(b, out, "", "Mul", NULL, in, 2, NULL, 0, err);
}

wt_status wt_b_add(wt_arch_builder *b, wt_value **out, wt_value *x, wt_value *y, wt_err *err)
{
    return wt_b_op(b, out, "", "Add", NULL, (wt_value *[]){ x, y }, 2, NULL, 0, err);
}

wt_status wt_b_reshape(wt_arch_builder *b, wt_value **out, wt_value *x, const int64_t *dims, size_t n, wt_err *err)
{
    wt_value *in[2] = { x, NULL };
    WT_TRY(wt_graph_add_const_i64(&in[1], b->g, NULL, dims, n, false, err));
    return wt_b_op(b, out, "", "Reshape", NULL, in, 2, NULL, 0, err);
}

wt_status wt_b_slice(wt_arch_builder *b, wt_value **out, wt_value *x, int64_t from, int64_t to, wt_err *err)
{
    wt_value *in[4] = { x };
    WT_TRY(wt_graph_add_const_i64(&in[1], b->g, NULL, &from, 1, false, err));
    WT_TRY(wt_graph_add_const_i64(&in[2], b->g, NULL, &to, 1, false, err));
    WT_TRY(wt_graph_add_const_i64(&in[3], b->g, NULL, (int64_t[]){ 1 }, 1, false, err));
    return wt_b_op(b, out, "", "Slice", NULL, in, 4, NULL, 0, err);
}

wt_status wt_b_rows(wt_arch_builder *b, wt_value **out, wt_value *x, wt_err *err)
{
    const wt_attr axis = wt_attr_of_int("axis", 0);
    return wt_b_op(b, out, "", "Gather", NULL, (wt_value *[]){ x, b->rows }, 2, &axis, 1, err);
}

wt_status wt_b_output(wt_arch_builder *b, wt_value *v, const char *name, wt_err *err)
{
    wt_value *out;
    WT_TRY(wt_b_op(b, &out, "", "Identity", name, &v, 1, NULL, 0, err));
    return wt_graph_add_output(b->g, out, err);
}
