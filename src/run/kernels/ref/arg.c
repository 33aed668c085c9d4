/* arg.c - ArgMax, ArgMin and TopK. */
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/types.h"
#include "run/kernels/ref/walk.h"

enum { STRIP = 64, BLOCK = 256 };

/* The tensor as [outer, n, inner], the axis in the middle. */
typedef struct lanes {
    size_t outer, n, inner, elem;
} lanes;

static wt_status lanes_init(lanes *l, const wt_prep *p, int64_t fallback, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape;
    const int axis = wt_axis(wt_attr_int(p->attrs, "axis", fallback), x->rank, false);
    if (axis < 0)
        return wt_fail(err, WT_EFORMAT, "%s: axis does not exist in a tensor of rank %d", p->op_type, x->rank);
    *l = (lanes){ .outer = (size_t)wt_shape_product(x, 0, axis),
                  .n = (size_t)x->dim[axis],
                  .inner = (size_t)wt_shape_product(x, axis + 1, x->rank),
                  .elem = wt_elem_bytes(p->in[0]->dtype) };
    return WT_OK;
}

/* --- ArgMax, ArgMin
 * ---------------------------------------------------------------------------------------------------- */
/* Indices of the extrema of `width` columns, each of n elements `inner` apart. */
typedef void arg_fn(const void *x, size_t n, size_t inner, size_t width, bool last, int64_t *y);
#define ARG_LOOP(name, type, better)                                                                                   \
    static void name(const void *vx, size_t n, size_t inner, size_t width, bool last, int64_t *y)                      \
    {                                                                                                                  \
        const type *x = vx;                                                                                            \
        type best[STRIP];                                                                                              \
        for (size_t k = 0; k < width; k++) {                                                                           \
            best[k] = x[k];                                                                                            \
            y[k] = 0;                                                                                                  \
        }                                                                                                              \
        for (size_t i = 1; i < n; i++)                                                                                 \
            for (size_t k = 0; k < width; k++) {                                                                       \
                const type v = x[i * inner + k];                                                                       \
                if (v better best[k] || (last && v == best[k])) {                                                      \
                    best[k] = v;                                                                                       \
                    y[k] = (int64_t)i;                                                                                 \
                }                                                                                                      \
            }                                                                                                          \
    }
#define ARG_LOOPS(id, type, wide) ARG_LOOP(max_##id, type, >) ARG_LOOP(min_##id, type, <)
WT_NATIVE_TYPES(ARG_LOOPS)
#define MAX(id, type, wide) [WT_##id] = max_##id,
#define MIN(id, type, wide) [WT_##id] = min_##id,
static arg_fn *const max_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(MAX) };
static arg_fn *const min_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(MIN) };

typedef struct arg_params {
    lanes l;
    arg_fn *fn;
    bool last;
} arg_params;

static bool arg_accepts(const wt_prep *p)
{
    return wt_has_in(p, 0) && wt_out_is(p, 0, WT_I64) && max_table[p->in[0]->dtype] && wt_all_plain(p);
}

static wt_status arg_prepare(wt_prep *p, wt_err *err)
{
    arg_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(lanes_init(&q->l, p, 0, err));
    if (q->l.n == 0)
        return wt_fail(err, WT_EFORMAT, "%s: the axis is empty", p->op_type);
    q->fn = (p->op == WT_OP_ARGMAX ? max_table : min_table)[p->in[0]->dtype];
    q->last = wt_attr_int(p->attrs, "select_last_index", 0) != 0;
    p->params = q;
    p->max_threads = wt_worth_threads(p, (double)wt_count(p->in[0]));
    return WT_OK;
}

static wt_status arg_run(const wt_run *r, wt_err *err)
{
    const arg_params *q = r->params;
    const lanes *l = &q->l;
    const size_t strips = (l->inner + STRIP - 1) / STRIP;
    int64_t *y = wt_tensor_mut(r->out[0]);
    size_t begin, end;
    (void)err;
    wt_split(l->outer * strips, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        const size_t row = u / strips, k = u % strips * STRIP, width = l->inner - k < STRIP ? l->inner - k : STRIP;
        q->fn((const char *)r->in[0]->data + (row * l->n * l->inner + k) * l->elem, l->n, l->inner, width, q->last,
              y + row * l->inner + k);
    }
    return WT_OK;
}

const wt_kernel wt_arg_rows[] = {
    { .name = "argmax_ref", .op = WT_OP_ARGMAX, .accepts = arg_accepts, .prepare = arg_prepare, .run = arg_run },
    WT_HALF_ROW("argmax_half_ref", WT_OP_ARGMAX),
    { .name = "argmin_ref", .op = WT_OP_ARGMIN, .accepts = arg_accepts, .prepare = arg_prepare, .run = arg_run },
    WT_HALF_ROW("argmin_half_ref", WT_OP_ARGMIN),
    { .name = NULL },
};

/* --- TopK
 * -------------------------------------------------------------------------------------------------------------- Values
 * become integer keys in the wanted order (one code for all types), and a heap of k keeps the best seen, its worst on
 * top: n log k steps. Among equals the lower index is better. */
typedef struct topk_params {
    lanes l;
    size_t k;
    bool largest, ints;
    wt_dtype dtype;
} topk_params;

typedef struct candidate {
    int64_t key;
    int64_t index;
} candidate;

static bool topk_accepts(const wt_prep *p)
{
    if (!wt_has_in(p, 0) || !wt_has_in(p, 1) || p->n_out < 1 || !wt_all_plain(p))
        return false;
    const wt_dtype t = p->in[0]->dtype;
    return (wt_dtype_is_float(t) || wt_is_int(t)) && (!wt_has_out(p, 0) || p->out[0]->dtype == t) &&
           (!wt_has_out(p, 1) || p->out[1]->dtype == WT_I64);
}

static wt_status topk_prepare(wt_prep *p, wt_err *err)
{
    const wt_tensor *out = wt_has_out(p, 0) ? p->out[0] : p->out[1];
    topk_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(lanes_init(&q->l, p, -1, err));
    const int axis = wt_axis(wt_attr_int(p->attrs, "axis", -1), out->shape.rank, false);
    q->k = axis < 0 ? 0 : (size_t)out->shape.dim[axis];
    if (q->k > q->l.n)
        return wt_fail(err, WT_EFORMAT, "TopK: %zu of %zu elements", q->k, q->l.n);
    q->dtype = p->in[0]->dtype;
    q->ints = wt_is_int(q->dtype);
    q->largest = wt_attr_int(p->attrs, "largest", 1) != 0;
    p->params = q;
    p->max_threads = wt_worth_threads(p, 4.0 * (double)wt_count(p->in[0]));
    p->scratch_bytes = wt_align_up(q->k * sizeof(candidate), 64) * (size_t)p->max_threads;
    return WT_OK;
}

/* Doubles in the order of integers: NaN above infinity, -0 equal to 0. */
static int64_t key_of_real(double v)
{
    int64_t bits;
    v += 0.0;
    memcpy(&bits, &v, sizeof bits);
    return bits < 0 ? bits ^ INT64_MAX : bits;
}

static bool worse(const candidate *a, const candidate *b)
{
    return a->key < b->key || (a->key == b->key && a->index > b->index);
}

static void sift_down(candidate *heap, size_t n, size_t i)
{
    const candidate moved = heap[i];
    for (size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        child += child + 1 < n && worse(&heap[child + 1], &heap[child]);
        if (!worse(&heap[child], &moved))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = moved;
}

static void offer(candidate *heap, size_t *have, size_t k, candidate c)
{
    if (*have < k) {
        heap[(*have)++] = c;
        if (*have == k)
            for (size_t i = k / 2; i-- > 0;)
                sift_down(heap, k, i);
    } else if (worse(&heap[0], &c)) {
        heap[0] = c;
        sift_down(heap, k, 0);
    }
}

/* Keys of elements [first, first + n) of a lane. */
static void load_keys(const topk_params *q, const char *x, size_t first, size_t n, int64_t *key)
{
    char packed[BLOCK * 8];
    double real[BLOCK];
    const size_t elem = q->l.elem, step = q->l.inner * elem;
    const char *from = x + first * step;
    if (q->l.inner != 1) {
        for (size_t i = 0; i < n; i++)
            memcpy(packed + i * elem, from + i * step, elem);
        from = packed;
    }
    if (q->ints) {
        wt_convert(from, q->dtype, key, WT_I64, n, true, NULL);
        for (size_t i = 0; q->dtype == WT_U64 && i < n; i++)
            key[i] ^= INT64_MIN;
    } else {
        wt_convert(from, q->dtype, real, WT_F64, n, true, NULL);
        for (size_t i = 0; i < n; i++)
            key[i] = key_of_real(real[i]);
    }
    for (size_t i = 0; !q->largest && i < n; i++)
        key[i] = ~key[i];
}

static void select_lane(const topk_params *q, const char *x, candidate *heap)
{
    int64_t key[BLOCK];
    size_t have = 0;
    for (size_t first = 0; first < q->l.n && q->k; first += BLOCK) {
        const size_t n = q->l.n - first < BLOCK ? q->l.n - first : BLOCK;
        load_keys(q, x, first, n, key);
        for (size_t i = 0; i < n; i++)
            offer(heap, &have, q->k, (candidate){ key[i], (int64_t)(first + i) });
    }
    for (size_t n = q->k; n > 1; n--) { /* the worst goes last */
        const candidate last = heap[n - 1];
        heap[n - 1] = heap[0];
        heap[0] = last;
        sift_down(heap, n - 1, 0);
    }
}

static wt_status topk_run(const wt_run *r, wt_err *err)
{
    const topk_params *q = r->params;
    const lanes *l = &q->l;
    candidate *heap = (candidate *)(void *)((char *)r->scratch +
                                            (size_t)r->tid * wt_align_up(q->k * sizeof(candidate), 64));
    char *values = r->out[0] ? wt_tensor_mut(r->out[0]) : NULL;
    int64_t *indices = r->n_out > 1 && r->out[1] ? wt_tensor_mut(r->out[1]) : NULL;
    size_t begin, end;
    (void)err;
    wt_split(l->outer * l->inner, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        const size_t row = u / l->inner, col = u % l->inner;
        const char *x = (const char *)r->in[0]->data + (row * l->n * l->inner + col) * l->elem;
        select_lane(q, x, heap);
        for (size_t i = 0; i < q->k; i++) {
            const size_t to = (row * q->k + i) * l->inner + col;
            if (values)
                memcpy(values + to * l->elem, x + (size_t)heap[i].index * l->inner * l->elem, l->elem);
            if (indices)
                indices[to] = heap[i].index;
        }
    }
    return WT_OK;
}

const wt_kernel wt_topk_rows[] = {
    { .name = "topk_ref", .op = WT_OP_TOPK, .accepts = topk_accepts, .prepare = topk_prepare, .run = topk_run },
    { .name = NULL },
};
