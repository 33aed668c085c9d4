/* kernel_check.c - guarded buffers, cases, and the loop over rows and threads. See kernel_check.h. */
#include "run/kernel_check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/hash.h"
#include "run/pack.h"
#include "support/test.h"

enum { MAX_ROWS = 512, COMPLAINTS = 4 };
static struct reached {
    const wt_kernel *row;
    size_t runs, complaints;
} rows[MAX_ROWS];
static size_t n_rows;

static struct reached *row_of(const wt_kernel *k)
{
    for (size_t i = 0; i < n_rows; i++)
        if (rows[i].row == k)
            return &rows[i];
    assert_true(n_rows < MAX_ROWS);
    rows[n_rows].row = k;
    return &rows[n_rows++];
}
size_t kc_rows_reached(const wt_kernel *k) { return row_of(k)->runs; }

/* --- random ---------------------------------------------------------------------------------------------------- */

uint32_t kc_next(kc_random *r)
{
    r->state = r->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t x = r->state;
    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(x >> 32);
}
int kc_range(kc_random *r, int lo, int hi) { return lo + (int)(kc_next(r) % (uint32_t)(hi - lo + 1)); }
float kc_uniform(kc_random *r, float lo, float hi) { return lo + (hi - lo) * (float)(kc_next(r) >> 8) / 16777216.0f; }

/* --- memory ---------------------------------------------------------------------------------------------------- */

static kc_block *block_new(kc_case *c)
{
    assert_true(c->n_blocks < KC_MAX_BLOCKS);
    return &c->blocks[c->n_blocks++];
}

void *kc_alloc(kc_case *c, size_t bytes)
{
    kc_block *b = block_new(c);
    b->data = calloc(bytes ? bytes : 1, 1);
    assert_non_null(b->data);
    return b->data;
}

void *kc_guarded(kc_case *c, size_t bytes, size_t align)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), body = wt_align_up(bytes ? bytes : 1, page);
    kc_block *b = block_new(c);
    b->bytes = body + 2 * page;
    b->map = mmap(NULL, b->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(b->map != MAP_FAILED);
    char *first = (char *)b->map + page;
    assert_int_equal(mprotect(b->map, page, PROT_NONE), 0);
    assert_int_equal(mprotect(first + body, page, PROT_NONE), 0);
    b->data = c->low ? first : first + body - wt_align_up(bytes, align);
    return b->data;
}

void kc_free(kc_case *c)
{
    for (size_t i = 0; i < c->n_blocks; i++)
        if (c->blocks[i].map)
            munmap(c->blocks[i].map, c->blocks[i].bytes);
        else
            free(c->blocks[i].data);
    c->n_blocks = 0;
}

/* --- tensors --------------------------------------------------------------------------------------------------- */

size_t kc_count(const wt_tensor *t)
{
    int64_t n = 0;
    assert_true(wt_shape_count(&t->shape, &n));
    return (size_t)n;
}

size_t kc_position(const wt_tensor *t, size_t logical)
{
    if (t->layout == WT_PLAIN)
        return logical;
    const size_t size = (size_t)wt_shape_product(&t->shape, 2, t->shape.rank), c = (size_t)t->shape.dim[1];
    const size_t s = logical % size, ch = logical / size % c, n = logical / size / c;
    return ((n * ((c + 15) / 16) + ch / 16) * size + s) * 16 + ch % 16;
}

double kc_get(const wt_tensor *t, size_t logical)
{
    const size_t i = kc_position(t, logical);
    switch (t->dtype) {
    case WT_F32: return ((const float *)t->data)[i];
    case WT_I32: return ((const int32_t *)t->data)[i];
    case WT_U8: return ((const uint8_t *)t->data)[i];
    case WT_F16: return wt_f16_to_f32(((const uint16_t *)t->data)[i]);
    case WT_BF16: return wt_bf16_to_f32(((const uint16_t *)t->data)[i]);
    default: return ((const int8_t *)t->data)[i];
    }
}

void kc_set(wt_tensor *t, size_t logical, double v)
{
    const size_t i = kc_position(t, logical);
    void *data = wt_tensor_mut(t);
    switch (t->dtype) {
    case WT_F32: ((float *)data)[i] = (float)v; break;
    case WT_I32: ((int32_t *)data)[i] = (int32_t)v; break;
    case WT_U8: ((uint8_t *)data)[i] = (uint8_t)v; break;
    case WT_F16: ((uint16_t *)data)[i] = wt_f32_to_f16((float)v); break;
    case WT_BF16: ((uint16_t *)data)[i] = wt_f32_to_bf16((float)v); break;
    default: ((int8_t *)data)[i] = (int8_t)v; break;
    }
}

static double random_value(wt_dtype t, kc_random *r)
{
    if (t == WT_F32 || t == WT_F16 || t == WT_BF16)
        return kc_uniform(r, -1, 1);
    if (t == WT_I32)
        return kc_range(r, -1000, 1000);
    /* one value in four is an extreme: saturation shows with extremes only */
    const int lo = t == WT_U8 ? 0 : -128, hi = lo + 255;
    const int pick = kc_range(r, 0, 7);
    return pick == 0 ? lo : pick == 1 ? hi : kc_range(r, lo, hi);
}

static void tensor_make(kc_case *c, wt_tensor *t, wt_dtype type, wt_layout layout, int rank, const int64_t *dims)
{
    *t = (wt_tensor){ .dtype = type, .layout = layout, .shape = wt_shape_make(rank, dims) };
    assert_true(wt_tensor_size(t, &t->bytes));
    t->data = kc_guarded(c, t->bytes, wt_dtype_get(type)->block_bytes);
}

void kc_input(kc_case *c, size_t i, wt_dtype t, wt_layout layout, bool constant, kc_random *r, int rank,
              const int64_t *dims)
{
    tensor_make(c, &c->in[i], t, layout, rank, dims);
    const size_t n = kc_count(&c->in[i]);
    if (t != WT_F32 && layout == WT_C16) /* lanes behind the last channel may hold anything */
        memset(wt_tensor_mut(&c->in[i]), 0xa5, c->in[i].bytes);
    for (size_t k = 0; k < n; k++)
        kc_set(&c->in[i], k, random_value(t, r));
    c->has_in[i] = true;
    c->constant[i] = constant;
    if (i >= c->n_in)
        c->n_in = i + 1;
}

void kc_output(kc_case *c, size_t i, wt_dtype t, wt_layout layout, int rank, const int64_t *dims)
{
    tensor_make(c, &c->out[i], t, layout, rank, dims);
    if (i >= c->n_out)
        c->n_out = i + 1;
}

static wt_attr *attr_new(kc_case *c, const char *name, wt_attr_type type, size_t count)
{
    assert_true(c->n_attrs < KC_MAX_ATTR);
    wt_attr *a = &c->attrs[c->n_attrs++];
    *a = (wt_attr){ .name = name, .type = type, .count = count };
    return a;
}
void kc_attr_int(kc_case *c, const char *name, int64_t v) { attr_new(c, name, WT_ATTR_INT, 1)->v.i = v; }
void kc_attr_float(kc_case *c, const char *name, float v) { attr_new(c, name, WT_ATTR_FLOAT, 1)->v.f = v; }
void kc_attr_string(kc_case *c, const char *name, const char *v)
{
    attr_new(c, name, WT_ATTR_STRING, 1)->v.s = (wt_string){ v, strlen(v) };
}
void kc_attr_ints(kc_case *c, const char *name, size_t n, const int64_t *v)
{
    int64_t *copy = kc_alloc(c, n * sizeof *copy);
    memcpy(copy, v, n * sizeof *copy);
    attr_new(c, name, WT_ATTR_INTS, n)->v.ints = copy;
}
void kc_attr_floats(kc_case *c, const char *name, size_t n, const float *v)
{
    float *copy = kc_alloc(c, n * sizeof *copy);
    memcpy(copy, v, n * sizeof *copy);
    attr_new(c, name, WT_ATTR_FLOATS, n)->v.floats = copy;
}

void kc_expect(kc_case *c, size_t n)
{
    c->want = kc_alloc(c, n * sizeof *c->want);
    c->bound = kc_alloc(c, n * sizeof *c->bound);
}

double kc_act(wt_act_params a, double x)
{
    const double hard = fmin(1, fmax(0, (double)a.alpha * x + (double)a.beta));
    switch (a.act) {
    case WT_ACT_RELU: return fmax(0, x);
    case WT_ACT_CLIP: return fmin((double)a.beta, fmax((double)a.alpha, x));
    case WT_ACT_LEAKY: return x < 0 ? (double)a.alpha * x : x;
    case WT_ACT_SIGMOID: return 1 / (1 + exp(-x));
    case WT_ACT_HARDSIGMOID: return hard;
    case WT_ACT_HARDSWISH: return x * hard;
    case WT_ACT_SILU: return x / (1 + exp(-(double)a.alpha * x));
    case WT_ACT_TANH: return tanh(x);
    case WT_ACT_GELU: return 0.5 * x * erfc(-x * sqrt(0.5));
    case WT_ACT_GELU_TANH: return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    default: return x;
    }
}

/* --- running --------------------------------------------------------------------------------------------------- */

typedef struct job {
    const wt_kernel *row;
    wt_run run;
    wt_status status[8];
} job;

static void member(void *arg, wt_team *team, int tid, int nthreads)
{
    job *j = arg;
    wt_run run = j->run;
    run.team = nthreads > 1 ? team : NULL;
    run.tid = tid, run.nthreads = nthreads;
    j->status[tid] = j->row->run(&run, NULL);
}

static void complain(const wt_kernel *k, const kc_case *c, int threads, const char *fmt, ...) WT_PRINTF(4, 5);
static void complain(const wt_kernel *k, const kc_case *c, int threads, const char *fmt, ...)
{
    if (row_of(k)->complaints++ >= COMPLAINTS)
        return;
    va_list ap;
    fprintf(stderr, "%s [%s] %d thread(s): ", k->name, c->text, threads);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

static bool values_fit(const wt_kernel *k, const kc_case *c, int threads)
{
    const wt_tensor *y = &c->out[0];
    for (size_t i = 0, n = kc_count(y); i < n; i++) {
        const double got = kc_get(y, i), diff = fabs(got - c->want[i]);
        if (diff > c->bound[i] || isnan(got) != isnan(c->want[i])) {
            complain(k, c, threads, "element %zu of %zu is %.9g, not %.9g: off by %.3g, allowed %.3g", i, n, got,
                     c->want[i], diff, c->bound[i]);
            return false;
        }
    }
    return true;
}

static bool tail_is_zero(const wt_kernel *k, const kc_case *c, int threads)
{
    const wt_tensor *y = &c->out[0];
    if (y->layout != WT_C16 || y->dtype != WT_F32 || y->shape.dim[1] % 16 == 0)
        return true;
    const size_t size = (size_t)wt_shape_product(&y->shape, 2, y->shape.rank), lanes = (size_t)y->shape.dim[1] % 16;
    const size_t blocks = ((size_t)y->shape.dim[1] + 15) / 16;
    for (size_t n = 0; n < (size_t)y->shape.dim[0]; n++)
        for (size_t s = 0; s < size; s++)
            for (size_t l = lanes; l < 16; l++)
                if (((const float *)y->data)[(((n + 1) * blocks - 1) * size + s) * 16 + l] != 0) {
                    complain(k, c, threads, "lane %zu behind the last channel is not zero", l);
                    return false;
                }
    return true;
}

typedef struct bench {
    wt_context *ctx;
    wt_pool *pool[4]; /* by thread count */
    wt_pack_cache *packs;
    uint32_t cpu;
} bench;

static wt_prep prep_of(const bench *b, const kc_case *c, const wt_tensor **in, const wt_tensor **out, wt_tensor *types,
                       wt_arena *arena, int threads)
{
    for (size_t i = 0; i < c->n_in; i++) {
        in[i] = NULL;
        if (!c->has_in[i])
            continue;
        types[i] = c->in[i];
        if (!c->constant[i])
            types[i].data = NULL;
        in[i] = &types[i];
    }
    for (size_t i = 0; i < c->n_out; i++)
        out[i] = &c->out[i];
    return (wt_prep){ .ctx = b->ctx,
                      .op = c->op,
                      .op_type = wt_op_get(c->op)->name,
                      .node_name = "case",
                      .attrs = NULL,
                      .in = in,
                      .n_in = c->n_in,
                      .out = out,
                      .n_out = c->n_out,
                      .threads = threads,
                      .cpu = b->cpu,
                      .arena = arena,
                      .packs = b->packs,
                      .max_threads = 1 };
}

/* One run; false when the row does not accept the case. *ok: results are right. *used: threads that ran. */
static bool run_row(bench *b, const wt_kernel *k, kc_case *c, int threads, bool *ok, int *used)
{
    const wt_tensor *in[KC_MAX_IN], *out[KC_MAX_OUT];
    wt_tensor types[KC_MAX_IN], *out_mut[KC_MAX_OUT];
    const wt_attrs attrs = { c->attrs, c->n_attrs };
    wt_arena arena;
    wt_err err = { 0 };
    wt_arena_init(&arena, b->ctx);
    wt_prep prep = prep_of(b, c, in, out, types, &arena, threads);
    prep.attrs = &attrs;
    if (k->accepts && !k->accepts(&prep)) {
        wt_arena_free(&arena);
        return false;
    }
    if (k->prepare)
        wt_test_ok(k->prepare(&prep, &err), &err);
    kc_case memory = { .low = c->low };
    for (size_t i = 0; i < c->n_in; i++)
        in[i] = c->has_in[i] ? &c->in[i] : NULL;
    for (size_t i = 0; i < c->n_out; i++) {
        out_mut[i] = &c->out[i];
        memset(wt_tensor_mut(&c->out[i]), 0x7f, c->out[i].bytes);
    }
    const size_t scratch = wt_align_up(prep.scratch_bytes, 64);
    *used = prep.max_threads < threads ? prep.max_threads : threads;
    job j = { .row = k,
              .run = { .params = prep.params,
                       .in = in,
                       .n_in = c->n_in,
                       .out = out_mut,
                       .n_out = c->n_out,
                       .scratch = scratch ? kc_guarded(&memory, scratch, 64) : NULL } };
    if (scratch)
        memset(j.run.scratch, 0x7f, scratch);
    wt_pool_run(b->pool[*used], *used, member, &j);
    *ok = true;
    for (int t = 0; t < *used; t++)
        if (j.status[t] != WT_OK)
            complain(k, c, threads, "run failed with status %d", (int)j.status[t]), *ok = false;
    *ok = *ok && values_fit(k, c, threads) && tail_is_zero(k, c, threads);
    kc_free(&memory);
    wt_arena_free(&arena);
    return true;
}

static bool same_bits(const kc_case *c, const void *first)
{
    for (size_t i = 0, n = kc_count(&c->out[0]), size = wt_dtype_get(c->out[0].dtype)->block_bytes; i < n; i++) {
        const size_t at = kc_position(&c->out[0], i) * size;
        if (memcmp((const char *)first + at, (const char *)c->out[0].data + at, size) != 0)
            return false;
    }
    return true;
}

static void check_row(bench *b, const wt_kernel *k, kc_case *c, kc_totals *totals)
{
    kc_case memory = { 0 };
    void *first = NULL;
    bool ok = true;
    for (int threads = 1; threads <= 3 && ok; threads++) {
        int used = 0;
        if (!run_row(b, k, c, threads, &ok, &used))
            break;
        row_of(k)->runs++;
        totals->runs++;
        if (!first) {
            first = kc_alloc(&memory, c->out[0].bytes);
            memcpy(first, c->out[0].data, c->out[0].bytes);
        } else if (ok && !same_bits(c, first)) {
            complain(k, c, threads, "other bits than with one thread");
            ok = false;
        }
        if (used < threads)
            break; /* more threads would change nothing */
    }
    totals->failures += !ok;
    kc_free(&memory);
}

static void bench_open(bench *b)
{
    wt_err err = { 0 };
    b->ctx = wt_test_context();
    for (int t = 1; t <= 3; t++)
        wt_test_ok(wt_pool_open(&b->pool[t], b->ctx, t, &err), &err);
    b->cpu = wt_cpu_detect();
}
static void bench_close(bench *b)
{
    for (int t = 1; t <= 3; t++)
        wt_pool_close(b->pool[t]);
    wt_test_context_close(b->ctx);
}

/* Under the sanitizers, whose loops take twenty times as long, one case in four; which, has no pattern that the cases
 * could share. */
static bool left_out(size_t index)
{
    uint64_t state = index;
    return WT_ASAN && wt_random(&state) % 4;
}

void kc_run_suite(const kc_suite *suite, const wt_kernel *const *tables, kc_totals *totals)
{
    bench b = { 0 };
    kc_random r = { 0x9e3779b97f4a7c15u };
    bench_open(&b);
    for (size_t index = 0;; index++) {
        if (left_out(index))
            continue;
        kc_case c = { .low = index % 2 };
        wt_err err = { 0 };
        if (!suite->make(&c, index, &r)) {
            kc_free(&c);
            break;
        }
        totals->cases++;
        wt_test_ok(wt_pack_open(&b.packs, b.ctx, &err),
                   &err); /* addresses of constants come again with the next case */
        for (const wt_kernel *const *table = tables; *table; table++)
            for (const wt_kernel *k = *table; k->name; k++)
                if (k->op == c.op && !(k->need & ~b.cpu))
                    check_row(&b, k, &c, totals);
        wt_pack_close(b.packs);
        kc_free(&c);
    }
    bench_close(&b);
}
