/* pad.c - Pad (constant, edge, reflect, wrap; negative pads cut) and CenterCropPad. */
#include "model/shape/shape.h"
#include "run/kernels/ref/move.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/remap.h"
#include "run/kernels/ref/rows.h"

typedef enum pad_mode { PAD_CONSTANT, PAD_EDGE, PAD_REFLECT, PAD_WRAP } pad_mode;

static bool read_mode(const wt_prep *p, pad_mode *mode)
{
    *mode = PAD_CONSTANT;
    if (p->op == WT_OP_CENTERCROPPAD || !wt_attr_find(p->attrs, "mode") || wt_attr_is(p->attrs, "mode", "constant"))
        return true;
    *mode = wt_attr_is(p->attrs, "mode", "edge")      ? PAD_EDGE
            : wt_attr_is(p->attrs, "mode", "reflect") ? PAD_REFLECT
                                                      : PAD_WRAP;
    return *mode != PAD_WRAP || wt_attr_is(p->attrs, "mode", "wrap");
}

static bool pad_accepts(const wt_prep *p)
{
    pad_mode mode;
    if (!wt_has_in(p, 0) || !wt_has_out(p, 0) || p->in[0]->dtype != p->out[0]->dtype ||
        wt_elem_bytes(p->in[0]->dtype) == 0)
        return false;
    if (p->op == WT_OP_PAD && wt_has_in(p, 2) && (p->in[2]->dtype != p->in[0]->dtype || wt_count(p->in[2]) != 1))
        return false;
    return read_mode(p, &mode) && wt_all_plain(p);
}

/* Where position i (before the first: negative) of an axis of n elements comes from. */
static int64_t source_of(pad_mode mode, int64_t i, int64_t n)
{
    if (i >= 0 && i < n)
        return i;
    if (n == 0 || mode == PAD_CONSTANT)
        return -1;
    if (mode == PAD_EDGE)
        return i < 0 ? 0 : n - 1;
    const int64_t period = mode == PAD_WRAP ? n : n > 1 ? 2 * (n - 1) : 1;
    i %= period;
    i += i < 0 ? period : 0;
    return i < n ? i : period - i;
}

static wt_status read_pads(const wt_prep *p, wt_pads *pads, wt_err *err)
{
    const wt_infer c = { .op_type = p->op_type, .attrs = p->attrs, .in = p->in, .n_in = p->n_in };
    WT_TRY(p->op == WT_OP_PAD ? wt_pads_read(&c, pads, err) : wt_center_crop_read(&c, pads, err));
    if (pads->state != WT_KNOWN)
        return wt_fail(err, WT_EUNSUPPORTED, "%s: the target must be known before the first run", p->op_type);
    return WT_OK;
}

static wt_status pad_prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape, *y = &p->out[0]->shape;
    wt_remap *m = wt_arena_alloc(p->arena, 1, sizeof *m, err);
    pad_mode mode;
    wt_pads pads;
    if (!m)
        return WT_ENOMEM;
    read_mode(p, &mode);
    WT_TRY(read_pads(p, &pads, err));
    wt_remap_begin(m, wt_elem_bytes(p->in[0]->dtype));
    for (int d = 0; d < x->rank; d++) {
        int64_t *map = NULL;
        if (x->dim[d] + pads.before[d] + pads.after[d] != y->dim[d])
            return wt_fail(err, WT_EFORMAT, "%s: the pads of axis %d do not lead to the output's shape", p->op_type, d);
        if (mode != PAD_CONSTANT && x->dim[d] == 0 && y->dim[d] > 0)
            return wt_fail(err, WT_EFORMAT, "%s: axis %d is empty: there is nothing to pad it with", p->op_type, d);
        if (pads.before[d] || pads.after[d]) {
            map = wt_arena_alloc(p->arena, (size_t)y->dim[d], sizeof *map, err);
            if (!map)
                return WT_ENOMEM;
            for (int64_t i = 0; i < y->dim[d]; i++)
                map[i] = source_of(mode, i - pads.before[d], x->dim[d]);
        }
        wt_remap_axis(m, (size_t)x->dim[d], (size_t)y->dim[d], map);
    }
    WT_TRY(wt_remap_finish(m, p->arena, err));
    p->params = m;
    p->max_threads = wt_move_threads(p, wt_remap_bytes(m));
    return WT_OK;
}

static wt_status pad_run(const wt_run *r, wt_err *err)
{
    (void)err;
    const void *fill = wt_run_has(r, 2) ? r->in[2]->data : NULL;
    wt_remap_run_part(r->params, r->in[0]->data, wt_tensor_mut(r->out[0]), fill, r->tid, r->nthreads);
    return WT_OK;
}

const wt_kernel wt_pad_rows[] = {
    { .name = "pad_ref", .op = WT_OP_PAD, .accepts = pad_accepts, .prepare = pad_prepare, .run = pad_run },
    { .name = "centercroppad_ref",
      .op = WT_OP_CENTERCROPPAD,
      .accepts = pad_accepts,
      .prepare = pad_prepare,
      .run = pad_run },
    { .name = NULL },
};
