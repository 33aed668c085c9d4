/* nn_half.c - half-precision cases of any operator through its float32 kernels. See nn_rows.h.
 *
 * Constants are converted once (in the pack cache), activations on every run; the work is split over the members with a
 * barrier before and after the inner kernel. */
#include "run/kernels/ref/nn_rows.h"

enum { MAX_IN = 16, MAX_OUT = 4 };

typedef struct half_slot {
    bool convert;
    const void *constant; /* converted once; NULL: at `offset` of the scratch, every run */
    size_t offset;
    wt_tensor type; /* as the inner kernel sees it */
} half_slot;

typedef struct half_params {
    const wt_kernel *inner;
    const void *inner_params;
    size_t inner_scratch; /* offset */
    half_slot in[MAX_IN], out[MAX_OUT];
} half_params;

static bool is_half(const wt_tensor *t) { return t && (t->dtype == WT_F16 || t->dtype == WT_BF16); }

bool wt_half_accepts(const wt_prep *p)
{
    wt_tensor types[MAX_IN + MAX_OUT];
    const wt_tensor *in[MAX_IN], *out[MAX_OUT];
    wt_prep inner = *p;
    bool any = false;
    if (p->n_in > MAX_IN || p->n_out > MAX_OUT)
        return false;
    for (size_t i = 0; i < p->n_in + p->n_out; i++) {
        const wt_tensor *t = i < p->n_in ? p->in[i] : p->out[i - p->n_in];
        if (t)
            types[i] = *t;
        if (is_half(t)) {
            types[i].dtype = WT_F32;
            types[i].data = NULL;
            any = true;
        }
        *(i < p->n_in ? &in[i] : &out[i - p->n_in]) = t ? &types[i] : NULL;
    }
    inner.in = in;
    inner.out = out;
    return any && wt_kernel_pick(&inner, NULL);
}

static wt_status add_scratch(half_slot *s, size_t *total, wt_err *err)
{
    size_t bytes;
    s->offset = *total;
    if (!wt_tensor_size(&s->type, &bytes) || wt_add_overflows(*total, wt_align_up(bytes, 64), total))
        return wt_fail(err, WT_ENOMEM, "a float32 copy of a half-precision tensor is too large");
    s->type.bytes = bytes;
    return WT_OK;
}

static wt_status fill_constant(void *arg, void *packed, wt_err *err)
{
    const wt_tensor *t = arg;
    return wt_convert(t->data, t->dtype, packed, WT_F32, wt_count(t), false, err);
}

static wt_status prepare_in(wt_prep *p, size_t i, half_slot *s, size_t *total, wt_err *err)
{
    const wt_tensor *t = p->in[i];
    if (!t)
        return WT_OK;
    s->type = *t;
    s->convert = is_half(t);
    if (!s->convert)
        return WT_OK;
    s->type.dtype = WT_F32;
    s->type.data = NULL;
    if (!t->data || !p->packs || t->layout != WT_PLAIN)
        return add_scratch(s, total, err);
    const wt_pack_key key = { .data = t->data, .kind = "half_to_f32", .dims = { t->dtype, (int64_t)t->bytes } };
    wt_tensor source = *t;
    if (!wt_tensor_size(&s->type, &s->type.bytes))
        return wt_fail(err, WT_ENOMEM, "a float32 copy of a half-precision constant is too large");
    WT_TRY(wt_pack_get(p->packs, &key, s->type.bytes, fill_constant, &source, &s->constant, err));
    s->type.data = s->constant;
    return WT_OK;
}

static wt_status prepare_out(wt_prep *p, size_t i, half_slot *s, size_t *total, wt_err *err)
{
    if (!p->out[i])
        return WT_OK;
    s->type = *p->out[i];
    s->convert = is_half(p->out[i]);
    if (!s->convert)
        return WT_OK;
    s->type.dtype = WT_F32;
    return add_scratch(s, total, err);
}

wt_status wt_half_prepare(wt_prep *p, wt_err *err)
{
    const wt_tensor *in[MAX_IN], *out[MAX_OUT];
    half_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    wt_prep inner = *p;
    size_t total = 0;
    if (!q)
        return WT_ENOMEM;
    for (size_t i = 0; i < p->n_in; i++) {
        WT_TRY(prepare_in(p, i, &q->in[i], &total, err));
        in[i] = p->in[i] ? &q->in[i].type : NULL;
    }
    for (size_t i = 0; i < p->n_out; i++) {
        WT_TRY(prepare_out(p, i, &q->out[i], &total, err));
        out[i] = p->out[i] ? &q->out[i].type : NULL;
    }
    inner.in = in;
    inner.out = out;
    inner.scratch_bytes = 0;
    q->inner = wt_kernel_pick(&inner, NULL);
    if (!q->inner)
        return wt_fail(err, WT_EUNSUPPORTED, "%s: no float32 kernel takes this case", p->op_type);
    if (q->inner->prepare)
        WT_TRY(q->inner->prepare(&inner, err));
    q->inner_params = inner.params;
    q->inner_scratch = total;
    if (wt_add_overflows(total, inner.scratch_bytes, &p->scratch_bytes))
        return wt_fail(err, WT_ENOMEM, "%s: too much scratch memory", p->op_type);
    p->params = q;
    p->max_threads = inner.max_threads;
    p->flops = inner.flops;
    p->bytes = inner.bytes;
    return WT_OK;
}

/* This member's part of one tensor. */
static wt_status convert_part(const wt_run *r, const wt_tensor *from, void *to, wt_dtype dtype, wt_err *err)
{
    const size_t have = wt_dtype_get(from->dtype)->block_bytes, want = wt_dtype_get(dtype)->block_bytes;
    size_t bytes, begin, end;
    if (!wt_tensor_size(from, &bytes))
        return wt_fail(err, WT_EINTERNAL, "a tensor of unknown size reached a kernel");
    wt_split(bytes / have, 64, r->tid, r->nthreads, &begin, &end);
    if (begin == end)
        return WT_OK;
    return wt_convert((const char *)from->data + begin * have, from->dtype, (char *)to + begin * want, dtype,
                      end - begin, false, err);
}

static void meet(const wt_run *r)
{
    if (r->nthreads > 1)
        wt_team_barrier(r->team, r->tid);
}

wt_status wt_half_run(const wt_run *r, wt_err *err)
{
    const half_params *q = r->params;
    wt_tensor in_types[MAX_IN], out_types[MAX_OUT];
    const wt_tensor *in[MAX_IN];
    wt_tensor *out[MAX_OUT];
    char *scratch = r->scratch;
    wt_run inner = *r;
    wt_status st = WT_OK, inner_st;
    for (size_t i = 0; i < r->n_in; i++) {
        in[i] = r->in[i];
        if (!q->in[i].convert || !r->in[i])
            continue;
        in_types[i] = q->in[i].type;
        in_types[i].data = q->in[i].constant ? q->in[i].constant : scratch + q->in[i].offset;
        if (!q->in[i].constant && st == WT_OK)
            st = convert_part(r, r->in[i], scratch + q->in[i].offset, WT_F32, err);
        in[i] = &in_types[i];
    }
    for (size_t i = 0; i < r->n_out; i++) {
        out[i] = r->out[i];
        if (!q->out[i].convert || !r->out[i])
            continue;
        out_types[i] = q->out[i].type;
        out_types[i].data = scratch + q->out[i].offset;
        out[i] = &out_types[i];
    }
    inner.params = q->inner_params;
    inner.in = in;
    inner.out = out;
    inner.scratch = scratch + q->inner_scratch;
    meet(r);
    inner_st = q->inner->run(&inner, st == WT_OK ? err : NULL);
    meet(r);
    for (size_t i = 0; i < r->n_out && st == WT_OK && inner_st == WT_OK; i++)
        if (q->out[i].convert && r->out[i])
            st = convert_part(r, out[i], wt_tensor_mut(r->out[i]), r->out[i]->dtype, err);
    return st != WT_OK ? st : inner_st;
}
