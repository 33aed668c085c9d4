/* kernel_cases_quant.c - quantized convolutions and products: every code must be the expected one. */
#include <math.h>
#include <stdio.h>
#include "run/kernel_cases.h"

/* Quantization of one case; attributes of the node say the same. */
typedef struct quant {
    wt_dtype x, y, r;
    float x_scale, y_scale, r_scale, *w_scale; /* w_scale per channel */
    int x_zp, y_zp, r_zp;
    bool per_channel, real_bias;
    const uint8_t *table; /* NULL */
    wt_act_params act;
} quant;

static int pick_zero(wt_dtype t, kc_random *r)
{
    const int low = t == WT_I8 ? -128 : 0;
    return kc_range(r, 0, 3) ? kc_range(r, low, low + 255) : 0;
}

static void quant_pick(kc_case *c, quant *q, int64_t channels, double depth, bool res, kc_random *r)
{
    static const wt_dtype types[] = { WT_U8, WT_I8, WT_U8, WT_I8, WT_F32 };
    q->real_bias = false, q->table = NULL;
    q->x = types[kc_range(r, 0, 1)], q->y = types[kc_range(r, 0, 4)], q->r = types[kc_range(r, 0, 1)];
    q->x_zp = pick_zero(q->x, r), q->y_zp = pick_zero(q->y == WT_F32 ? WT_U8 : q->y, r), q->r_zp = pick_zero(q->r, r);
    q->x_scale = kc_uniform(r, 0.001f, 0.1f), q->r_scale = kc_uniform(r, 0.001f, 0.05f);
    q->act = kc_pick_act(r);
    q->per_channel = kc_range(r, 0, 3) > 0;
    q->w_scale = kc_alloc(c, (size_t)channels * sizeof *q->w_scale);
    for (int64_t i = 0; i < channels; i++)
        q->w_scale[i] = i && !q->per_channel ? q->w_scale[0] : kc_uniform(r, 0.0005f, 0.02f);
    /* so that results spread over the codes, and some saturate */
    q->y_scale = (float)(sqrt(depth) * 70 * 70 * (double)q->x_scale * (double)q->w_scale[0] / kc_range(r, 30, 200));
    kc_attr_float(c, "x_scale", q->x_scale);
    kc_attr_int(c, "x_zp", q->x_zp);
    kc_attr_floats(c, "w_scale", q->per_channel ? (size_t)channels : 1, q->w_scale);
    if (q->y != WT_F32) {
        kc_attr_float(c, "y_scale", q->y_scale);
        kc_attr_int(c, "y_zp", q->y_zp);
    }
    if (res) {
        kc_attr_float(c, "r_scale", q->r_scale);
        kc_attr_int(c, "r_zp", q->r_zp);
    }
    kc_act_attrs(c, q->act);
}

/* internal_ops.h, word by word, in float32. */
static void expect(kc_case *c, const quant *q, size_t at, double sum, size_t channel, bool res)
{
    float real = (float)sum * (q->x_scale * q->w_scale[channel]);
    if (q->real_bias)
        real += (float)kc_get(&c->in[2], channel);
    if (res)
        real += (float)(kc_get(&c->in[3], at) - q->r_zp) * q->r_scale;
    if (q->y == WT_F32) {
        c->want[at] = kc_act(q->act, (double)real);
        c->bound[at] = kc_act_bound(q->act, (double)real, 0);
        return;
    }
    const float v = rintf(wt_act_apply(q->act, real) / q->y_scale) + (float)q->y_zp, low = q->y == WT_I8 ? -128 : 0;
    const int code = (int)fminf(low + 255, fmaxf(low, v));
    c->want[at] = !q->table ? code : q->y == WT_I8 ? (int8_t)q->table[code & 255] : q->table[code];
}

/* A function of the codes behind every third convolution. */
static void pick_table(kc_case *c, quant *q, size_t index, kc_random *r)
{
    const int64_t len = 256;
    if (index % 3 != 1 || q->y == WT_F32)
        return;
    uint8_t *table = kc_alloc(c, 256);
    wt_tensor *t = kc_alloc(c, sizeof *t);
    for (int i = 0; i < 256; i++)
        table[i] = (uint8_t)kc_next(r);
    *t = (wt_tensor){ .dtype = q->y, .shape = wt_shape_make(1, &len), .data = table, .bytes = 256 };
    c->attrs[c->n_attrs++] = (wt_attr){ .name = "table", .type = WT_ATTR_TENSOR, .count = 1, .v.tensor = t };
    q->table = table;
}

bool kc_make_quant_conv(kc_case *c, size_t index, kc_random *r)
{
    kc_conv g;
    quant q;
    if (index >= 560 || !kc_conv_geometry(&g, index, r))
        return false;
    const bool planar = index % 3 == 0 && g.group == 1, d1 = g.rank == 3;
    const int64_t x2[] = { g.n, g.ic, g.ih, g.iw }, x1[] = { g.n, g.ic, g.iw },
                  w2[] = { g.oc, g.ic / g.group, g.kh, g.kw };
    const int64_t w1[] = { g.oc, g.ic / g.group, g.kw }, y2[] = { g.n, g.oc, g.oh, g.ow }, y1[] = { g.n, g.oc, g.ow };
    c->op = WT_OP_QUANTCONV;
    quant_pick(c, &q, g.oc, (double)(g.ic / g.group * g.kh * g.kw), g.res, r);
    pick_table(c, &q, index, r);
    g.act = (wt_act_params){ 0 }; /* quant_pick has one */
    kc_conv_attrs(c, &g);
    kc_input(c, 0, q.x, planar ? WT_PLAIN : WT_C16, false, r, g.rank, d1 ? x1 : x2);
    kc_input(c, 1, WT_I8, WT_PLAIN, true, r, g.rank, d1 ? w1 : w2);
    if (g.bias)
        kc_input(c, 2, WT_I32, WT_PLAIN, true, r, 1, &g.oc);
    if (g.res)
        kc_input(c, 3, q.r, WT_C16, false, r, g.rank, d1 ? y1 : y2);
    kc_output(c, 0, q.y, WT_C16, g.rank, d1 ? y1 : y2);
    kc_expect(c, kc_count(&c->out[0]));
    snprintf(c->text, sizeof c->text,
             "%zu: %s %s->%s %dx%dx%dx%d -> %dx%dx%d g%d k%dx%d s%dx%d d%dx%d p%d,%d,%d,%d zp %d act %d%s%s%s", index,
             planar ? "planar" : "c16", wt_dtype_get(q.x)->name, wt_dtype_get(q.y)->name, (int)g.n, (int)g.ic,
             (int)g.ih, (int)g.iw, (int)g.oc, (int)g.oh, (int)g.ow, (int)g.group, (int)g.kh, (int)g.kw, (int)g.sh,
             (int)g.sw, (int)g.dh, (int)g.dw, (int)g.top, (int)g.left, (int)g.bottom, (int)g.right, q.x_zp,
             (int)q.act.act, g.bias ? " bias" : "", g.res ? " res" : "", q.table ? " table" : "");
    size_t i = 0;
    for (int64_t n = 0; n < g.n; n++)
        for (int64_t o = 0; o < g.oc; o++)
            for (int64_t y = 0; y < g.oh; y++)
                for (int64_t x = 0; x < g.ow; x++, i++) {
                    const double bias = g.bias ? kc_get(&c->in[2], (size_t)o) : 0;
                    expect(c, &q, i, kc_conv_sum(c, &g, n, o, y, x, q.x_zp).sum + bias, (size_t)o, g.res);
                }
    return true;
}

bool kc_make_quant_linear(kc_case *c, size_t index, kc_random *r)
{
    quant q;
    const bool large = index % 10 == 9, trans = kc_range(r, 0, 1), bias = kc_range(r, 0, 1),
               res = kc_range(r, 0, 2) == 0;
    if (index >= 200)
        return false;
    const int64_t m = large ? kc_range(r, 40, 200) : index % 3 ? kc_range(r, 1, 35) : 1;
    const int64_t k = large ? kc_range(r, 100, 900) : (int64_t)index % 41 + 1,
                  n = large ? kc_range(r, 30, 90) : (int64_t)index / 2 % 70 + 1;
    const int64_t a[] = { m, k }, b[] = { trans ? n : k, trans ? k : n }, y[] = { m, n };
    c->op = WT_OP_QUANTLINEAR;
    quant_pick(c, &q, n, (double)k, res, r);
    q.real_bias = bias && index % 2;
    if (trans)
        kc_attr_int(c, "trans_b", 1);
    kc_input(c, 0, q.x, WT_PLAIN, false, r, 2, a);
    kc_input(c, 1, WT_I8, WT_PLAIN, true, r, 2, b);
    if (bias)
        kc_input(c, 2, q.real_bias ? WT_F32 : WT_I32, WT_PLAIN, true, r, 1, &n);
    if (res)
        kc_input(c, 3, q.r, WT_PLAIN, false, r, 2, y);
    kc_output(c, 0, q.y, WT_PLAIN, 2, y);
    kc_expect(c, (size_t)(m * n));
    snprintf(c->text, sizeof c->text, "%zu: %s->%s %dx%dx%d%s zp %d act %d%s%s", index, wt_dtype_get(q.x)->name,
             wt_dtype_get(q.y)->name, (int)m, (int)k, (int)n, trans ? " transposed" : "", q.x_zp, (int)q.act.act,
             q.real_bias ? " real bias"
             : bias      ? " bias"
                         : "",
             res ? " res" : "");
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = bias && !q.real_bias ? kc_get(&c->in[2], (size_t)j) : 0;
            for (int64_t l = 0; l < k; l++)
                sum += (kc_get(&c->in[0], (size_t)(i * k + l)) - q.x_zp) *
                       kc_get(&c->in[1], (size_t)(trans ? j * k + l : l * n + j));
            expect(c, &q, (size_t)(i * n + j), sum, (size_t)j, res);
        }
    return true;
}
