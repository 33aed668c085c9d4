/* binary.c - drives the loops of binary.h, and the arithmetic rows: Add, Sub, Mul, Div, PRelu. */
#include "run/kernels/ref/binary.h"
#include "run/kernels/ref/rows.h"

enum { HALF_BLOCK = 256 };

/* --- the machinery
 * ---------------------------------------------------------------------------------------------------- */
void wt_binary_init(wt_binary *q, wt_binary_fn *fn, const wt_tensor *a, const wt_tensor *b, const wt_tensor *out)
{
    const wt_tensor *const in[2] = { a, b };
    *q = (wt_binary){ .fn = fn,
                      .half = wt_is_half(a->dtype) ? a->dtype : WT_DTYPE_NONE,
                      .half_out = wt_is_half(out->dtype),
                      .in_elem = wt_elem_bytes(a->dtype),
                      .out_elem = wt_elem_bytes(out->dtype),
                      .pad = wt_c16_pad_of(out),
                      .channel = { wt_channel_bytes(a, out), wt_channel_bytes(b, out) } };
    wt_walk_init(&q->walk, in, 2, out);
}

bool wt_binary_accepts(const wt_prep *p, wt_binary_pick *pick, wt_dtype out)
{
    if (p->n_in != 2 || !p->in[0] || !p->in[1] || !p->out[0] || p->in[0]->dtype != p->in[1]->dtype)
        return false;
    const wt_dtype dtype = p->in[0]->dtype;
    return p->out[0]->dtype == (out ? out : dtype) && pick(p, wt_is_half(dtype) ? WT_F32 : dtype) != NULL &&
           wt_walk_accepts(p->in, 2, p->out[0]);
}

wt_status wt_binary_prepare(wt_prep *p, wt_binary_pick *pick, wt_err *err)
{
    const wt_dtype dtype = p->in[0]->dtype;
    wt_binary *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    wt_binary_init(q, pick(p, wt_is_half(dtype) ? WT_F32 : dtype), p->in[0], p->in[1], p->out[0]);
    p->params = q;
    p->max_threads = wt_worth_threads(p, (double)q->walk.total);
    p->scratch_bytes = (q->channel[0] + q->channel[1]) * (size_t)p->max_threads;
    p->flops = (double)q->walk.total;
    return WT_OK;
}

typedef struct binary_rows {
    const wt_binary *q;
    const char *a, *b;
    char *y;
} binary_rows;

static void plain_row(void *arg, const size_t *at, size_t out_at, size_t n)
{
    const binary_rows *w = arg;
    const wt_binary *q = w->q;
    q->fn(w->a + at[0] * q->in_elem, wt_walk_step(&q->walk, 0), w->b + at[1] * q->in_elem, wt_walk_step(&q->walk, 1),
          w->y + out_at * q->out_elem, n);
}

static void half_row(void *arg, const size_t *at, size_t out_at, size_t n)
{
    const binary_rows *w = arg;
    const wt_binary *q = w->q;
    const size_t sa = wt_walk_step(&q->walk, 0), sb = wt_walk_step(&q->walk, 1);
    float a[HALF_BLOCK], b[HALF_BLOCK];
    for (size_t i = 0; i < n; i += HALF_BLOCK) {
        const size_t m = n - i < HALF_BLOCK ? n - i : HALF_BLOCK;
        char *y = w->y + (out_at + i) * q->out_elem;
        wt_half_load(q->half, (const uint16_t *)(const void *)w->a + at[0] + i * sa, a, sa ? m : 1);
        wt_half_load(q->half, (const uint16_t *)(const void *)w->b + at[1] + i * sb, b, sb ? m : 1);
        if (!q->half_out) {
            q->fn(a, sa, b, sb, y, m);
            continue;
        }
        float result[HALF_BLOCK];
        q->fn(a, sa, b, sb, result, m);
        wt_half_store(q->half, result, (uint16_t *)(void *)y, m);
    }
}

void wt_binary_range(const wt_binary *q, const void *a, const void *b, void *y, size_t begin, size_t end)
{
    binary_rows w = { q, a, b, y };
    wt_walk_run(&q->walk, begin, end, q->half ? half_row : plain_row, &w);
    wt_c16_pad_zero(&q->pad, y, q->out_elem, begin, end);
}

wt_status wt_binary_run(const wt_run *r, wt_err *err)
{
    const wt_binary *q = r->params;
    size_t begin, end;
    (void)err;
    wt_split(q->walk.total, 64, r->tid, r->nthreads, &begin, &end);
    if (begin == end)
        return WT_OK;
    char *room = (char *)r->scratch + (size_t)r->tid * (q->channel[0] + q->channel[1]);
    const void *a = q->channel[0] ? wt_channel_copy(r->in[0], q->channel[0], room) : r->in[0]->data;
    const void *b = q->channel[1] ? wt_channel_copy(r->in[1], q->channel[1], room + q->channel[0]) : r->in[1]->data;
    wt_binary_range(q, a, b, wt_tensor_mut(r->out[0]), begin, end);
    return WT_OK;
}

/* --- arithmetic
 * ------------------------------------------------------------------------------------------------------- */
/* Integer division truncates. What has no quotient gives 0 (by zero) or wraps (the smallest by -1): data may be
 * hostile. */
#define DIVIDE_SIGNED(id, type, wide)                                                                                  \
    static inline type divide_##id(type a, type b)                                                                     \
    {                                                                                                                  \
        return b == 0 ? (type)0 : b == -1 ? (type)((wide)0 - (wide)a) : (type)(a / b);                                 \
    }
#define DIVIDE_UNSIGNED(id, type, wide)                                                                                \
    static inline type divide_##id(type a, type b) { return b == 0 ? (type)0 : (type)(a / b); }
WT_SIGNED_TYPES(DIVIDE_SIGNED)
WT_UNSIGNED_TYPES(DIVIDE_UNSIGNED)

#define FLOAT_LOOPS(id, type, wide)                                                                                    \
    WT_BINARY_LOOP(add_##id, type, type, a + b)                                                                        \
    WT_BINARY_LOOP(sub_##id, type, type, a - b)                                                                        \
    WT_BINARY_LOOP(mul_##id, type, type, a *b)                                                                         \
    WT_BINARY_LOOP(div_##id, type, type, a / b)                                                                        \
    WT_BINARY_LOOP(max_##id, type, type, a > b || a != a ? a : b)                                                      \
    WT_BINARY_LOOP(min_##id, type, type, a < b || a != a ? a : b)                                                      \
    WT_BINARY_LOOP(prelu_##id, type, type, a < 0 ? a * b : a)
#define INT_LOOPS(id, type, wide)                                                                                      \
    WT_BINARY_LOOP(add_##id, type, type, (wide)a + (wide)b)                                                            \
    WT_BINARY_LOOP(sub_##id, type, type, (wide)a - (wide)b)                                                            \
    WT_BINARY_LOOP(mul_##id, type, type, (wide)a *(wide)b)                                                             \
    WT_BINARY_LOOP(div_##id, type, type, divide_##id(a, b))                                                            \
    WT_BINARY_LOOP(max_##id, type, type, a > b ? a : b)                                                                \
    WT_BINARY_LOOP(min_##id, type, type, a < b ? a : b)
#define PRELU_SIGNED(id, type, wide)   WT_BINARY_LOOP(prelu_##id, type, type, a < 0 ? (wide)a * (wide)b : (wide)a)
#define PRELU_UNSIGNED(id, type, wide) WT_BINARY_LOOP(prelu_##id, type, type, ((void)b, a))
WT_FLOAT_TYPES(FLOAT_LOOPS)
WT_INT_TYPES(INT_LOOPS)
WT_SIGNED_TYPES(PRELU_SIGNED)
WT_UNSIGNED_TYPES(PRELU_UNSIGNED)

#define ADD(id, type, wide)   [WT_##id] = add_##id,
#define SUB(id, type, wide)   [WT_##id] = sub_##id,
#define MUL(id, type, wide)   [WT_##id] = mul_##id,
#define DIV(id, type, wide)   [WT_##id] = div_##id,
#define MAX(id, type, wide)   [WT_##id] = max_##id,
#define MIN(id, type, wide)   [WT_##id] = min_##id,
#define PRELU(id, type, wide) [WT_##id] = prelu_##id,
static wt_binary_fn *const add_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(ADD) };
static wt_binary_fn *const sub_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(SUB) };
static wt_binary_fn *const mul_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(MUL) };
static wt_binary_fn *const div_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(DIV) };
static wt_binary_fn *const max_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(MAX) };
static wt_binary_fn *const min_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(MIN) };
static wt_binary_fn *const prelu_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(PRELU) };

static wt_binary_fn *pick_arithmetic(const wt_prep *p, wt_dtype dtype)
{
    switch (p->op) {
    case WT_OP_ADD: return add_table[dtype];
    case WT_OP_SUB: return sub_table[dtype];
    case WT_OP_MUL: return mul_table[dtype];
    case WT_OP_DIV: return div_table[dtype];
    case WT_OP_PRELU: return prelu_table[dtype];
    default: return NULL;
    }
}

wt_binary_fn *wt_binary_fold(wt_opcode op, wt_dtype dtype)
{
    return op == WT_OP_MAX   ? max_table[dtype]
           : op == WT_OP_MIN ? min_table[dtype]
           : op == WT_OP_MUL ? mul_table[dtype]
                             : add_table[dtype];
}

static bool arithmetic_accepts(const wt_prep *p) { return wt_binary_accepts(p, pick_arithmetic, WT_DTYPE_NONE); }
static wt_status arithmetic_prepare(wt_prep *p, wt_err *err) { return wt_binary_prepare(p, pick_arithmetic, err); }

#define ROW(code, text)                                                                                                \
    {                                                                                                                  \
        .name = text "_ref", .op = code, .accepts = arithmetic_accepts, .prepare = arithmetic_prepare,                 \
        .run = wt_binary_run, .in_place = true                                                                         \
    }
const wt_kernel wt_binary_rows[] = {
    ROW(WT_OP_ADD, "add"), ROW(WT_OP_SUB, "sub"),     ROW(WT_OP_MUL, "mul"),
    ROW(WT_OP_DIV, "div"), ROW(WT_OP_PRELU, "prelu"), { .name = NULL },
};
