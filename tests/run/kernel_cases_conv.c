/* kernel_cases_conv.c - convolutions in float32. */
#include "run/kernel_cases.h"
#include <math.h>
#include <stdio.h>

static const wt_act_params acts[] = {
    { WT_ACT_NONE, 0, 0 },
    { WT_ACT_RELU, 0, 0 },
    { WT_ACT_CLIP, 0, 6 },
    { WT_ACT_CLIP, 0.25f, 0.75f },
    { WT_ACT_LEAKY, 0.1f, 0 },
    { WT_ACT_SIGMOID, 0, 0 },
    { WT_ACT_HARDSIGMOID, 0.2f, 0.5f },
    { WT_ACT_HARDSWISH, 1.0f / 6, 0.5f },
    { WT_ACT_SILU, 1, 0 },
    { WT_ACT_TANH, 0, 0 },
    { WT_ACT_GELU, 0, 0 },
    { WT_ACT_GELU_TANH, 0, 0 },
};
wt_act_params kc_pick_act(kc_random *r) { return acts[kc_range(r, 0, 2) ? kc_range(r, 0, 2) : kc_range(r, 0, 11)]; }

void kc_act_attrs(kc_case *c, wt_act_params act)
{
    if (act.act == WT_ACT_NONE)
        return;
    kc_attr_int(c, "act", act.act);
    kc_attr_float(c, "act_alpha", act.alpha);
    kc_attr_float(c, "act_beta", act.beta);
}

double kc_act_bound(wt_act_params act, double x, double slack)
{
    /* no activation here is steeper than 1.2 times max(1, |alpha|); gelu's tails are differences of near numbers */
    return 1.2 * slack + 4e-7 * fabs(kc_act(act, x)) + 2e-7 * fmin(fabs(x), 1);
}

static int64_t pick(kc_random *r, const int *from, int n) { return from[kc_range(r, 0, n - 1)]; }

static int64_t out_size(int64_t in, int64_t k, int64_t s, int64_t d, int64_t pads)
{
    return (in + pads - (k - 1) * d - 1) / s + 1;
}

bool kc_conv_geometry(kc_conv *g, size_t index, kc_random *r)
{
    static const int kernels[] = { 1, 1, 1, 2, 3, 3, 3, 4, 5, 7 }, strides[] = { 1, 1, 1, 2, 2, 3 },
                     dilations[] = { 1, 1, 1, 1, 2, 3 };
    const bool wide = index % 16 == 15; /* large enough for several bands and all threads */
    *g = (kc_conv){ .rank = index % 5 == 4 ? 3 : 4, .n = index % 7 == 6 ? 2 : 1, .group = 1 };
    g->ic = (int64_t)(index % 40) + 1;
    g->oc = wide ? kc_range(r, 33, 80) : (int64_t)(index / 3 % 40) + 1;
    g->iw = wide ? kc_range(r, 40, 90) : (int64_t)(index / 2 % 35) + 1;
    g->ih = wide ? kc_range(r, 30, 60) : kc_range(r, 1, 12);
    g->kh = pick(r, kernels, 10);
    g->kw = kc_range(r, 0, 3) ? g->kh : pick(r, kernels, 10);
    g->sh = pick(r, strides, 6), g->sw = kc_range(r, 0, 3) ? g->sh : pick(r, strides, 6);
    g->dh = pick(r, dilations, 6), g->dw = kc_range(r, 0, 3) ? g->dh : pick(r, dilations, 6);
    if (kc_range(r, 0, 3)) {
        g->top = kc_range(r, 0, (int)g->kh), g->bottom = kc_range(r, 0, (int)g->kh);
        g->left = kc_range(r, 0, (int)g->kw), g->right = kc_range(r, 0, (int)g->kw);
    }
    if (g->rank == 3)
        g->ih = g->kh = g->sh = g->dh = 1, g->top = g->bottom = 0;
    while (out_size(g->ih, g->kh, g->sh, g->dh, g->top + g->bottom) < 1 ||
           g->ih + g->top + g->bottom < (g->kh - 1) * g->dh + 1)
        g->ih++;
    while (g->iw + g->left + g->right < (g->kw - 1) * g->dw + 1)
        g->iw++;
    g->oh = out_size(g->ih, g->kh, g->sh, g->dh, g->top + g->bottom);
    g->ow = out_size(g->iw, g->kw, g->sw, g->dw, g->left + g->right);
    if (index % 9 == 8)
        g->group = kc_range(r, 2, 6),
        g->ic = g->group * (kc_range(r, 0, 1) ? 16 * kc_range(r, 1, 2) : kc_range(r, 2, 20)),
        g->oc = g->group * (g->ic / g->group % 16 ? kc_range(r, 2, 24) : 16 * kc_range(r, 1, 3));
    if (index % 4 == 2) /* depthwise */
        g->group = g->oc = g->ic;
    g->act = kc_pick_act(r);
    g->bias = kc_range(r, 0, 3) > 0, g->res = kc_range(r, 0, 3) == 0;
    return true;
}

void kc_conv_attrs(kc_case *c, const kc_conv *g)
{
    const int from = g->rank == 3; /* the height is not there */
    const size_t n = g->rank == 3 ? 1 : 2;
    const int64_t strides[] = { g->sh, g->sw }, dilations[] = { g->dh, g->dw }, kernel[] = { g->kh, g->kw };
    const int64_t pads4[] = { g->top, g->left, g->bottom, g->right }, pads2[] = { g->left, g->right };
    kc_attr_ints(c, "strides", n, strides + from);
    kc_attr_ints(c, "dilations", n, dilations + from);
    kc_attr_ints(c, "kernel_shape", n, kernel + from);
    kc_attr_ints(c, "pads", 2 * n, g->rank == 3 ? pads2 : pads4);
    if (g->group > 1)
        kc_attr_int(c, "group", g->group);
    kc_act_attrs(c, g->act);
}

kc_sum kc_conv_sum(const kc_case *c, const kc_conv *g, int64_t n, int64_t o, int64_t y, int64_t x, double x_zp)
{
    const int64_t icg = g->ic / g->group, first = o / (g->oc / g->group) * icg;
    kc_sum s = { 0, 0 };
    for (int64_t i = 0; i < icg; i++)
        for (int64_t a = 0; a < g->kh; a++)
            for (int64_t b = 0; b < g->kw; b++) {
                const int64_t iy = y * g->sh + a * g->dh - g->top, ix = x * g->sw + b * g->dw - g->left;
                if (iy < 0 || iy >= g->ih || ix < 0 || ix >= g->iw)
                    continue;
                const double v = (kc_get(&c->in[0], (size_t)(((n * g->ic + first + i) * g->ih + iy) * g->iw + ix)) -
                                  x_zp) *
                                 kc_get(&c->in[1], (size_t)(((o * icg + i) * g->kh + a) * g->kw + b));
                s.sum += v, s.magnitude += fabs(v);
            }
    return s;
}

bool kc_make_conv_f32(kc_case *c, size_t index, kc_random *r)
{
    kc_conv g;
    if (index >= 640 || !kc_conv_geometry(&g, index, r))
        return false;
    const bool planar = index % 3 == 0 && (g.group == 1 || index % 2);
    const int64_t x2[] = { g.n, g.ic, g.ih, g.iw }, x1[] = { g.n, g.ic, g.iw },
                  w2[] = { g.oc, g.ic / g.group, g.kh, g.kw };
    const int64_t w1[] = { g.oc, g.ic / g.group, g.kw }, y2[] = { g.n, g.oc, g.oh, g.ow }, y1[] = { g.n, g.oc, g.ow };
    const bool d1 = g.rank == 3;
    c->op = WT_OP_CONV;
    kc_input(c, 0, WT_F32, planar ? WT_PLAIN : WT_C16, false, r, g.rank, d1 ? x1 : x2);
    kc_input(c, 1, WT_F32, WT_PLAIN, true, r, g.rank, d1 ? w1 : w2);
    if (g.bias)
        kc_input(c, 2, WT_F32, WT_PLAIN, true, r, 1, &g.oc);
    if (g.res)
        kc_input(c, 3, WT_F32, WT_C16, false, r, g.rank, d1 ? y1 : y2);
    kc_output(c, 0, WT_F32, WT_C16, g.rank, d1 ? y1 : y2);
    kc_conv_attrs(c, &g);
    const float mul = index % 5 == 1 ? 0.75f : 1, add = index % 5 == 1 ? -0.375f : 0;
    if (mul != 1.0f) {
        kc_attr_float(c, "act_mul", mul);
        kc_attr_float(c, "act_add", add);
    }
    kc_expect(c, kc_count(&c->out[0]));
    snprintf(c->text, sizeof c->text,
             "%zu: %s %dx%dx%dx%d -> %dx%dx%d g%d k%dx%d s%dx%d d%dx%d p%d,%d,%d,%d act %d%s%s", index,
             planar ? "planar" : "c16", (int)g.n, (int)g.ic, (int)g.ih, (int)g.iw, (int)g.oc, (int)g.oh, (int)g.ow,
             (int)g.group, (int)g.kh, (int)g.kw, (int)g.sh, (int)g.sw, (int)g.dh, (int)g.dw, (int)g.top, (int)g.left,
             (int)g.bottom, (int)g.right, (int)g.act.act, g.bias ? " bias" : "", g.res ? " res" : "");
    size_t i = 0;
    for (int64_t n = 0; n < g.n; n++)
        for (int64_t o = 0; o < g.oc; o++)
            for (int64_t y = 0; y < g.oh; y++)
                for (int64_t x = 0; x < g.ow; x++, i++) {
                    kc_sum s = kc_conv_sum(c, &g, n, o, y, x, 0);
                    if (g.bias)
                        s.sum += kc_get(&c->in[2], (size_t)o), s.magnitude += 1;
                    if (g.res)
                        s.sum += kc_get(&c->in[3], i), s.magnitude += 1;
                    c->want[i] = kc_act(g.act, s.sum) * (double)mul + (double)add;
                    c->bound[i] = kc_act_bound(g.act, s.sum, 3e-7 * s.magnitude) + 1e-7 * fabs(c->want[i]);
                }
    return true;
}
