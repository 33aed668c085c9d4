/* annotate.c - see annotate.h.
 *
 * Activations: one scale, u8 with a zero point (or s8 symmetric). Weights: s8, -127..127, one scale per output channel.
 * Bias: int32 with the scale of the accumulator. Fast bias correction: rounding the weights shifts the mean of each
 * output channel by sum((Wq - W) * E[x]), with E[x] the mean of the input channel over the calibration data; the bias
 * takes that back. */
#include "optimize/annotate.h"
#include <math.h>
#include "base/str.h"

/* --- activations
 * ------------------------------------------------------------------------------------------------------ */
static wt_status quant_new(wt_quant **out, wt_arena *arena, wt_dtype dtype, int axis, size_t count, wt_err *err)
{
    wt_quant *q = wt_arena_alloc(arena, 1, sizeof *q, err);
    float *scale = q ? wt_arena_alloc(arena, count, sizeof *scale, err) : NULL;
    int32_t *zero = scale ? wt_arena_alloc(arena, count, sizeof *zero, err) : NULL;
    if (!zero)
        return WT_ENOMEM;
    *q = (wt_quant){
        .dtype = dtype, .axis = axis, .count = count, .scale = scale, .zero_point = zero, .origin = "calibrated"
    };
    *out = q;
    return WT_OK;
}

static wt_status annotate_activation(wt_point *p, wt_arena *arena, bool symmetric, wt_err *err)
{
    wt_quant *q;
    WT_TRY(quant_new(&q, arena, symmetric ? WT_I8 : WT_U8, -1, 1, err));
    float *scale = (float *)(uintptr_t)q->scale;
    int32_t *zero = (int32_t *)(uintptr_t)q->zero_point;
    if (symmetric) {
        scale[0] = (float)(fmax(-p->range.lo, p->range.hi) / 127);
    } else {
        scale[0] = (float)((p->range.hi - p->range.lo) / 255);
        zero[0] = (int32_t)nearbyint(-p->range.lo / (double)scale[0]);
        zero[0] = zero[0] < 0 ? 0 : zero[0] > 255 ? 255 : zero[0];
    }
    if (!(scale[0] > 1e-30f))
        scale[0] = 1e-30f;
    p->value->quant = q;
    return WT_OK;
}

/* --- weights
 * ------------------------------------------------------------------------------------------------------------ */
/* A constant as [outer, channels, inner] with the channel axis in the middle. */
typedef struct view {
    const char *data; /* float32, maybe unaligned */
    size_t outer, channels, inner;
} view;

static view channel_view(const wt_value *v, int axis)
{
    const wt_shape *s = &v->type.shape;
    view w = { v->type.data, 1, 1, 1 };
    if (axis < 0) {
        w.inner = (size_t)wt_shape_product(s, 0, s->rank);
        return w;
    }
    w.outer = (size_t)wt_shape_product(s, 0, axis);
    w.channels = (size_t)s->dim[axis];
    w.inner = (size_t)wt_shape_product(s, axis + 1, s->rank);
    return w;
}

static float at(const view *w, size_t o, size_t c, size_t i)
{
    float x;
    memcpy(&x, w->data + 4 * ((o * w->channels + c) * w->inner + i), sizeof x);
    return x;
}

static wt_status weight_scales(const wt_weighted *w, wt_arena *arena, wt_quant **out, wt_err *err)
{
    const view v = channel_view(w->weight, w->axis);
    WT_TRY(quant_new(out, arena, WT_I8, w->axis, v.channels, err));
    float *scale = (float *)(uintptr_t)(*out)->scale;
    (*out)->origin = "weights";
    float largest = 0;
    for (size_t c = 0; c < v.channels; c++) {
        float most = 0;
        for (size_t o = 0; o < v.outer; o++)
            for (size_t i = 0; i < v.inner; i++) {
                const float x = fabsf(at(&v, o, c, i));
                if (!isfinite(x)) {
                    const wt_status st = wt_fail(err, WT_EFORMAT, "weight '%s' holds a NaN or an infinity",
                                                 w->weight->name);
                    wt_err_hint(err, "leave it in float: --keep '%s=float'", w->weight->name);
                    return st;
                }
                most = x > most ? x : most;
            }
        scale[c] = most / 127;
        largest = fmaxf(largest, scale[c]);
    }
    /* A channel of zeros may have any scale; a tiny one would leave no room for its bias. */
    if (!(largest > 1e-30f))
        largest = 1;
    for (size_t c = 0; c < v.channels; c++)
        if (scale[c] < 1e-6f * largest)
            scale[c] = largest;
    return WT_OK;
}

/* One scale for all channels, where that keeps SHARED_SQNR_DB and a scale a channel would cost more than 2 % of the
 * weights: in small networks scales are what is left of the size. */
static const double SHARED_SQNR_DB = 38;
enum { SHARED_BELOW = 400 /* weights a channel; 4 bytes of scale, 4 more for the scale of the bias */ };

static float rounding(float x, float scale) { return nearbyintf(x / scale) * scale - x; }

static float scale_of(const wt_quant *q, size_t channel) { return q->scale[q->count == 1 ? 0 : channel]; }

static double weight_sqnr(const wt_weighted *w, const wt_quant *q)
{
    const view v = channel_view(w->weight, w->axis);
    double signal = 0, noise = 0;
    for (size_t o = 0; o < v.outer; o++)
        for (size_t c = 0; c < v.channels; c++)
            for (size_t i = 0; i < v.inner; i++) {
                const float x = at(&v, o, c, i), e = rounding(x, scale_of(q, c));
                signal += (double)x * (double)x;
                noise += (double)e * (double)e;
            }
    return noise > 0 ? 10 * log10(signal / noise) : INFINITY;
}

static wt_status share_scale(const wt_weighted *w, wt_arena *arena, wt_quant **q, wt_err *err)
{
    const view v = channel_view(w->weight, w->axis);
    wt_quant *one;
    if ((*q)->count == 1 || v.outer * v.inner >= SHARED_BELOW)
        return WT_OK;
    WT_TRY(quant_new(&one, arena, WT_I8, -1, 1, err));
    float *scale = (float *)(uintptr_t)one->scale;
    for (size_t c = 0; c < v.channels; c++)
        scale[0] = fmaxf(scale[0], (*q)->scale[c]);
    one->origin = "weights";
    if (weight_sqnr(w, one) >= SHARED_SQNR_DB)
        *q = one;
    return WT_OK;
}

/* --- bias
 * ------------------------------------------------------------------------------------------------------------------ */
/* Mean shift of each output channel through the rounding of the weights. x channels of one group for Conv. */
static void conv_shift(const wt_weighted *w, const wt_quant *q, const wt_stats *x, double *shift)
{
    const wt_shape *s = &w->weight->type.shape;
    const size_t oc = (size_t)s->dim[0], icg = (size_t)s->dim[1], taps = (size_t)wt_shape_product(s, 2, s->rank);
    const size_t groups = (size_t)wt_attr_int(&w->node->attrs, "group", 1), per = oc / (groups ? groups : 1);
    const view v = channel_view(w->weight, 0);
    for (size_t o = 0; o < oc; o++) {
        shift[o] = 0;
        for (size_t i = 0; i < icg * taps; i++) {
            const size_t channel = o / (per ? per : 1) * icg + i / taps;
            shift[o] += (double)rounding(at(&v, 0, o, i), scale_of(q, o)) * wt_stats_channel_mean(x, (int64_t)channel);
        }
    }
}

static void matrix_shift(const wt_weighted *w, const wt_quant *q, const wt_stats *x, double *shift)
{
    const view v = channel_view(w->weight, w->axis);
    const size_t k = v.outer * v.inner; /* one of the two is 1 */
    for (size_t c = 0; c < v.channels; c++) {
        shift[c] = 0;
        for (size_t i = 0; i < k; i++)
            shift[c] += (double)rounding(v.outer == 1 ? at(&v, 0, c, i) : at(&v, i, c, 0), scale_of(q, c)) *
                        wt_stats_channel_mean(x, (int64_t)i);
    }
}

/* Where the bias of a product is: an input of the node, or of the sum behind a MatMul. index SIZE_MAX: nowhere. */
static void find_bias(const wt_weighted *w, wt_node **node, size_t *index)
{
    wt_value *y = w->node->out[0];
    *node = w->node;
    *index = 2;
    if (!wt_node_is(w->node, WT_OP_MATMUL))
        return;
    *index = SIZE_MAX;
    wt_node *add = wt_value_single_use(y) ? y->uses[0].node : NULL;
    if (!wt_node_is(add, WT_OP_ADD))
        return;
    const size_t other = add->in[0] == y ? 1 : 0;
    if (wt_value_is_const(add->in[other])) {
        *node = add;
        *index = other;
    }
}

static bool usable_bias(const wt_value *b, int64_t channels)
{
    int64_t n;
    return wt_value_is_const(b) && b->type.dtype == WT_F32 && !b->quant && wt_shape_count(&b->type.shape, &n) &&
           n == channels && b->type.shape.rank >= 1 && b->type.shape.dim[b->type.shape.rank - 1] == n;
}

static wt_status new_bias(wt_weighted *w, const double *shift, int64_t channels, wt_value **out, wt_node **node,
                          size_t *index, wt_err *err)
{
    wt_arena *arena = &w->node->graph->root->arena;
    find_bias(w, node, index);
    *out = NULL;
    if (*index == SIZE_MAX)
        return WT_OK;
    const wt_value *old = *index < (*node)->n_in ? (*node)->in[*index] : NULL;
    if (old && !usable_bias(old, channels))
        return WT_OK;
    if (!old && wt_node_is(*node, WT_OP_GEMM) && w->node->n_in > 2 && w->node->in[2])
        return WT_OK;
    float *b = wt_arena_alloc(arena, (size_t)channels, sizeof *b, err);
    if (!b)
        return WT_ENOMEM;
    for (int64_t c = 0; c < channels; c++) {
        double x = 0;
        if (old)
            wt_tensor_double(&old->type, c, &x);
        b[c] = (float)(x - (shift ? shift[c] : 0));
    }
    wt_tensor t = { .dtype = WT_F32,
                    .shape = old ? old->type.shape : wt_shape_make(1, &channels),
                    .data = b,
                    .bytes = 4 * (size_t)channels };
    WT_TRY(wt_graph_add_value(out, w->node->graph, NULL, err));
    return wt_graph_set_constant(*out, &t, err);
}

/* The bias is stored as int32 where the node itself takes it; behind a MatMul it is an addend of a float sum. */
static wt_status quantize_bias(wt_value *bias, const wt_quant *x, const wt_quant *weights, int64_t channels,
                               wt_err *err)
{
    wt_quant *q;
    WT_TRY(quant_new(&q, &bias->graph->root->arena, WT_I32, weights->count == 1 ? -1 : 0, weights->count, err));
    float *scale = (float *)(uintptr_t)q->scale;
    for (size_t c = 0; c < weights->count; c++)
        scale[c] = x->scale[0] * weights->scale[c];
    for (int64_t c = 0; c < channels; c++) {
        double b = 0;
        const float s = scale_of(q, (size_t)c);
        wt_tensor_double(&bias->type, c, &b);
        if (!(s > 0) || fabs(b / (double)s) > 1e9)
            return WT_OK; /* would not fit: the bias stays float */
    }
    q->origin = "accumulator";
    bias->quant = q;
    return WT_OK;
}

static wt_status annotate_bias(wt_points *p, wt_weighted *w, const wt_quant *weights, bool correct, wt_err *err)
{
    const int32_t k = p->point_of[w->node->in[0]->id];
    const wt_point *x = &p->points[k];
    const int64_t channels = w->weight->type.shape.dim[w->axis];
    wt_value *bias;
    wt_node *node;
    size_t index;
    double *shift = wt_alloc(p->graph->ctx, (size_t)channels, sizeof *shift, err);
    if (!shift)
        return WT_ENOMEM;
    correct = correct && x->stats.channel_count > 0;
    if (correct && wt_node_is(w->node, WT_OP_CONV))
        conv_shift(w, weights, &x->stats, shift);
    else if (correct)
        matrix_shift(w, weights, &x->stats, shift);
    const bool has_bias = w->node->n_in > 2 && w->node->in[2];
    wt_status st = WT_OK;
    if (correct || has_bias) {
        st = new_bias(w, correct ? shift : NULL, channels, &bias, &node, &index, err);
        if (st == WT_OK && bias) {
            st = wt_node_set_input(node, index, bias, err);
            if (st == WT_OK && node == w->node && bias->type.shape.rank == 1)
                st = quantize_bias(bias, x->value->quant, weights, channels, err);
        }
    }
    wt_free(p->graph->ctx, shift);
    return st;
}

static wt_status annotate_weighted(wt_points *p, wt_weighted *w, bool correct, wt_err *err)
{
    wt_quant *q;
    if (w->kind == WT_PART_FLOAT)
        return WT_OK;
    if (!w->weight->quant) {
        WT_TRY(weight_scales(w, &p->graph->root->arena, &q, err));
        WT_TRY(share_scale(w, &p->graph->root->arena, &q, err));
        w->weight->quant = q;
    }
    w->weight_sqnr_db = weight_sqnr(w, w->weight->quant);
    return w->kind == WT_PART_INT8 ? annotate_bias(p, w, w->weight->quant, correct, err) : WT_OK;
}

wt_status wt_points_annotate(wt_points *p, const wt_annotate_options *o, wt_err *err)
{
    for (size_t i = 0; i < p->n_points; i++)
        if (!p->points[i].dropped)
            WT_TRY(annotate_activation(&p->points[i], &p->graph->root->arena, o->symmetric, err));
    for (size_t i = 0; i < p->n_weighted; i++)
        WT_TRY(annotate_weighted(p, &p->weighted[i], o->bias_correction, err));
    return WT_OK;
}
