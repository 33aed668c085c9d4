/* kernel_cases_decoder.c - RMSNormalization, LayerNormalization, Rope and Glu against double precision. */
#include <math.h>
#include <stdio.h>
#include "run/kernel_cases.h"

static void make_rms(kc_case *c, size_t index, kc_random *r)
{
    const int64_t rows = kc_range(r, 1, 40), n = index % 4 == 3 ? kc_range(r, 100, 900) : (int64_t)(index % 90 + 1);
    const double epsilon = 1e-5;
    c->op = WT_OP_RMSNORMALIZATION;
    kc_input(c, 0, WT_F32, WT_PLAIN, false, r, 2, (int64_t[]){ rows, n });
    kc_input(c, 1, WT_F32, WT_PLAIN, true, r, 1, &n);
    kc_output(c, 0, WT_F32, WT_PLAIN, 2, (int64_t[]){ rows, n });
    kc_attr_int(c, "axis", -1);
    kc_attr_float(c, "epsilon", (float)epsilon);
    kc_expect(c, (size_t)(rows * n));
    snprintf(c->text, sizeof c->text, "%zu: rms norm %dx%d", index, (int)rows, (int)n);
    for (size_t i = 0; i < (size_t)rows; i++) {
        double sum = 0;
        for (size_t k = 0; k < (size_t)n; k++)
            sum += kc_get(&c->in[0], i * (size_t)n + k) * kc_get(&c->in[0], i * (size_t)n + k);
        for (size_t k = 0; k < (size_t)n; k++) {
            const size_t at = i * (size_t)n + k;
            c->want[at] = kc_get(&c->in[0], at) / sqrt(sum / (double)n + (double)(float)epsilon) * kc_get(&c->in[1], k);
            c->bound[at] = 1e-6 * fabs(c->want[at]) + 1e-12;
        }
    }
}

static void make_layer_norm(kc_case *c, size_t index, kc_random *r)
{
    const int64_t rows = kc_range(r, 1, 40), n = index % 4 == 3 ? kc_range(r, 100, 900) : (int64_t)(index % 90 + 1);
    const bool biased = index % 3;
    const double epsilon = (double)1e-5f;
    c->op = WT_OP_LAYERNORMALIZATION;
    kc_input(c, 0, WT_F32, WT_PLAIN, false, r, 2, (int64_t[]){ rows, n });
    kc_input(c, 1, WT_F32, WT_PLAIN, true, r, 1, &n);
    if (biased)
        kc_input(c, 2, WT_F32, WT_PLAIN, true, r, 1, &n);
    kc_output(c, 0, WT_F32, WT_PLAIN, 2, (int64_t[]){ rows, n });
    kc_attr_float(c, "epsilon", (float)epsilon);
    kc_expect(c, (size_t)(rows * n));
    snprintf(c->text, sizeof c->text, "%zu: layer norm %dx%d%s", index, (int)rows, (int)n, biased ? " with bias" : "");
    for (size_t at = 0; at < (size_t)(rows * n); at++) /* far from zero, where squares would lose the variance */
        kc_set(&c->in[0], at, kc_get(&c->in[0], at) + 8);
    for (size_t i = 0; i < (size_t)rows; i++) {
        double mean = 0, var = 0;
        for (size_t k = 0; k < (size_t)n; k++)
            mean += kc_get(&c->in[0], i * (size_t)n + k) / (double)n;
        for (size_t k = 0; k < (size_t)n; k++)
            var += pow(kc_get(&c->in[0], i * (size_t)n + k) - mean, 2) / (double)n;
        for (size_t k = 0; k < (size_t)n; k++) {
            const size_t at = i * (size_t)n + k;
            const double gain = kc_get(&c->in[1], k) / sqrt(var + epsilon);
            c->want[at] = (kc_get(&c->in[0], at) - mean) * gain + (biased ? kc_get(&c->in[2], k) : 0);
            c->bound[at] = 2e-6 * (8 * fabs(gain) + fabs(c->want[at]));
        }
    }
}

static void make_rope(kc_case *c, size_t index, kc_random *r)
{
    const int64_t tokens = kc_range(r, 1, 20), heads = kc_range(r, 1, 5), half = kc_range(r, 1, 40),
                  head = 2 * half + (index % 3 ? 0 : 2 * kc_range(r, 0, 9));
    const bool pairs = index % 2, factors = index % 5 == 4;
    const double base = 10000;
    c->op = WT_OP_ROPE;
    kc_input(c, 0, WT_F32, WT_PLAIN, false, r, 2, (int64_t[]){ tokens, heads * head });
    int32_t *at = kc_guarded(c, (size_t)tokens * 4, 4);
    c->in[1] = (wt_tensor){
        .dtype = WT_I32, .shape = { .rank = 1, .dim = { tokens } }, .data = at, .bytes = (size_t)tokens * 4
    };
    c->has_in[1] = true;
    c->n_in = 2;
    for (int64_t t = 0; t < tokens; t++)
        at[t] = kc_range(r, 0, index % 4 ? 4096 : 131072);
    if (factors) {
        kc_input(c, 2, WT_F32, WT_PLAIN, true, r, 1, &half);
        for (size_t i = 0; i < (size_t)half; i++)
            kc_set(&c->in[2], i, 1.0 + (double)(i % 8));
    }
    kc_output(c, 0, WT_F32, WT_PLAIN, 2, (int64_t[]){ tokens, heads * head });
    kc_attr_int(c, "head_dim", head);
    kc_attr_int(c, "dims", 2 * half);
    kc_attr_int(c, "interleaved", pairs);
    kc_attr_float(c, "base", (float)base);
    kc_expect(c, (size_t)(tokens * heads * head));
    snprintf(c->text, sizeof c->text, "%zu: rope %d tokens, %d heads of %d, %d turn%s%s", index, (int)tokens,
             (int)heads, (int)head, (int)(2 * half), pairs ? " in pairs" : "", factors ? " with factors" : "");
    for (int64_t u = 0; u < tokens * heads; u++)
        for (int64_t i = 0; i < head; i++) {
            const size_t here = (size_t)(u * head + i);
            c->want[here] = kc_get(&c->in[0], here);
            if (i >= 2 * half)
                continue;
            const int64_t pair = pairs ? i / 2 : i % half, first = pairs ? 2 * pair : pair,
                          second = pairs ? first + 1 : pair + half;
            const double a = kc_get(&c->in[0], (size_t)(u * head + first)),
                         b = kc_get(&c->in[0], (size_t)(u * head + second));
            /* frequencies are float32 numbers, in all rows */
            const float frequency = (float)(pow(base, -2.0 * (double)pair / (double)(2 * half)) /
                                            (factors ? kc_get(&c->in[2], (size_t)pair) : 1));
            const double angle = (double)at[u / heads] * (double)frequency;
            c->want[here] = i == first ? a * cos(angle) - b * sin(angle) : a * sin(angle) + b * cos(angle);
            c->bound[here] = 3e-7 * (fabs(a) + fabs(b));
        }
}

static void make_glu(kc_case *c, size_t index, kc_random *r)
{
    const int64_t rows = kc_range(r, 1, 20), n = index % 4 == 3 ? kc_range(r, 100, 900) : (int64_t)(index % 50 + 1);
    const bool two = index % 3 != 0, swap = index % 2;
    const wt_act_params act = kc_pick_act(r);
    c->op = WT_OP_GLU;
    kc_input(c, 0, WT_F32, WT_PLAIN, false, r, 2, (int64_t[]){ rows, two ? n : 2 * n });
    if (two)
        kc_input(c, 1, WT_F32, WT_PLAIN, false, r, 2, (int64_t[]){ rows, n });
    kc_output(c, 0, WT_F32, WT_PLAIN, 2, (int64_t[]){ rows, n });
    kc_act_attrs(c, act);
    if (!two)
        kc_attr_int(c, "swap", swap);
    kc_expect(c, (size_t)(rows * n));
    snprintf(c->text, sizeof c->text, "%zu: glu %dx%d act %d%s", index, (int)rows, (int)n, (int)act.act,
             two ? "" : " of one");
    for (size_t i = 0; i < (size_t)(rows * n); i++) {
        const size_t row = i / (size_t)n, k = i % (size_t)n, left = row * 2 * (size_t)n + k, right = left + (size_t)n;
        const double gate = kc_get(&c->in[0], two    ? i
                                              : swap ? right
                                                     : left),
                     up = two ? kc_get(&c->in[1], i) : kc_get(&c->in[0], swap ? left : right);
        c->want[i] = kc_act(act, gate) * up;
        c->bound[i] = (kc_act_bound(act, gate, 0) + 1e-7 * fabs(kc_act(act, gate))) * fabs(up) + 1e-12;
    }
}

bool kc_make_decoder(kc_case *c, size_t index, kc_random *r)
{
    static void (*const makes[])(kc_case *, size_t, kc_random *) = { make_rms, make_layer_norm, make_rope, make_glu };
    if (index >= 480)
        return false;
    makes[index % 4](c, index / 4, r);
    return true;
}
