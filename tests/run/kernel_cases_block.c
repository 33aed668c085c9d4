/* kernel_cases_block.c - Linear over weights in block formats.
 *
 * Weights are random bytes whose scales are powers of two, so that products of scales are exact in half precision. In
 * half of the cases activations are whole numbers of a power of two with a 127 in every 32, which rounding to 8 bits
 * leaves alone: then results must be right to the last bits of float32. In the others the bound is what rounding may
 * do. */
#include <math.h>
#include <stdio.h>
#include "model/blocks/blocks.h"
#include "run/kernel_cases.h"
#include "support/test.h"

static const wt_dtype dtypes[] = { WT_Q4_0, WT_Q4_1, WT_Q5_0, WT_Q5_1,   WT_Q8_0,   WT_Q2_K,   WT_Q3_K,
                                   WT_Q4_K, WT_Q5_K, WT_Q6_K, WT_IQ4_NL, WT_IQ4_XS, WT_AFFINE8 };
/* Where a block's halves are: scale, and minimum (-1: none). */
static int scale_at(wt_dtype t) { return t == WT_Q6_K ? 208 : t == WT_Q3_K ? 108 : t == WT_Q2_K ? 80 : 0; }
static int min_at(wt_dtype t)
{
    return t == WT_Q2_K ? 82 : t == WT_Q4_1 || t == WT_Q5_1 || t == WT_Q4_K || t == WT_Q5_K ? 2 : -1;
}

static void random_blocks(wt_dtype t, uint8_t *to, size_t n, kc_random *r)
{
    const wt_dtype_info *d = wt_dtype_get(t);
    for (size_t b = 0; b < n; b++, to += d->block_bytes) {
        for (size_t i = 0; i < d->block_bytes; i++)
            to[i] = (uint8_t)kc_next(r);
        const uint16_t scale = wt_f32_to_f16(ldexpf(kc_range(r, 0, 1) ? 1 : -1, kc_range(r, -12, -8))),
                       min = wt_f32_to_f16(ldexpf(1, kc_range(r, -12, -8)));
        if (t == WT_AFFINE8) {
            const float wide[] = { wt_f16_to_f32(scale), wt_f16_to_f32(min) };
            memcpy(to, wide, sizeof wide);
            continue;
        }
        memcpy(to + scale_at(t), &scale, 2);
        if (min_at(t) >= 0)
            memcpy(to + min_at(t), &min, 2);
    }
}

static void raw_input(kc_case *c, size_t i, wt_dtype t, size_t n, size_t k, kc_random *r)
{
    const wt_dtype_info *d = wt_dtype_get(t);
    const size_t blocks = n * k / d->block_len, bytes = blocks * d->block_bytes;
    uint8_t *data = kc_guarded(c, bytes, 2);
    random_blocks(t, data, blocks, r);
    c->in[i] = (wt_tensor){
        .dtype = t, .shape = { .rank = 2, .dim = { (int64_t)n, (int64_t)k } }, .data = data, .bytes = bytes
    };
    c->has_in[i] = c->constant[i] = true;
    c->n_in = i + 1;
}

static void whole_numbers(kc_case *c, kc_random *r)
{
    float *x = (float *)wt_tensor_mut(&c->in[0]);
    for (size_t i = 0; i < kc_count(&c->in[0]); i++)
        x[i] = ldexpf((float)(i % 32 == i / 32 % 32 ? 127 : kc_range(r, -127, 127)), -6 + (int)(i / 32 % 3));
}

typedef struct row_error {
    double sum, magnitude, rounding;
} row_error;

static row_error product(const float *x, const float *w, size_t k, bool exact)
{
    row_error e = { 0, 0, 0 };
    for (size_t b = 0; b < k; b += 32) {
        double top = 0, weights = 0;
        for (size_t i = b; i < b + 32; i++) {
            e.sum += (double)x[i] * (double)w[i];
            e.magnitude += fabs((double)x[i] * (double)w[i]);
            top = fmax(top, fabs((double)x[i]));
            weights += fabs((double)w[i]);
        }
        e.rounding += exact ? 0 : top / 127 * 0.501 * weights;
    }
    return e;
}

bool kc_make_linear_block(kc_case *c, size_t index, kc_random *r)
{
    const size_t kinds = WT_ARRAY_LEN(dtypes);
    if (index >= 22 * kinds)
        return false;
    const wt_dtype t = dtypes[index % kinds];
    const size_t round = index / kinds, len = wt_dtype_get(t)->block_len;
    const bool exact = round % 2 == 0, large = round % 11 == 10;
    const size_t m = large ? (size_t)kc_range(r, 257, 300) : round < 14 ? round + 1 : (size_t)kc_range(r, 1, 35);
    const size_t n = large ? 70 : (size_t)kc_range(r, 1, 70), k = len * (size_t)kc_range(r, 1, len > 32 ? 2 : 9);
    const wt_act_params act = kc_range(r, 0, 1) ? kc_pick_act(r) : (wt_act_params){ 0 };
    const int64_t x[] = { (int64_t)m, (int64_t)k }, y[] = { (int64_t)m, (int64_t)n }, wide = (int64_t)n;
    c->op = WT_OP_LINEAR;
    kc_input(c, 0, WT_F32, WT_PLAIN, false, r, 2, x);
    if (exact)
        whole_numbers(c, r);
    raw_input(c, 1, t, n, k, r);
    const bool bias = kc_range(r, 0, 1), res = kc_range(r, 0, 2) == 0;
    if (bias)
        kc_input(c, 2, WT_F32, WT_PLAIN, true, r, 1, &wide);
    if (res)
        kc_input(c, 3, WT_F32, WT_PLAIN, false, r, 2, y);
    kc_output(c, 0, WT_F32, WT_PLAIN, 2, y);
    kc_attr_int(c, "trans_b", 1);
    kc_act_attrs(c, act);
    kc_expect(c, m * n);
    snprintf(c->text, sizeof c->text, "%zu: linear %s %zux%zux%zu act %d%s%s%s", index, wt_dtype_name(t), m, k, n,
             (int)act.act, bias ? " bias" : "", res ? " res" : "", exact ? " exact" : "");
    float *row = kc_alloc(c, k * sizeof *row);
    for (size_t j = 0; j < n; j++) {
        wt_block_codec_get(t)->decode((const char *)c->in[1].data + j * (k / len) * wt_dtype_get(t)->block_bytes, row,
                                      k);
        for (size_t i = 0; i < m; i++) {
            row_error e = product((const float *)c->in[0].data + i * k, row, k, exact);
            e.sum += bias ? kc_get(&c->in[2], j) : 0;
            e.sum += res ? kc_get(&c->in[3], i * n + j) : 0;
            c->want[i * n + j] = kc_act(act, e.sum);
            c->bound[i * n + j] = kc_act_bound(act, e.sum, e.rounding + 6e-7 * (e.magnitude + 2));
        }
    }
    return true;
}

/* --- MatMulNBits -------------------------------------------------------------------------------------------------- */
static void constant_input(kc_case *c, size_t i, wt_dtype t, int rank, const int64_t *dims, kc_random *r)
{
    kc_input(c, i, t, WT_PLAIN, true, r, rank, dims);
    c->n_in = i + 1;
}

typedef struct nbits_shape {
    int64_t bits, block, n, k, m, blocks;
    int zps; /* none, packed, numbers */
} nbits_shape;

/* Element `at` of row j, read bit by bit. */
static double nbits_value(const kc_case *c, const nbits_shape *s, int64_t j, int64_t at)
{
    const int64_t b = at / s->block, bit = at % s->block * s->bits, most = (1 << s->bits) - 1;
    const int64_t row_bytes = s->block * s->bits / 8, zp_bytes = (s->blocks * s->bits + 7) / 8;
    const uint8_t *codes = (const uint8_t *)c->in[1].data + (j * s->blocks + b) * row_bytes;
    double zero = (double)(1 << (s->bits - 1));
    if (s->zps == 1)
        zero = (double)(((const uint8_t *)c->in[3].data)[j * zp_bytes + b * s->bits / 8] >> b * s->bits % 8 & most);
    if (s->zps == 2)
        zero = kc_get(&c->in[3], (size_t)(j * s->blocks + b));
    return ((double)(codes[bit / 8] >> bit % 8 & most) - zero) * kc_get(&c->in[2], (size_t)(j * s->blocks + b));
}

static void nbits_truth(kc_case *c, const nbits_shape *s, bool bias)
{
    for (int64_t u = 0; u < s->m * s->n; u++) {
        const int64_t i = u / s->n, j = u % s->n;
        double sum = bias ? kc_get(&c->in[5], (size_t)j) : 0, magnitude = fabs(sum);
        for (int64_t at = 0; at < s->k; at++) {
            const double part = kc_get(&c->in[0], (size_t)(i * s->k + at)) * nbits_value(c, s, j, at);
            sum += part;
            magnitude += fabs(part);
        }
        c->want[u] = sum;
        c->bound[u] = 2e-6 * (magnitude + 1);
    }
}

/* All widths and blocks, with whole and ragged rows. */
bool kc_make_nbits(kc_case *c, size_t index, kc_random *r)
{
    if (index >= 120)
        return false;
    nbits_shape s = { .bits = index % 3 == 0 ? 8 : index % 3 == 1 ? 4 : 2, .zps = kc_range(r, 0, 2) };
    s.block = 16 << kc_range(r, 0, 3);
    s.k = s.block * kc_range(r, 1, 4) - kc_range(r, 0, 1) * kc_range(r, 0, 15);
    s.n = kc_range(r, 1, 40);
    s.m = kc_range(r, 1, 5);
    s.blocks = (s.k + s.block - 1) / s.block;
    const int64_t codes[] = { s.n, s.blocks, s.block * s.bits / 8 }, packed[] = { s.n, (s.blocks * s.bits + 7) / 8 };
    const bool bias = kc_range(r, 0, 1);
    c->op = WT_OP_MATMULNBITS;
    kc_input(c, 0, WT_F32, WT_PLAIN, false, r, 2, (const int64_t[]){ s.m, s.k });
    constant_input(c, 1, WT_U8, 3, codes, r);
    constant_input(c, 2, WT_F32, 2, (const int64_t[]){ s.n, s.blocks }, r);
    if (s.zps)
        constant_input(c, 3, s.zps == 1 ? WT_U8 : WT_F32, 2, s.zps == 1 ? packed : (const int64_t[]){ s.n, s.blocks },
                       r);
    if (bias)
        constant_input(c, 5, WT_F32, 1, &s.n, r);
    kc_output(c, 0, WT_F32, WT_PLAIN, 2, (const int64_t[]){ s.m, s.n });
    kc_attr_int(c, "K", s.k);
    kc_attr_int(c, "N", s.n);
    kc_attr_int(c, "bits", s.bits);
    kc_attr_int(c, "block_size", s.block);
    kc_expect(c, (size_t)(s.m * s.n));
    snprintf(c->text, sizeof c->text, "%zu: MatMulNBits %d bits of %d, %dx%dx%d, zero points %d%s", index, (int)s.bits,
             (int)s.block, (int)s.m, (int)s.k, (int)s.n, s.zps, bias ? " bias" : "");
    nbits_truth(c, &s, bias);
    return true;
}

/* --- Experts ------------------------------------------------------------------------------------------------------ */
typedef struct network {
    size_t width, hidden;
    bool gated;
    wt_act_params act;
} network;

static void expert_row(const kc_case *c, size_t i, size_t row, size_t k, float *out)
{
    const wt_dtype_info *d = wt_dtype_get(c->in[i].dtype);
    wt_block_codec_get(c->in[i].dtype)
        ->decode((const char *)c->in[i].data + row * (k / d->block_len) * d->block_bytes, out, k);
}

/* One expert's answer to x, and how far rounding x and the hidden values to 8 bits may move it. */
static void one_expert(const kc_case *c, const network *n, size_t e, const float *x, double weight, double *y,
                       double *bound, float *row)
{
    float *hidden = row + 1024;
    double top = 0, slack[512], most[64] = { 0 };
    for (size_t j = 0; j < n->hidden; j++) {
        double gate = 1, steep = 0;
        expert_row(c, 3, e * n->hidden + j, n->width, row);
        const row_error up = product(x, row, n->width, false);
        slack[j] = up.rounding;
        double value = up.sum;
        if (n->gated) {
            expert_row(c, 2, e * n->hidden + j, n->width, row);
            const row_error g = product(x, row, n->width, false);
            gate = kc_act(n->act, g.sum);
            steep = kc_act_bound(n->act, g.sum, g.rounding);
            slack[j] = (fabs(gate) + steep) * up.rounding + fabs(up.sum) * steep;
            value = gate * up.sum;
        } else {
            slack[j] = kc_act_bound(n->act, up.sum, up.rounding);
            value = kc_act(n->act, up.sum);
        }
        hidden[j] = (float)value;
        most[j / 32] = fmax(most[j / 32], fabs(value) + slack[j]);
        top = fmax(top, fabs(value));
    }
    for (size_t k = 0; k < n->width; k++) {
        double sum = 0, moved = 0;
        expert_row(c, 4, e * n->width + k, n->hidden, row);
        for (size_t j = 0; j < n->hidden; j++) {
            sum += (double)hidden[j] * (double)row[j];
            moved += fabs((double)row[j]) * (slack[j] + most[j / 32] / 127 * 0.501 + 1e-6 * top);
        }
        y[k] += weight * sum;
        bound[k] += fabs(weight) * moved + 1e-6;
    }
}

bool kc_make_experts(kc_case *c, size_t index, kc_random *r)
{
    static const wt_dtype types[][2] = {
        { WT_Q8_0, WT_Q8_0 }, { WT_Q4_0, WT_Q8_0 }, { WT_Q4_K, WT_Q6_K }, { WT_Q5_0, WT_Q4_1 }
    };
    if (index >= 24)
        return false;
    const wt_dtype first = types[index % 4][0], second = types[index % 4][1];
    const size_t unit = first == WT_Q4_K ? 256 : 32, tokens = index == 7 ? 300 : (size_t)kc_range(r, 1, 20),
                 experts = (size_t)kc_range(r, 2, 6), top_k = (size_t)kc_range(r, 1, 2);
    const network n = { unit * (size_t)kc_range(r, 1, 256 / (int)unit),
                        unit * (size_t)kc_range(r, 1, 256 / (int)unit),
                        index % 5 != 4,
                        { WT_ACT_SILU, 1, 0 } };
    c->op = WT_OP_EXPERTS;
    kc_input(c, 0, WT_F32, WT_PLAIN, false, r, 2, (int64_t[]){ (int64_t)tokens, (int64_t)n.width });
    kc_input(c, 1, WT_F32, WT_PLAIN, false, r, 2, (int64_t[]){ (int64_t)tokens, (int64_t)experts });
    for (size_t i = n.gated ? 2 : 3; i <= 4; i++) {
        const size_t rows = i == 4 ? n.width : n.hidden, k = i == 4 ? n.hidden : n.width;
        raw_input(c, i, i == 4 ? second : first, experts * rows, k, r);
        c->in[i].shape = (wt_shape){ .rank = 3, .dim = { (int64_t)experts, (int64_t)rows, (int64_t)k } };
    }
    kc_output(c, 0, WT_F32, WT_PLAIN, 2, (int64_t[]){ (int64_t)tokens, (int64_t)n.width });
    kc_attr_int(c, "top_k", (int64_t)top_k);
    kc_act_attrs(c, n.act);
    kc_expect(c, tokens * n.width);
    snprintf(c->text, sizeof c->text, "%zu: %zu of %zu experts %s, %s, %zu tokens, %zu to %zu%s", index, top_k, experts,
             wt_dtype_name(first), wt_dtype_name(second), tokens, n.width, n.hidden, n.gated ? " gated" : "");
    float *room = kc_alloc(c, 2048 * sizeof *room);
    for (size_t t = 0; t < tokens; t++) {
        const float *s = (const float *)c->in[1].data + t * experts;
        size_t best = 0, next = SIZE_MAX;
        for (size_t e = 1; e < experts; e++)
            best = s[e] > s[best] ? e : best;
        for (size_t e = 0; e < experts; e++)
            next = e != best && (next == SIZE_MAX || s[e] > s[next]) ? e : next;
        const double share = top_k == 1 ? 1 : 1 / (1 + exp((double)s[next] - (double)s[best]));
        double *y = c->want + t * n.width, *bound = c->bound + t * n.width;
        one_expert(c, &n, best, (const float *)c->in[0].data + t * n.width, share, y, bound, room);
        if (top_k == 2)
            one_expert(c, &n, next, (const float *)c->in[0].data + t * n.width, 1 - share, y, bound, room);
    }
    return true;
}
