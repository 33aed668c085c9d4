/* kernel_cases_matrix.c - Linear, Gemm and MatMul in float32. */
#include <math.h>
#include <stdio.h>
#include "run/kernel_cases.h"

typedef struct product {
    size_t m, k, n;
    size_t a_at, b_at;                 /* logical positions of the matrices */
    size_t a_row, a_col, b_row, b_col; /* strides */
} product;

static kc_sum dot(const kc_case *c, const product *p, size_t i, size_t j)
{
    kc_sum s = { 0, 0 };
    for (size_t k = 0; k < p->k; k++) {
        const double v = kc_get(&c->in[0], p->a_at + i * p->a_row + k * p->a_col) *
                         kc_get(&c->in[1], p->b_at + k * p->b_row + j * p->b_col);
        s.sum += v, s.magnitude += fabs(v);
    }
    return s;
}

static void expect(kc_case *c, size_t at, kc_sum s, wt_act_params act)
{
    c->want[at] = kc_act(act, s.sum);
    c->bound[at] = kc_act_bound(act, s.sum, 3e-7 * s.magnitude);
}

/* Sizes in turn: single rows, all tails of columns and depths, and every tenth case several bands. */
static void sizes(product *p, size_t index, kc_random *r)
{
    const bool large = index % 10 == 9;
    p->m = large ? (size_t)kc_range(r, 50, 300) : index % 3 ? (size_t)kc_range(r, 1, 35) : 1;
    p->k = large ? (size_t)kc_range(r, 100, 700) : index % 41 + 1;
    p->n = large ? (size_t)kc_range(r, 30, 100) : index / 2 % 70 + 1;
}

bool kc_make_linear(kc_case *c, size_t index, kc_random *r)
{
    product p = { 0 };
    const bool gemm = index % 4 == 3, trans = kc_range(r, 0, 1), half = !gemm && kc_range(r, 0, 3) == 0,
               deep = index % 5 == 4;
    const wt_act_params act = gemm ? (wt_act_params){ 0 } : kc_pick_act(r);
    if (index >= 280)
        return false;
    sizes(&p, index, r);
    const int64_t batch = !gemm && deep ? 2 : 1, m = (int64_t)p.m, k = (int64_t)p.k, n = (int64_t)p.n;
    const int64_t a2[] = { m, k }, a3[] = { batch, m, k }, b[] = { trans ? n : k, trans ? k : n }, y2[] = { m, n },
                  y3[] = { batch, m, n };
    const int rank = !gemm && deep ? 3 : 2;
    c->op = gemm ? WT_OP_GEMM : WT_OP_LINEAR;
    kc_input(c, 0, WT_F32, WT_PLAIN, false, r, rank, rank == 3 ? a3 : a2);
    const wt_dtype stored = !half ? WT_F32 : index % 2 ? WT_BF16 : WT_F16;
    kc_input(c, 1, stored, WT_PLAIN, true, r, 2, b);
    const bool bias = kc_range(r, 0, 2) > 0, res = !gemm && kc_range(r, 0, 2) == 0;
    if (bias)
        kc_input(c, 2, WT_F32, WT_PLAIN, true, r, 1, &n);
    if (res)
        kc_input(c, 3, WT_F32, WT_PLAIN, false, r, rank, rank == 3 ? y3 : y2);
    kc_output(c, 0, WT_F32, WT_PLAIN, rank, rank == 3 ? y3 : y2);
    if (trans)
        kc_attr_int(c, gemm ? "transB" : "trans_b", 1);
    kc_act_attrs(c, act);
    kc_expect(c, kc_count(&c->out[0]));
    snprintf(c->text, sizeof c->text, "%zu: %s %d x %dx%dx%d%s %s act %d%s%s", index, gemm ? "gemm" : "linear",
             (int)batch, (int)m, (int)k, (int)n, trans ? " transposed" : "", half ? wt_dtype_name(stored) : "",
             (int)act.act, bias ? " bias" : "", res ? " res" : "");
    p.a_row = p.k, p.a_col = 1, p.b_row = trans ? 1 : p.n, p.b_col = trans ? p.k : 1;
    for (size_t i = 0; i < (size_t)batch * p.m; i++)
        for (size_t j = 0; j < p.n; j++) {
            kc_sum s = dot(c, &p, i, j);
            if (bias)
                s.sum += kc_get(&c->in[2], j), s.magnitude += 1;
            if (res)
                s.sum += kc_get(&c->in[3], i * p.n + j), s.magnitude += 1;
            expect(c, i * p.n + j, s, act);
        }
    return true;
}

bool kc_make_matmul(kc_case *c, size_t index, kc_random *r)
{
    /* batch dims of a, b: none, equal, one of them broadcast, of different rank */
    static const struct {
        int ra, rb;
        int64_t a[2], b[2], y[2];
    } batches[] = { { 0, 0, { 1, 1 }, { 1, 1 }, { 1, 1 } }, { 1, 1, { 1, 3 }, { 1, 3 }, { 1, 3 } },
                    { 2, 2, { 2, 3 }, { 2, 3 }, { 2, 3 } }, { 2, 2, { 2, 1 }, { 1, 3 }, { 2, 3 } },
                    { 2, 0, { 2, 2 }, { 1, 1 }, { 2, 2 } }, { 0, 1, { 1, 1 }, { 1, 4 }, { 1, 4 } } };
    product p = { 0 };
    if (index >= 200)
        return false;
    sizes(&p, index, r);
    const size_t v = index % WT_ARRAY_LEN(batches);
    const int ra = batches[v].ra, rb = batches[v].rb, ry = ra > rb ? ra : rb;
    const int64_t m = (int64_t)p.m, k = (int64_t)p.k, n = (int64_t)p.n;
    const int64_t a[] = { batches[v].a[0], batches[v].a[1], m, k }, b[] = { batches[v].b[0], batches[v].b[1], k, n };
    const int64_t y[] = { batches[v].y[0], batches[v].y[1], m, n };
    const bool constant = rb == 0 && index % 4 == 0;
    c->op = WT_OP_MATMUL;
    kc_input(c, 0, WT_F32, WT_PLAIN, false, r, ra + 2, a + 2 - ra);
    kc_input(c, 1, WT_F32, WT_PLAIN, constant, r, rb + 2, b + 2 - rb);
    kc_output(c, 0, WT_F32, WT_PLAIN, ry + 2, y + 2 - ry);
    kc_expect(c, kc_count(&c->out[0]));
    snprintf(c->text, sizeof c->text, "%zu: matmul %dx%dx%d batches %zu%s", index, (int)m, (int)k, (int)n, v,
             constant ? " constant" : "");
    p.a_row = p.k, p.a_col = 1, p.b_row = p.n, p.b_col = 1;
    for (int64_t i0 = 0; i0 < y[0]; i0++)
        for (int64_t i1 = 0; i1 < y[1]; i1++) {
            const int64_t a0 = a[0] == 1 ? 0 : i0, a1 = a[1] == 1 ? 0 : i1, b0 = b[0] == 1 ? 0 : i0,
                          b1 = b[1] == 1 ? 0 : i1;
            p.a_at = (size_t)(a0 * a[1] + a1) * p.m * p.k;
            p.b_at = (size_t)(b0 * b[1] + b1) * p.k * p.n;
            const size_t at = (size_t)(i0 * y[1] + i1) * p.m * p.n;
            for (size_t i = 0; i < p.m; i++)
                for (size_t j = 0; j < p.n; j++)
                    expect(c, at + i * p.n + j, dot(c, &p, i, j), (wt_act_params){ 0 });
        }
    return true;
}
