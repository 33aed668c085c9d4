/* op_harness.c - see op_harness.h. */
#include "op_harness.h"
#include "base/hash.h"
#include "model/shape/shape.h"
#include "run/pack.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { THREADS = 3, LIMIT = 16 << 20 };

/* --- memory that ends at a guard page
 * ------------------------------------------------------------------------------------ */
static void *guarded(op_test *t, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (bytes + page - 1) / page * page;
    assert_true(t->n_blocks < OP_MAX_BLOCKS);
    char *map = mmap(NULL, body + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map + body, page, PROT_NONE), 0);
    memset(map, 0xa5, body);
    t->blocks[t->n_blocks++] = (struct op_block){ map, body + page };
    return map + body - bytes;
}

void op_begin(op_test *t, wt_opcode op)
{
    wt_context_options options = wt_context_defaults();
    wt_err err;
    memset(t, 0, sizeof *t);
    t->op = op;
    options.threads = THREADS;
    wt_test_ok(wt_context_open(&t->ctx, &options, &err), &err);
    wt_test_ok(wt_pack_open(&t->packs, t->ctx, &err), &err);
    wt_arena_init(&t->arena, t->ctx);
}

void op_end(op_test *t)
{
    for (size_t i = 0; i < t->n_blocks; i++)
        munmap(t->blocks[i].map, t->blocks[i].bytes);
    wt_pack_close(t->packs);
    wt_arena_free(&t->arena);
    wt_test_context_close(t->ctx);
}

/* --- describing
 * -------------------------------------------------------------------------------------------------------- */
static wt_shape shape_of(const char *text)
{
    wt_shape s = { .rank = 0 };
    if (strcmp(text, "scalar") == 0)
        return s;
    if (strcmp(text, "?") == 0)
        return (wt_shape){ .rank = -1 };
    while (*text) {
        char *end;
        assert_true(s.rank < WT_MAX_RANK);
        if (*text == '?') {
            s.dim[s.rank++] = WT_DIM_ANY;
            end = (char *)(uintptr_t)text + 1;
        } else {
            s.dim[s.rank++] = strtoll(text, &end, 10);
        }
        text = *end == 'x' ? end + 1 : end;
    }
    return s;
}

void op_in(op_test *t, wt_dtype dtype, const char *shape, const void *data)
{
    assert_true(t->n_in < OP_MAX_IN);
    wt_tensor *x = &t->in[t->n_in];
    *x = (wt_tensor){ .dtype = dtype, .shape = shape_of(shape) };
    if (data) {
        assert_true(wt_tensor_size(x, &x->bytes));
        void *copy = guarded(t, x->bytes);
        memcpy(copy, data, x->bytes);
        x->data = copy;
    }
    t->given[t->n_in++] = true;
}

void op_f32(op_test *t, const char *shape, const float *data) { op_in(t, WT_F32, shape, data); }
void op_f64(op_test *t, const char *shape, const double *data) { op_in(t, WT_F64, shape, data); }
void op_i64(op_test *t, const char *shape, const int64_t *data) { op_in(t, WT_I64, shape, data); }
void op_i32(op_test *t, const char *shape, const int32_t *data) { op_in(t, WT_I32, shape, data); }
void op_u8(op_test *t, const char *shape, const uint8_t *data) { op_in(t, WT_U8, shape, data); }
void op_bool(op_test *t, const char *shape, const uint8_t *data) { op_in(t, WT_BOOL, shape, data); }
void op_omit(op_test *t) { t->given[t->n_in++] = false; }
void op_hide(op_test *t) { t->hidden[t->n_in - 1] = true; }

void op_random(op_test *t, wt_dtype dtype, const char *shape, double low, double high, uint64_t seed)
{
    wt_tensor x = { .dtype = dtype, .shape = shape_of(shape) };
    int64_t n;
    assert_true(wt_shape_count(&x.shape, &n) && wt_tensor_size(&x, &x.bytes));
    const size_t elem = wt_dtype_get(dtype)->block_bytes;
    char *data = malloc(x.bytes + 1);
    assert_non_null(data);
    for (int64_t i = 0; i < n; i++) {
        const double v = low + (high - low) * wt_random_unit(&seed);
        assert_int_equal(wt_convert(&v, WT_F64, data + (size_t)i * elem, dtype, 1, true, NULL), WT_OK);
    }
    op_in(t, dtype, shape, data);
    free(data);
}

static wt_attr *attr_new(op_test *t, const char *name, wt_attr_type type, size_t count)
{
    assert_true(t->n_attrs < OP_MAX_ATTRS);
    wt_attr *a = &t->attrs[t->n_attrs++];
    *a = (wt_attr){ .name = name, .type = type, .count = count };
    return a;
}
void op_int(op_test *t, const char *name, int64_t v) { attr_new(t, name, WT_ATTR_INT, 1)->v.i = v; }
void op_float(op_test *t, const char *name, float v) { attr_new(t, name, WT_ATTR_FLOAT, 1)->v.f = v; }
void op_text(op_test *t, const char *name, const char *v)
{
    attr_new(t, name, WT_ATTR_STRING, 1)->v.s = (wt_string){ v, strlen(v) };
}
void op_ints(op_test *t, const char *name, const int64_t *v, size_t n)
{
    int64_t *copy = wt_arena_alloc(&t->arena, n + 1, sizeof *copy, NULL);
    assert_non_null(copy);
    memcpy(copy, v, n * sizeof *v);
    attr_new(t, name, WT_ATTR_INTS, n)->v.ints = copy;
}
void op_tensor(op_test *t, const char *name, wt_dtype dtype, const char *shape, const void *data)
{
    wt_tensor *x = wt_arena_alloc(&t->arena, 1, sizeof *x, NULL);
    assert_non_null(x);
    *x = (wt_tensor){ .dtype = dtype, .shape = shape_of(shape), .data = data };
    assert_true(wt_tensor_size(x, &x->bytes));
    attr_new(t, name, WT_ATTR_TENSOR, 1)->v.tensor = x;
}

/* --- C16
 * --------------------------------------------------------------------------------------------------------------- */
/* Byte offset of plain element i in a C16 tensor. */
static size_t c16_at(const wt_tensor *t, size_t i)
{
    const size_t plane = (size_t)wt_shape_product(&t->shape, 2, t->shape.rank), c = (size_t)t->shape.dim[1];
    const size_t s = i % plane, ch = i / plane % c, n = i / plane / c;
    return (((n * ((c + 15) / 16) + ch / 16) * plane + s) * 16 + ch % 16) * wt_dtype_get(t->dtype)->block_bytes;
}

static void to_c16(op_test *t, wt_tensor *x)
{
    const char *plain = x->data;
    const size_t elem = wt_dtype_get(x->dtype)->block_bytes;
    int64_t n;
    assert_true(wt_shape_count(&x->shape, &n));
    x->layout = WT_C16;
    assert_true(wt_tensor_size(x, &x->bytes));
    char *blocked = guarded(t, x->bytes);
    memset(blocked, 0, x->bytes);
    for (int64_t i = 0; i < n; i++)
        memcpy(blocked + c16_at(x, (size_t)i), plain + (size_t)i * elem, elem);
    x->data = blocked;
}

void op_c16(op_test *t) { to_c16(t, &t->in[t->n_in - 1]); }

float op_at(const op_test *t, size_t o, size_t i)
{
    const wt_tensor *y = &t->out[o];
    float v;
    const size_t at = y->layout == WT_C16 ? c16_at(y, i) : i * sizeof v;
    memcpy(&v, (const char *)y->data + at, sizeof v);
    return v;
}

/* --- running
 * ----------------------------------------------------------------------------------------------------------- */
typedef struct team_run {
    const wt_kernel *kernel;
    wt_run run;
    wt_status status[THREADS];
    wt_err err[THREADS];
} team_run;

static void run_member(void *arg, wt_team *team, int tid, int nthreads)
{
    team_run *m = arg;
    wt_run r = m->run;
    r.team = nthreads > 1 ? team : NULL;
    r.tid = tid;
    r.nthreads = nthreads;
    m->err[tid].offset = WT_NO_OFFSET;
    m->status[tid] = m->kernel->run(&r, &m->err[tid]);
}

static wt_status run_threads(op_test *t, const wt_kernel *k, const wt_prep *p, const wt_tensor *const *in,
                             wt_tensor *const *out, int threads, wt_err *err)
{
    struct wt_pool *pool;
    team_run m = { .kernel = k };
    m.run = (wt_run){ .params = p->params,
                      .in = in,
                      .n_in = t->n_in,
                      .out = out,
                      .n_out = t->n_out,
                      .texts = &t->arena,
                      .scratch = p->scratch_bytes ? guarded(t, wt_align_up(p->scratch_bytes, 64)) : NULL };
    WT_TRY(wt_context_pool(t->ctx, &pool, err));
    wt_pool_run(pool, threads, run_member, &m);
    for (int i = 0; i < threads; i++)
        if (m.status[i] != WT_OK) {
            *err = m.err[i];
            return m.status[i];
        }
    return WT_OK;
}

static const char *op_name(wt_opcode op) { return wt_op_get(op)->name; }

static wt_status infer(op_test *t, size_t n_out, wt_err *err)
{
    const wt_tensor *in[OP_MAX_IN];
    wt_tensor seen[OP_MAX_IN];
    for (size_t i = 0; i < t->n_in; i++) {
        seen[i] = t->in[i];
        in[i] = t->given[i] ? &seen[i] : NULL;
    }
    t->n_out = n_out;
    for (size_t i = 0; i < n_out; i++)
        t->out[i] = (wt_tensor){ .shape.rank = -1 };
    const wt_attrs attrs = { t->attrs, t->n_attrs };
    wt_infer c = { .op_type = op_name(t->op),
                   .attrs = &attrs,
                   .in = in,
                   .n_in = t->n_in,
                   .out = t->out,
                   .n_out = n_out,
                   .arena = &t->arena };
    return wt_op_get(t->op)->infer(&c, err);
}

static wt_status run_all(op_test *t, size_t n_out, wt_err *err)
{
    const wt_tensor *in[OP_MAX_IN], *seen[OP_MAX_IN], *types[OP_MAX_OUT];
    wt_tensor hidden[OP_MAX_IN], *out[OP_MAX_OUT];
    WT_TRY(infer(t, n_out, err));
    for (size_t i = 0; i < n_out; i++) {
        t->out[i].layout = t->out_layout;
        if (!wt_tensor_size(&t->out[i], &t->out[i].bytes))
            return wt_fail(err, WT_EUNSUPPORTED, "the rule leaves output %zu open", i);
        if (t->out[i].bytes > LIMIT)
            return wt_fail(err, WT_ELIMIT, "output %zu takes %zu bytes", i, t->out[i].bytes);
        t->out[i].data = guarded(t, t->out[i].bytes);
        types[i] = out[i] = &t->out[i];
    }
    for (size_t i = 0; i < t->n_in; i++) {
        hidden[i] = t->in[i];
        hidden[i].data = t->hidden[i] ? NULL : hidden[i].data;
        seen[i] = t->given[i] ? &hidden[i] : NULL;
        in[i] = t->given[i] ? &t->in[i] : NULL;
    }
    const wt_attrs attrs = { t->attrs, t->n_attrs };
    wt_prep p = { .ctx = t->ctx,
                  .op = t->op,
                  .op_type = op_name(t->op),
                  .node_name = "node",
                  .attrs = &attrs,
                  .in = seen,
                  .n_in = t->n_in,
                  .out = types,
                  .n_out = n_out,
                  .threads = THREADS,
                  .cpu = 0,
                  .arena = &t->arena,
                  .packs = t->packs,
                  .max_threads = 1 };
    const wt_kernel *k = wt_kernel_pick(&p, t->only);
    if (!k)
        return wt_fail(err, WT_EUNSUPPORTED, "no row takes this case");
    t->kernel = k->name;
    if (k->prepare)
        WT_TRY(k->prepare(&p, err));
    assert_true(p.max_threads == 1 || p.max_threads == THREADS);
    if (p.scratch_bytes > 8 * (size_t)LIMIT)
        return wt_fail(err, WT_ELIMIT, "%zu bytes of scratch", p.scratch_bytes);
    WT_TRY(run_threads(t, k, &p, in, out, 1, err));
    t->threaded = p.max_threads > 1;
    if (!t->threaded)
        return WT_OK;
    void *alone[OP_MAX_OUT];
    for (size_t i = 0; i < n_out; i++) {
        alone[i] = wt_tensor_mut(&t->out[i]);
        t->out[i].data = guarded(t, t->out[i].bytes);
    }
    WT_TRY(run_threads(t, k, &p, in, out, THREADS, err));
    for (size_t i = 0; i < n_out; i++)
        assert_memory_equal(alone[i], t->out[i].data, t->out[i].bytes);
    return WT_OK;
}

wt_status op_try(op_test *t, size_t n_out, wt_err *err) { return run_all(t, n_out, err); }

void op_run(op_test *t, size_t n_out)
{
    wt_err err = { .offset = WT_NO_OFFSET };
    wt_test_ok(run_all(t, n_out, &err), &err);
}

void op_refused(op_test *t, size_t n_out, wt_status status, const char *part)
{
    wt_err err = { .offset = WT_NO_OFFSET };
    wt_test_refused(run_all(t, n_out, &err), status, &err, part);
}

void op_infer(op_test *t, size_t n_out)
{
    wt_err err = { .offset = WT_NO_OFFSET };
    wt_test_ok(infer(t, n_out, &err), &err);
}

/* --- expecting
 * --------------------------------------------------------------------------------------------------------- */
void op_expect_shape(const op_test *t, size_t o, wt_dtype dtype, const char *shape)
{
    char have[128];
    assert_string_equal(wt_shape_text(&t->out[o].shape, NULL, have, sizeof have), shape);
    assert_string_equal(wt_dtype_get(t->out[o].dtype)->name, wt_dtype_get(dtype)->name);
}

static void near(double have, double want, size_t i)
{
    if (have == want || (isnan(have) && isnan(want)))
        return;
    const double size = fabs(want) > 1 ? fabs(want) : 1;
    if (!(fabs(have - want) <= 1e-5 * size))
        fail_msg("element %zu is %.9g, expected %.9g", i, have, want);
}

void op_expect_f32(const op_test *t, size_t o, const char *shape, const float *want)
{
    int64_t n;
    op_expect_shape(t, o, WT_F32, shape);
    assert_true(wt_shape_count(&t->out[o].shape, &n));
    for (int64_t i = 0; i < n; i++)
        near((double)op_at(t, o, (size_t)i), (double)want[i], (size_t)i);
}

void op_expect_f64(const op_test *t, size_t o, const char *shape, const double *want)
{
    int64_t n;
    op_expect_shape(t, o, WT_F64, shape);
    assert_true(wt_shape_count(&t->out[o].shape, &n));
    for (int64_t i = 0; i < n; i++)
        near(((const double *)t->out[o].data)[i], want[i], (size_t)i);
}

void op_expect(const op_test *t, size_t o, wt_dtype dtype, const char *shape, const void *want)
{
    op_expect_shape(t, o, dtype, shape);
    if (t->out[o].bytes)
        assert_memory_equal(t->out[o].data, want, t->out[o].bytes);
}

void op_expect_i64(const op_test *t, size_t o, const char *shape, const int64_t *want)
{
    int64_t n;
    op_expect_shape(t, o, WT_I64, shape);
    assert_true(wt_shape_count(&t->out[o].shape, &n));
    for (int64_t i = 0; i < n; i++)
        assert_int_equal(((const int64_t *)t->out[o].data)[i], want[i]);
}

void op_check_c16(op_test *t)
{
    wt_tensor plain_in[OP_MAX_IN];
    int64_t n;
    op_run(t, 1);
    const wt_tensor plain = t->out[0];
    assert_true(wt_shape_count(&plain.shape, &n));
    memcpy(plain_in, t->in, sizeof plain_in);
    for (size_t i = 0; i < t->n_in; i++)
        if (t->given[i] && t->in[i].shape.rank == 4 && t->in[i].shape.dim[1] == plain.shape.dim[1] &&
            t->in[i].shape.dim[1] > 1 && t->in[i].shape.dim[2] * t->in[i].shape.dim[3] > 1)
            to_c16(t, &t->in[i]);
    t->out_layout = WT_C16;
    op_run(t, 1);
    const size_t elem = wt_dtype_get(plain.dtype)->block_bytes;
    char *rest = malloc(t->out[0].bytes + 1);
    assert_non_null(rest);
    memcpy(rest, t->out[0].data, t->out[0].bytes);
    for (int64_t i = 0; i < n; i++) {
        assert_memory_equal(rest + c16_at(&t->out[0], (size_t)i), (const char *)plain.data + (size_t)i * elem, elem);
        memset(rest + c16_at(&t->out[0], (size_t)i), 0, elem);
    }
    for (size_t i = 0; i < t->out[0].bytes; i += elem) { /* -0.0 is a zero too */
        float v = 0;
        if (plain.dtype == WT_F32)
            memcpy(&v, rest + i, sizeof v);
        else
            v = rest[i];
        assert_true(v == 0);
    }
    free(rest);
    memcpy(t->in, plain_in, sizeof plain_in);
    t->out_layout = WT_PLAIN;
    t->out[0] = plain;
}
