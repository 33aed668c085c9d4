/* embedding.c - Embedding: rows of a table of any stored type. Glu: a gate times a value. */
#include "run/kernels/ref/decoder.h"

typedef struct embedding_params {
    const wt_block_codec *codec;
    size_t rows, width;
    float scale;
} embedding_params;

static bool embedding_accepts(const wt_prep *p)
{
    return wt_in_is(p, 0, WT_I32) && wt_has_in(p, 1) && wt_block_codec_get(p->in[1]->dtype) &&
           wt_out_is(p, 0, WT_F32) && wt_all_plain(p);
}

static wt_status embedding_prepare(wt_prep *p, wt_err *err)
{
    embedding_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    q->codec = wt_block_codec_get(p->in[1]->dtype);
    q->rows = (size_t)p->in[1]->shape.dim[0];
    q->width = (size_t)p->in[1]->shape.dim[1];
    q->scale = wt_attr_float(p->attrs, "scale", 1);
    if (q->width % wt_dtype_get(q->codec->dtype)->block_len)
        return wt_fail(err, WT_EFORMAT, "Embedding: rows of %zu are no whole blocks of %s", q->width,
                       wt_dtype_name(q->codec->dtype));
    p->params = q;
    p->bytes = 2.0 * (double)p->out[0]->shape.dim[0] * (double)q->width * 4;
    p->max_threads = p->threads;
    return WT_OK;
}

static wt_status embedding_run(const wt_run *r, wt_err *err)
{
    const embedding_params *q = r->params;
    const int32_t *ids = r->in[0]->data;
    size_t begin, end;
    wt_split(wt_count(r->in[0]), 1, r->tid, r->nthreads, &begin, &end);
    for (size_t t = begin; t < end; t++) {
        float *y = wt_out_f32(r, 0) + t * q->width;
        if (ids[t] < 0 || (size_t)ids[t] >= q->rows)
            return wt_fail(err, WT_EFORMAT, "token %zu is id %d, outside a vocabulary of %zu", t, ids[t], q->rows);
        wt_ref_row(q->codec, r->in[1], (size_t)ids[t], y, q->width);
        for (size_t i = 0; q->scale != 1 && i < q->width; i++)
            y[i] *= q->scale;
    }
    return WT_OK;
}

const wt_kernel wt_embedding_rows[] = {
    { .name = "embedding_ref",
      .op = WT_OP_EMBEDDING,
      .accepts = embedding_accepts,
      .prepare = embedding_prepare,
      .run = embedding_run },
    { .name = NULL },
};

/* --- Glu ---------------------------------------------------------------------------------------------------------- */
bool wt_glu_accepts(const wt_prep *p)
{
    return wt_in_is(p, 0, WT_F32) && wt_out_is(p, 0, WT_F32) && (!wt_has_in(p, 1) || wt_in_is(p, 1, WT_F32)) &&
           wt_all_plain(p);
}

wt_status wt_glu_prepare(wt_prep *p, wt_err *err)
{
    wt_glu *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    const wt_shape *y = &p->out[0]->shape;
    const bool two = wt_has_in(p, 1), swap = wt_attr_int(p->attrs, "swap", 0) != 0;
    if (!q)
        return WT_ENOMEM;
    if (y->rank < 1 || p->in[0]->shape.rank != y->rank || (two && !wt_shape_equal(&p->in[0]->shape, &p->in[1]->shape)))
        return wt_fail(err, WT_EFORMAT, "Glu: gate and value have different shapes");
    if (!two && p->in[0]->shape.dim[y->rank - 1] != 2 * y->dim[y->rank - 1])
        return wt_fail(err, WT_EFORMAT, "Glu: gate and value are not two halves");
    q->act = wt_act_from_attrs(p->attrs);
    q->width = (size_t)y->dim[y->rank - 1];
    q->rows = (size_t)wt_shape_product(y, 0, y->rank - 1);
    q->stride = two ? q->width : 2 * q->width;
    q->gate = !two && swap ? q->width : 0;
    q->up = two || swap ? 0 : q->width;
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 5.0 * (double)q->rows * (double)q->width;
    return WT_OK;
}

static wt_status glu_run(const wt_run *r, wt_err *err)
{
    const wt_glu *q = r->params;
    const float *gate = wt_in_f32(r, 0) + q->gate, *up = (wt_run_has(r, 1) ? wt_in_f32(r, 1) : wt_in_f32(r, 0)) + q->up;
    size_t begin, end;
    (void)err;
    wt_split(q->rows, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        float *y = wt_out_f32(r, 0) + i * q->width;
        memmove(y, gate + i * q->stride, q->width * sizeof *y);
        wt_ref_act(q->act, y, q->width);
        for (size_t j = 0; j < q->width; j++)
            y[j] *= up[i * q->stride + j];
    }
    return WT_OK;
}

const wt_kernel wt_glu_rows[] = {
    { .name = "glu_f32_ref", .op = WT_OP_GLU, .accepts = wt_glu_accepts, .prepare = wt_glu_prepare, .run = glu_run },
    { .name = NULL },
};
