/* kernel_cases_kv.c - KvAttention over paged caches of every type, against softmax in double precision. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "run/kernel_cases.h"
#include "run/kernels/kv.h"
#include "support/test.h"

enum { PAGE = 32, MAX_TOKENS = 128, MAX_SEQUENCES = 3 };

typedef struct attention {
    int64_t tokens, heads, kv_heads, dim, v_dim, pages, max_pages, sequences, window;
    double scale, softcap, alibi;
    wt_dtype dtype;
    bool sinks;
} attention;

static void pick(attention *a, size_t index, kc_random *r)
{
    static const wt_dtype dtypes[] = { WT_F16, WT_F32, WT_Q8_0, WT_Q4_0 };
    static const struct {
        int64_t heads, kv_heads, dim, v_dim;
    } heads[] = { { 9, 3, 64, 64 }, { 4, 1, 256, 256 }, { 2, 2, 32, 32 },
                  { 6, 2, 96, 64 }, { 70, 1, 32, 32 },  { 5, 5, 16, 48 } };
    const size_t h = index / 2 % WT_ARRAY_LEN(heads);
    *a = (attention){
        .heads = heads[h].heads, .kv_heads = heads[h].kv_heads, .dim = heads[h].dim, .v_dim = heads[h].v_dim
    };
    a->dtype = a->dim % 32 || a->v_dim % 32 ? dtypes[index % 2] : dtypes[index / 4 % 4];
    a->tokens = index % 2 ? kc_range(r, 9, MAX_TOKENS) : kc_range(r, 1, 8);
    a->sequences = index % 3 == 2 ? MAX_SEQUENCES : 1;
    a->max_pages = kc_range(r, 5, index % 8 ? 8 : 70);
    a->pages = a->max_pages * a->sequences;
    a->window = index % 5 == 3 ? kc_range(r, 1, 100) : 0;
    a->scale = 0.3;
    a->softcap = index % 7 == 4 ? 2 : 0;
    a->alibi = index % 11 == 5 ? 8 : 0;
    a->sinks = index % 6 == 1;
}

static int32_t *ints(kc_case *c, size_t i, int rank, int64_t d0, int64_t d1)
{
    const size_t n = (size_t)(rank == 2 ? d0 * d1 : d0);
    int32_t *data = kc_guarded(c, n * 4, 4);
    c->in[i] = (wt_tensor){
        .dtype = WT_I32, .shape = { .rank = rank, .dim = { d0, d1 } }, .data = data, .bytes = n * 4
    };
    c->has_in[i] = true;
    c->n_in = i + 1 > c->n_in ? i + 1 : c->n_in;
    return data;
}

static void cache(kc_case *c, size_t i, const attention *a, int64_t dim, kc_random *r)
{
    const size_t row = wt_kv_row_bytes(a->dtype, dim), n = (size_t)(a->pages * a->kv_heads * PAGE);
    char *data = kc_guarded(c, n * row, 2);
    float x[256];
    for (size_t k = 0; k < n; k++) {
        for (int64_t d = 0; d < dim; d++)
            x[d] = kc_uniform(r, -1, 1);
        wt_kv_store(a->dtype, x, data + k * row, (size_t)dim);
    }
    c->in[i] = (wt_tensor){ .dtype = a->dtype,
                            .shape = { .rank = 4, .dim = { a->pages, a->kv_heads, PAGE, dim } },
                            .data = data,
                            .bytes = n * row };
    c->has_in[i] = true;
    c->n_in = i + 1 > c->n_in ? i + 1 : c->n_in;
}

/* Sequences have their pages in a random order; tokens go on where their sequence stands. */
static void places(kc_case *c, const attention *a, kc_random *r)
{
    int32_t *at = ints(c, 5, 1, a->tokens, 0), *slot = ints(c, 6, 1, a->tokens, 0),
            *owner = ints(c, 7, 1, a->tokens, 0), *pages = ints(c, 8, 2, a->sequences, a->max_pages),
            length[MAX_SEQUENCES];
    for (int64_t i = 0; i < a->pages; i++) {
        const int64_t j = kc_range(r, 0, (int)i);
        pages[i] = pages[j];
        pages[j] = (int32_t)i;
    }
    const int room = (int)(a->max_pages * PAGE - a->tokens);
    for (int64_t s = 0; s < a->sequences; s++)
        length[s] = room > 0 ? kc_range(r, 0, room) : 0;
    int32_t now = 0;
    for (int64_t t = 0; t < a->tokens; t++) {
        if (a->sequences > 1 && kc_range(r, 0, 9) == 0)
            now = kc_range(r, 0, (int)a->sequences - 1);
        owner[t] = now;
        at[t] = length[now]++;
        slot[t] = pages[now * a->max_pages + at[t] / PAGE] * PAGE + at[t] % PAGE;
    }
    for (int64_t s = 0; s < a->sequences; s++)
        for (int64_t i = (length[s] + PAGE - 1) / PAGE; i < a->max_pages; i++)
            pages[s * a->max_pages + i] = -1;
}

/* What a row does first: here for the truth; rows write the same bytes again. */
static void append(kc_case *c, const attention *a)
{
    const int32_t *slot = (const int32_t *)c->in[6].data;
    for (size_t i = 1; i <= 2; i++) {
        const size_t dim = (size_t)(i == 1 ? a->dim : a->v_dim), row = wt_kv_row_bytes(a->dtype, (int64_t)dim);
        char *data = wt_tensor_mut(&c->in[i + 2]);
        for (int64_t t = 0; t < a->tokens; t++)
            for (int64_t g = 0; g < a->kv_heads; g++)
                wt_kv_store(a->dtype, (const float *)c->in[i].data + (size_t)(t * a->kv_heads + g) * dim,
                            data + wt_kv_offset(slot[t] / PAGE, g, slot[t] % PAGE, a->kv_heads, PAGE, row), dim);
    }
}

static void load(const kc_case *c, const attention *a, size_t i, int64_t owner, int64_t j, int64_t g, float *out)
{
    const int64_t dim = i == 3 ? a->dim : a->v_dim;
    const size_t row = wt_kv_row_bytes(a->dtype, dim);
    const int32_t page = ((const int32_t *)c->in[8].data)[owner * a->max_pages + j / PAGE];
    wt_kv_load(a->dtype, (const char *)c->in[i].data + wt_kv_offset(page, g, j % PAGE, a->kv_heads, PAGE, row), out,
               (size_t)dim);
}

static void expect_head(kc_case *c, const attention *a, int64_t t, int64_t h)
{
    const int64_t at = ((const int32_t *)c->in[5].data)[t], owner = ((const int32_t *)c->in[7].data)[t];
    const int64_t g = h / (a->heads / a->kv_heads), low = a->window && at >= a->window ? at - a->window + 1 : 0;
    const float *q = (const float *)c->in[0].data + (t * a->heads + h) * a->dim;
    double *s = calloc((size_t)at + 1, sizeof *s), top = -INFINITY, sum = 0, loose = 0;
    double *y = c->want + (t * a->heads + h) * a->v_dim, *bound = c->bound + (t * a->heads + h) * a->v_dim;
    float x[256];
    int64_t n = 1;
    while (2 * n <= a->heads)
        n *= 2;
    const double slope = a->alibi == 0 ? 0
                         : h < n       ? pow(2, -a->alibi / (double)n * (double)(h + 1))
                                       : pow(2, -a->alibi / 2 / (double)n * (double)(2 * (h - n) + 1));
    for (int64_t j = low; j <= at; j++) {
        double magnitude = 0;
        load(c, a, 3, owner, j, g, x);
        for (int64_t d = 0; d < a->dim; d++) {
            s[j] += (double)q[d] * (double)x[d];
            magnitude += fabs((double)q[d] * (double)x[d]);
        }
        s[j] = a->softcap != 0 ? a->softcap * tanh(s[j] * a->scale / a->softcap) : s[j] * a->scale;
        s[j] -= slope * (double)(at - j);
        loose = fmax(loose, magnitude * a->scale + fabs(s[j]));
        top = fmax(top, s[j]);
    }
    if (a->sinks)
        sum = exp(kc_get(&c->in[9], (size_t)h) - top);
    for (int64_t j = low; j <= at; j++)
        sum += s[j] = exp(s[j] - top);
    for (int64_t j = low; j <= at; j++) {
        load(c, a, 4, owner, j, g, x);
        for (int64_t d = 0; d < a->v_dim; d++) {
            y[d] += s[j] / sum * (double)x[d];
            bound[d] += s[j] / sum * fabs((double)x[d]);
        }
    }
    for (int64_t d = 0; d < a->v_dim; d++)
        bound[d] = bound[d] * (1e-6 * loose + 3e-6) + 1e-7;
    free(s);
}

bool kc_make_kv_attention(kc_case *c, size_t index, kc_random *r)
{
    attention a;
    if (index >= 132)
        return false;
    pick(&a, index, r);
    const int64_t t = a.tokens;
    c->op = WT_OP_KVATTENTION;
    kc_input(c, 0, WT_F32, WT_PLAIN, false, r, 2, (int64_t[]){ t, a.heads * a.dim });
    kc_input(c, 1, WT_F32, WT_PLAIN, false, r, 2, (int64_t[]){ t, a.kv_heads * a.dim });
    kc_input(c, 2, WT_F32, WT_PLAIN, false, r, 2, (int64_t[]){ t, a.kv_heads * a.v_dim });
    cache(c, 3, &a, a.dim, r);
    cache(c, 4, &a, a.v_dim, r);
    places(c, &a, r);
    if (a.sinks)
        kc_input(c, 9, WT_F32, WT_PLAIN, true, r, 1, &a.heads);
    kc_output(c, 0, WT_F32, WT_PLAIN, 2, (int64_t[]){ t, a.heads * a.v_dim });
    kc_attr_int(c, "heads", a.heads);
    kc_attr_int(c, "kv_heads", a.kv_heads);
    kc_attr_int(c, "window", a.window);
    kc_attr_float(c, "scale", (float)a.scale);
    kc_attr_float(c, "softcap", (float)a.softcap);
    kc_attr_float(c, "alibi", (float)a.alibi);
    snprintf(c->text, sizeof c->text, "%zu: %d tokens, %d/%d heads of %d/%d, %s, %d sequences, window %d%s%s%s", index,
             (int)t, (int)a.heads, (int)a.kv_heads, (int)a.dim, (int)a.v_dim, wt_dtype_name(a.dtype), (int)a.sequences,
             (int)a.window, a.softcap != 0 ? " softcap" : "", a.alibi != 0 ? " alibi" : "", a.sinks ? " sinks" : "");
    append(c, &a);
    kc_expect(c, (size_t)(t * a.heads * a.v_dim));
    a.scale = (double)(float)a.scale;
    for (int64_t i = 0; i < t; i++)
        for (int64_t h = 0; h < a.heads; h++)
            expect_head(c, &a, i, h);
    return true;
}
