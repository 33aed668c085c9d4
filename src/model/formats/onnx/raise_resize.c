/* raise_resize.c - Upsample, and the four forms of Resize.
 *
 * Before opset 11 a resized coordinate was simply divided by the scale ("asymmetric"). Which neighbour the nearest mode
 * then took is not in the standard's text; its reference results and all runtimes round down where an axis grows and up
 * where it shrinks. nearest_mode holds for all axes, so a mixture becomes two resizes: nearest is separable. */
#include "raise.h"

/* True when the input is there but empty, which was how to omit it before opset 13. */
static bool is_empty(const wt_value *v)
{
    int64_t n = 1;
    return v && wt_value_is_const(v) && wt_shape_count(&v->type.shape, &n) && n == 0;
}

static wt_status drop_empty_inputs(wt_raise *r, wt_err *err)
{
    for (size_t i = 1; i < r->node->n_in; i++)
        if (is_empty(r->node->in[i]))
            WT_TRY(wt_node_set_input(r->node, i, NULL, err));
    wt_raise_trim_inputs(r->node);
    return WT_OK;
}

/* (i + 0.5) / scale rounded down is half_pixel's coordinate, which is 0.5 less, rounded half up; there is no other
 * equivalent. */
static wt_status raise_tf_nearest(wt_raise *r, wt_err *err)
{
    const bool nearest = !wt_attr_find(&r->node->attrs, "mode") || wt_attr_is(&r->node->attrs, "mode", "nearest");
    if (!nearest || !wt_attr_is(&r->node->attrs, "nearest_mode", "floor")) {
        r->unknown = true;
        return WT_OK;
    }
    WT_TRY(wt_raise_set_text(r, "coordinate_transformation_mode", "half_pixel", err));
    return wt_raise_set_text(r, "nearest_mode", "round_prefer_ceil", err);
}

enum { MAX_SCALES = WT_MAX_RANK };
typedef struct scales {
    size_t n;
    float v[MAX_SCALES];
    bool grows, shrinks;
} scales;

/* False when the scales are not constant. */
static bool constant_scales(const wt_value *v, scales *s)
{
    double d = 0;
    *s = (scales){ 0 };
    if (!wt_value_is_const(v) || v->type.shape.rank != 1 || v->type.shape.dim[0] > MAX_SCALES)
        return false;
    s->n = (size_t)v->type.shape.dim[0];
    for (size_t i = 0; i < s->n; i++) {
        if (!wt_tensor_double(&v->type, (int64_t)i, &d))
            return false;
        s->v[i] = (float)d;
        s->grows |= d > 1;
        s->shrinks |= d < 1;
    }
    return true;
}

static void resize_attrs(bool nearest, bool up, wt_attr out[3])
{
    out[0] = wt_raise_text("mode", nearest ? "nearest" : "linear");
    out[1] = wt_raise_text("coordinate_transformation_mode", "asymmetric");
    out[2] = wt_raise_text("nearest_mode", up ? "floor" : "ceil");
}

/* The resize along the growing axes only, in front of the node. */
static wt_status emit_growing(wt_raise *r, scales *s, wt_value **x, wt_err *err)
{
    float up[MAX_SCALES];
    wt_attr attrs[3];
    wt_value *scale = NULL, *out = NULL;
    for (size_t i = 0; i < s->n; i++) {
        up[i] = s->v[i] > 1 ? s->v[i] : 1;
        s->v[i] = s->v[i] > 1 ? 1 : s->v[i];
    }
    WT_TRY(wt_raise_f32(r, up, s->n, false, &scale, err));
    resize_attrs(true, true, attrs);
    WT_TRY(wt_raise_emit(r, "Resize", (wt_value *[]){ *x, NULL, scale }, 3, attrs, 3, &out, err));
    *x = out;
    return WT_OK;
}

static wt_status raise_scaled(wt_raise *r, wt_value *scale, wt_err *err)
{
    wt_value *x = wt_raise_in(r, 0);
    const bool nearest = !wt_attr_find(&r->node->attrs, "mode") || wt_attr_is(&r->node->attrs, "mode", "nearest");
    scales s;
    wt_attr attrs[3];
    if (!nearest && !wt_attr_is(&r->node->attrs, "mode", "linear") &&
        !wt_attr_is(&r->node->attrs, "mode", "bilinear")) {
        r->unknown = true;
        return WT_OK;
    }
    const bool known = constant_scales(scale, &s);
    if (nearest && known && s.grows && s.shrinks) {
        WT_TRY(emit_growing(r, &s, &x, err));
        WT_TRY(wt_raise_f32(r, s.v, s.n, false, &scale, err));
        s.grows = false;
    }
    resize_attrs(nearest, !(known && s.shrinks && !s.grows), attrs);
    return wt_raise_turn(r, "Resize", (wt_value *[]){ x, NULL, scale }, 3, attrs, nearest ? 3 : 2, err);
}

static wt_status raise_upsample(wt_raise *r, wt_err *err)
{
    wt_value *scale = wt_raise_in(r, 1);
    const wt_attr *a = wt_attr_find(&r->node->attrs, "scales");
    if (!scale && a && a->type == WT_ATTR_FLOATS)
        WT_TRY(wt_raise_f32(r, a->v.floats, a->count, false, &scale, err));
    if (!scale || !wt_raise_in(r, 0))
        return wt_fail(err, WT_EFORMAT, "the scales are missing");
    return raise_scaled(r, scale, err);
}

static wt_status raise_resize(wt_raise *r, wt_err *err)
{
    if (r->version < 11) {
        if (!wt_raise_in(r, 0) || !wt_raise_in(r, 1))
            return wt_fail(err, WT_EFORMAT, "the scales are missing");
        return raise_scaled(r, wt_raise_in(r, 1), err);
    }
    WT_TRY(drop_empty_inputs(r, err));
    if (wt_attr_is(&r->node->attrs, "coordinate_transformation_mode", "tf_half_pixel_for_nn"))
        return raise_tf_nearest(r, err);
    return WT_OK;
}

const wt_raise_row wt_raise_rows_resize[] = {
    { "", "Upsample", INT64_MAX, raise_upsample },
    { "", "Resize", INT64_MAX, raise_resize },
    { 0 },
};
