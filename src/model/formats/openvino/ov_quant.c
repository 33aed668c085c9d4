/* ov_quant.c - what is quantized in a file: FakeQuantize around activations, and integers that chains of layers widen.
 *
 *   Const u8|i8|u4|i4|i32 -> Convert [-> Subtract zero] -> Multiply scale [-> Reshape] [-> Convert]
 *
 * becomes a DequantizeLinear over the same bytes. Its scales may differ along one axis, or along one axis by blocks
 * with all others whole; a chain with other scales stays as it is written. */
#include "ov_ops.h"
#include <math.h>

/* --- scales under a shape ------------------------------------------------------------------------------------------
 */
typedef struct grain {
    int axis;       /* -1: one scale */
    int64_t block;  /* 0: whole elements of the axis */
    int64_t repeat; /* each scale is meant for so many elements in turn */
} grain;

/* Where scales of shape s lie in data of shape d (same rank); false: nowhere that DequantizeLinear could say. */
static bool find_grain(const wt_shape *d, const wt_shape *s, grain *g)
{
    int split = -1, n_split = 0, n_axes = 0, axis = -1;
    *g = (grain){ .axis = -1, .repeat = 1 };
    for (int i = 0; i < d->rank; i++) {
        if (s->dim[i] < 1 || d->dim[i] % s->dim[i])
            return false;
        if (s->dim[i] != 1) {
            n_axes++;
            axis = i;
        }
        if (s->dim[i] != d->dim[i]) {
            n_split++;
            split = i;
        }
    }
    if (n_axes == 0)
        return true;
    if (n_axes == 1) {
        g->axis = axis;
        g->repeat = d->dim[axis] / s->dim[axis];
        return true;
    }
    if (n_split != 1)
        return false;
    g->axis = split;
    g->block = d->dim[split] / s->dim[split];
    return true;
}

/* Scales of shape s for data of shape d, when the data are seen as `to`, whose dimensions are products of neighbours in
 * d: within each product scales may be one for all, or change along the leading part. */
static bool merge_shape(const wt_shape *d, const wt_shape *s, const wt_shape *to, wt_shape *out)
{
    int at = 0;
    *out = (wt_shape){ .rank = to->rank };
    for (int k = 0; k < to->rank; k++) {
        int64_t product = 1;
        bool trailing = false;
        out->dim[k] = 1;
        while (at < d->rank && (product < to->dim[k] || (k + 1 == to->rank && d->dim[at] == 1))) {
            if (s->dim[at] == d->dim[at] && !trailing)
                out->dim[k] *= s->dim[at];
            else if (s->dim[at] == 1)
                trailing |= d->dim[at] != 1;
            else
                return false;
            product *= d->dim[at++];
        }
        if (product != to->dim[k])
            return false;
    }
    return at == d->rank;
}

/* --- DequantizeLinear ----------------------------------------------------------------------------------------------
 */
static wt_value *constant(wt_ov_op *o, wt_dtype dtype, const wt_shape *shape, const void *data, size_t bytes)
{
    const wt_tensor t = { .dtype = dtype, .shape = *shape, .data = data, .bytes = bytes };
    wt_value *v = NULL;
    o->st = wt_graph_add_constant(&v, o->graph, NULL, &t, o->err);
    return o->st == WT_OK ? v : NULL;
}

typedef struct spread {
    float *scale;
    int32_t *zero;
    size_t n;
    bool any_zero;
} spread;

static bool spread_scales(wt_ov_op *o, const wt_ov_widened *w, size_t n, int64_t repeat, spread *out)
{
    *out = (spread){ .n = n * (size_t)repeat };
    out->scale = wt_arena_alloc(&o->reader->scratch, out->n + 1, sizeof *out->scale, o->err);
    out->zero = wt_arena_alloc(&o->reader->scratch, out->n + 1, sizeof *out->zero, o->err);
    if (!out->scale || !out->zero) {
        o->st = WT_ENOMEM;
        return false;
    }
    for (size_t i = 0; i < out->n; i++) {
        out->scale[i] = w->scale[i / (size_t)repeat];
        out->zero[i] = w->zero[i / (size_t)repeat];
        out->any_zero |= out->zero[i] != 0;
    }
    return true;
}

static wt_value *zero_points(wt_ov_op *o, const spread *s, wt_dtype dtype, const wt_shape *shape)
{
    float *floats = wt_arena_alloc(&o->reader->scratch, s->n + 1, sizeof *floats, o->err);
    size_t bytes = 0;
    uint8_t *codes = NULL;
    if (floats && wt_dtype_bytes(dtype, s->n, &bytes))
        codes = wt_arena_alloc(&o->reader->scratch, bytes + 1, 1, o->err);
    if (!codes) {
        o->st = WT_ENOMEM;
        return NULL;
    }
    for (size_t i = 0; i < s->n; i++)
        floats[i] = (float)s->zero[i];
    o->st = wt_convert(floats, WT_F32, codes, dtype, s->n, true, o->err);
    return o->st == WT_OK ? constant(o, dtype, shape, codes, bytes) : NULL;
}

static wt_value *codes_as(wt_ov_op *o, const wt_value *codes, const wt_shape *shape)
{
    wt_value *view = NULL;
    wt_tensor t = codes->type;
    t.shape = *shape;
    o->st = wt_graph_add_value(&view, o->graph, NULL, o->err);
    if (o->st == WT_OK)
        o->st = wt_graph_set_constant(view, &t, o->err);
    return o->st == WT_OK ? view : NULL;
}

/* NULL with o->st WT_OK: there is no such form. */
static wt_value *dequantize(wt_ov_op *o, const wt_ov_widened *w, const wt_shape *shape, const wt_shape *scales)
{
    grain g;
    spread s;
    int64_t n = 0;
    if (!find_grain(shape, scales, &g) || !wt_shape_count(scales, &n) || !spread_scales(o, w, (size_t)n, g.repeat, &s))
        return NULL;
    wt_shape own = *scales;
    if (!g.block)
        own = (wt_shape){ .rank = g.axis >= 0, .dim = { (int64_t)s.n } };
    wt_value *in[3] = { codes_as(o, w->codes, shape) };
    if (o->st == WT_OK)
        in[1] = constant(o, WT_F32, &own, s.scale, s.n * sizeof(float));
    if (o->st == WT_OK && s.any_zero)
        in[2] = zero_points(o, &s, w->codes->type.dtype, &own);
    if (g.axis >= 0)
        wt_ov_set_int(o, "axis", g.axis);
    if (g.block)
        wt_ov_set_int(o, "block_size", g.block);
    return wt_ov_emit_n(o, "DequantizeLinear", in, in[2] ? 3 : 2);
}

static void remember(wt_ov_op *o, const wt_ov_widened *w)
{
    wt_ov_widened *kept = wt_arena_alloc(&o->reader->scratch, 1, sizeof *kept, o->err);
    if (!kept) {
        o->st = WT_ENOMEM;
        return;
    }
    *kept = *w;
    kept->next = o->reader->widened;
    o->reader->widened = kept;
}

wt_value *wt_ov_widened_as(wt_ov_op *o, const wt_value *v, const wt_shape *shape)
{
    const wt_ov_widened *w = o->reader->widened;
    wt_shape scales;
    while (w && w->value != v)
        w = w->next;
    if (!w || o->st != WT_OK || !merge_shape(&w->codes->type.shape, &w->shape, shape, &scales))
        return NULL;
    return dequantize(o, w, shape, &scales);
}

/* --- the chain -----------------------------------------------------------------------------------------------------
 */
static const wt_value *codes_of(const wt_value *v)
{
    const wt_node *cast = v ? v->producer : NULL;
    if (!wt_node_is(cast, WT_OP_CAST) || !cast->in[0] || !wt_value_is_const(cast->in[0]))
        return NULL;
    const wt_dtype t = cast->in[0]->type.dtype;
    return t == WT_U8 || t == WT_I8 || t == WT_U4 || t == WT_I4 || t == WT_I32 ? cast->in[0] : NULL;
}

static bool read_floats(wt_ov_op *o, const wt_tensor *t, size_t n, size_t have, float **out)
{
    *out = wt_arena_alloc(&o->reader->scratch, n + 1, sizeof **out, o->err);
    if (!*out) {
        o->st = WT_ENOMEM;
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        double d = 0;
        if (have && !wt_tensor_double(t, (int64_t)(have == 1 ? 0 : i), &d))
            return false;
        (*out)[i] = (float)d;
    }
    return true;
}

/* The shape with leading ones, so that it has `rank` dimensions; false when it has more. */
static bool widen_rank(const wt_shape *s, int rank, wt_shape *out)
{
    *out = (wt_shape){ .rank = rank };
    if (s->rank < 0 || s->rank > rank)
        return false;
    for (int i = 0; i < rank; i++)
        out->dim[i] = i < rank - s->rank ? 1 : s->dim[i - (rank - s->rank)];
    return true;
}

/* Whole numbers that the codes' type has; without them the chain stays as it is. */
static bool read_zeros(wt_ov_op *o, const wt_tensor *t, size_t n, wt_dtype dtype, wt_ov_widened *w)
{
    float *floats = NULL;
    int64_t have = 0;
    const int64_t lo = dtype == WT_I8 ? -128 : dtype == WT_I4 ? -8 : 0;
    const int64_t hi = dtype == WT_I8 ? 127 : dtype == WT_I4 ? 7 : dtype == WT_U4 ? 15 : 255;
    int32_t *zeros = wt_arena_alloc(&o->reader->scratch, n + 1, sizeof *zeros, o->err);
    if (!zeros) {
        o->st = WT_ENOMEM;
        return false;
    }
    w->zero = zeros;
    if (!t)
        return true;
    if (dtype == WT_I32 || !wt_shape_count(&t->shape, &have) || (have != 1 && (size_t)have != n) ||
        !read_floats(o, t, n, (size_t)have, &floats))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!(floats[i] >= (float)lo && floats[i] <= (float)hi) || floats[i] != floorf(floats[i]))
            return false;
        zeros[i] = (int32_t)floats[i];
    }
    return true;
}

/* Of halves a consumer would see halves, where the IR has floats: fine if all of them are widened anyway. */
static bool seen_as_f32(const wt_ov_layer *layer, int depth)
{
    const wt_dtype port = layer->n_out ? layer->out[0].dtype : WT_DTYPE_NONE;
    if (port == WT_F32)
        return true;
    if (port != WT_F16 || depth > 3 || !layer->n_users)
        return false;
    for (size_t i = 0; i < layer->n_users; i++) {
        wt_dtype to = WT_DTYPE_NONE;
        const wt_ov_layer *user = layer->users[i];
        const char *type = wt_xml_get(user->data, "destination_type");
        const bool widens = wt_ov_is(user, "Convert") && type && wt_ov_dtype(type, &to) && to == WT_F32;
        if (!widens && !(wt_ov_is(user, "Reshape") && seen_as_f32(user, depth + 1)))
            return false;
    }
    return true;
}

static bool match(wt_ov_op *o, const wt_value *x, const wt_value *scale, wt_ov_widened *w)
{
    const wt_node *sub = x ? x->producer : NULL;
    const wt_tensor *zero = NULL, *s = wt_ov_known(scale);
    int64_t n = 0;
    float *scales = NULL;
    if (wt_node_is(sub, WT_OP_SUB)) {
        zero = wt_ov_known(sub->in[1]);
        w->codes = zero ? codes_of(sub->in[0]) : NULL;
    } else {
        w->codes = codes_of(x);
    }
    if (!w->codes || !s || !wt_shape_count(&s->shape, &n) || n < 1 || !seen_as_f32(o->layer, 0) ||
        (!wt_dtype_is_float(s->dtype) && s->dtype != WT_F8E8M0) ||
        !widen_rank(&s->shape, w->codes->type.shape.rank, &w->shape))
        return false;
    if (!read_floats(o, s, (size_t)n, (size_t)n, &scales) || !read_zeros(o, zero, (size_t)n, w->codes->type.dtype, w))
        return false;
    w->scale = scales;
    return true;
}

/* A chain whose scales have no form yet (a Reshape behind may give them one) in floats. */
static wt_value *written_out(wt_ov_op *o, const wt_ov_widened *w)
{
    int64_t n = 0;
    float *zeros = NULL;
    wt_shape_count(&w->shape, &n);
    zeros = wt_arena_alloc(&o->reader->scratch, (size_t)n + 1, sizeof *zeros, o->err);
    if (!zeros) {
        o->st = WT_ENOMEM;
        return NULL;
    }
    for (int64_t i = 0; i < n; i++)
        zeros[i] = (float)w->zero[i];
    wt_ov_set_int(o, "to", wt_dtype_get(WT_F32)->onnx_code);
    wt_value *x = wt_ov_emit(o, "Cast", (wt_value *)(uintptr_t)w->codes);
    wt_value *z = o->st == WT_OK ? constant(o, WT_F32, &w->shape, zeros, (size_t)n * sizeof(float)) : NULL;
    wt_value *s = o->st == WT_OK ? constant(o, WT_F32, &w->shape, w->scale, (size_t)n * sizeof(float)) : NULL;
    return wt_ov_emit(o, "Mul", wt_ov_emit(o, "Sub", x, z), s);
}

void wt_ov_read_multiply(wt_ov_op *o)
{
    wt_value *a = wt_ov_in(o, 0), *b = wt_ov_in(o, 1);
    wt_ov_widened w = { 0 };
    if (o->st != WT_OK)
        return;
    if (!match(o, a, b, &w)) {
        if (o->st == WT_OK && !match(o, b, a, &w)) {
            if (wt_ov_text_is(o, "auto_broadcast", "pdpd"))
                wt_ov_cannot(o, "auto_broadcast=\"pdpd\"");
            wt_ov_finish(o, "Mul", a, b);
            return;
        }
    }
    wt_value *y = dequantize(o, &w, &w.codes->type.shape, &w.shape);
    if (!y && o->st == WT_OK)
        y = written_out(o, &w);
    if (o->st != WT_OK)
        return;
    w.value = y;
    remember(o, &w);
    wt_ov_give(o, 0, y);
}

/* --- nf4 -----------------------------------------------------------------------------------------------------------
 */
bool wt_ov_is_nf4(const wt_ov_layer *layer)
{
    const char *type = wt_xml_get(layer->data, "element_type");
    return wt_ov_is(layer, "Const") && type && !strcmp(type, "nf4");
}

void wt_ov_read_nf4(wt_ov_op *o, wt_value *codes, wt_dtype to)
{
    /* The quantiles of a normal distribution that the type is named after, as OpenVINO has them. */
    static const float levels[16] = { -1.0f,        -0.6961928f, -0.52507305f, -0.39491749f, -0.28444138f, -0.18477343f,
                                      -0.09105004f, 0.0f,        0.0795803f,   0.16093020f,  0.24611230f,  0.33791524f,
                                      0.44070983f,  0.56261700f, 0.72295684f,  1.0f };
    wt_value *at = wt_ov_cast(o, codes, WT_I32), *table = wt_ov_f32(o, levels, 16, false);
    wt_ov_set_int(o, "axis", 0);
    if (to == WT_F32) {
        wt_ov_finish(o, "Gather", table, at);
        return;
    }
    wt_value *real = wt_ov_emit(o, "Gather", table, at);
    wt_ov_set_int(o, "to", wt_dtype_get(to)->onnx_code);
    wt_ov_finish(o, "Cast", real);
}

/* --- FakeQuantize --------------------------------------------------------------------------------------------------
 */
typedef struct limits {
    wt_ov_widened scales; /* as if the codes were U8 or I8 */
    bool is_signed;
    int axis; /* -1: one for all */
} limits;

/* The step whose multiples are exactly the limits, if one near the guess is: so what whoever wrote the limits began
 * with comes back, and codes are the same to the last bit. */
static float exact_step(float guess, float lo, float hi, int32_t zero, int64_t levels)
{
    enum { NEAR = 8 };
    float up = guess, down = guess;
    for (int i = 0; i <= NEAR; i++) {
        const float both[] = { up, down };
        for (size_t k = 0; k < WT_ARRAY_LEN(both); k++)
            if ((float)((double)-zero * (double)both[k]) == lo &&
                (float)((double)(levels - 1 - zero) * (double)both[k]) == hi)
                return both[k];
        up = nextafterf(up, INFINITY);
        down = nextafterf(down, 0);
    }
    return guess;
}

/* Limits that are the ends of 256 codes with 0 among them, the same on both sides. */
static bool read_limits(wt_ov_op *o, const wt_value *x, int64_t levels, limits *l)
{
    const wt_tensor *t[4];
    int64_t n = 0, m = 0;
    float *v[4];
    wt_shape shape;
    *l = (limits){ .axis = -1 };
    for (size_t i = 0; i < 4; i++) {
        t[i] = wt_ov_known(wt_ov_in(o, i + 1));
        if (!t[i] || !wt_shape_count(&t[i]->shape, &m) || (i && m != n))
            return false;
        n = m;
    }
    if (n < 1)
        return false;
    for (size_t i = 0; i < 4; i++)
        if (!read_floats(o, t[i], (size_t)n, (size_t)n, &v[i]))
            return false;
    if (n > 1) {
        grain g;
        if (x->type.shape.rank < 0 || !widen_rank(&t[0]->shape, x->type.shape.rank, &shape))
            return false;
        wt_shape data = shape;
        if (!find_grain(&data, &shape, &g) || g.axis < 0 || g.block)
            return false;
        l->axis = g.axis;
    }
    float *scale = wt_arena_alloc(&o->reader->scratch, (size_t)n, sizeof *scale, o->err);
    int32_t *zero = wt_arena_alloc(&o->reader->scratch, (size_t)n, sizeof *zero, o->err);
    if (!scale || !zero) {
        o->st = WT_ENOMEM;
        return false;
    }
    l->is_signed = true;
    for (int64_t i = 0; i < n; i++) {
        const double lo = (double)v[0][i], hi = (double)v[1][i], step = (hi - lo) / (double)(levels - 1);
        const double z = -lo / step;
        if (v[0][i] != v[2][i] || v[1][i] != v[3][i] || !(step > 0) || !(fabs(z - rint(z)) < 0.01) || rint(z) < 0 ||
            rint(z) > (double)(levels - 1))
            return false;
        /* The end that is further from 0 tells the step best. */
        const double steps = rint(z) > (double)(levels - 1) / 2 ? rint(z) : (double)(levels - 1) - rint(z);
        scale[i] = (float)((rint(z) > (double)(levels - 1) / 2 ? -lo : hi) / steps);
        zero[i] = (int32_t)rint(z);
        scale[i] = exact_step(scale[i], v[0][i], v[1][i], zero[i], levels);
        l->is_signed &= zero[i] == (levels == 256 ? 128 : 127);
    }
    for (int64_t i = 0; i < n && l->is_signed; i++)
        zero[i] = 0;
    l->scales = (wt_ov_widened){ .scale = scale, .zero = zero, .shape = { .rank = l->axis >= 0, .dim = { n } } };
    return l->is_signed || levels == 256;
}

static void through(wt_ov_op *o, wt_value *x, const limits *l)
{
    int64_t n = 0;
    spread s;
    wt_shape_count(&l->scales.shape, &n);
    if (!spread_scales(o, &l->scales, (size_t)n, 1, &s))
        return;
    wt_value *scale = constant(o, WT_F32, &l->scales.shape, s.scale, s.n * sizeof(float));
    wt_value *zero = o->st == WT_OK ? zero_points(o, &s, l->is_signed ? WT_I8 : WT_U8, &l->scales.shape) : NULL;
    if (l->axis >= 0)
        wt_ov_set_int(o, "axis", l->axis);
    wt_value *codes = wt_ov_emit(o, "QuantizeLinear", x, scale, zero);
    if (l->axis >= 0)
        wt_ov_set_int(o, "axis", l->axis);
    wt_ov_finish(o, "DequantizeLinear", codes, scale, zero);
}

/* rne((clip(x) - il) / (ih - il) * (levels - 1)) / (levels - 1) * (oh - ol) + ol */
static void formula(wt_ov_op *o, wt_value *x, int64_t levels)
{
    wt_value *il = wt_ov_in(o, 1), *ih = wt_ov_in(o, 2), *ol = wt_ov_in(o, 3), *oh = wt_ov_in(o, 4);
    wt_value *n = wt_ov_scalar(o, x, (double)(levels - 1));
    wt_value *in = wt_ov_emit(o, "Sub", wt_ov_emit(o, "Min", wt_ov_emit(o, "Max", x, il), ih), il);
    wt_value *part = wt_ov_emit(o, "Mul", wt_ov_emit(o, "Div", in, wt_ov_emit(o, "Sub", ih, il)), n);
    part = wt_ov_emit(o, "Div", wt_ov_emit(o, "Round", part), n);
    wt_ov_finish(o, "Add", wt_ov_emit(o, "Mul", part, wt_ov_emit(o, "Sub", oh, ol)), ol);
}

void wt_ov_read_fake_quantize(wt_ov_op *o)
{
    const int64_t levels = wt_ov_int(o, "levels", 0);
    wt_value *x = wt_ov_in(o, 0);
    limits l;
    if (o->st == WT_OK && levels < 2)
        wt_ov_refuse(o, WT_EFORMAT, "levels is %lld, expected 2 or more", (long long)levels);
    if (o->st == WT_OK && !wt_dtype_is_float(wt_value_dtype(x)) && wt_value_dtype(x) != WT_DTYPE_NONE)
        x = wt_ov_cast(o, x, WT_F32);
    if (o->st != WT_OK)
        return;
    const bool f32 = wt_value_dtype(x) == WT_F32 || wt_value_dtype(x) == WT_DTYPE_NONE;
    if (f32 && (levels == 256 || levels == 255) && read_limits(o, x, levels, &l)) {
        if (levels == 255) /* -128 is a code that this does not have */
            x = wt_ov_emit(o, "Min", wt_ov_emit(o, "Max", x, wt_ov_in(o, 1)), wt_ov_in(o, 2));
        through(o, x, &l);
    } else {
        formula(o, x, levels);
    }
}
