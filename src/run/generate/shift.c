/* shift.c - forgetting the middle of a sequence: what comes later moves down, and its keys are turned back. */
#include "run/generate/language.h"
#include "run/kernels/ref/decoder.h"
#include "run/kernels/kv.h"

typedef struct mover {
    wt_decoder *d;
    const wt_pages *s;
    int64_t from, drop; /* first token that moves, and how far */
    float *row, *turned;
} mover;

static char *place_of(const mover *m, const wt_tensor *cache, int64_t j, int64_t head, size_t row_bytes)
{
    return (char *)(uintptr_t)cache->data +
           wt_kv_offset(m->s->page[j / WT_KV_PAGE], head, j % WT_KV_PAGE, cache->shape.dim[1], WT_KV_PAGE, row_bytes);
}

static void move_keys(const mover *m, const wt_tensor *k, const wt_rope *rope)
{
    const size_t dim = (size_t)k->shape.dim[3], row = wt_kv_row_bytes(k->dtype, k->shape.dim[3]);
    for (int64_t j = m->from; j < m->s->length; j++)
        for (int64_t g = 0; g < k->shape.dim[1]; g++) {
            wt_kv_load(k->dtype, place_of(m, k, j, g, row), m->row, dim);
            wt_rope_turn(rope, -(double)m->drop, m->row, m->turned);
            wt_kv_store(k->dtype, m->turned, place_of(m, k, j - m->drop, g, row), dim);
        }
}

static void move_values(const mover *m, const wt_tensor *v)
{
    const size_t row = wt_kv_row_bytes(v->dtype, v->shape.dim[3]);
    for (int64_t j = m->from; j < m->s->length; j++)
        for (int64_t g = 0; g < v->shape.dim[1]; g++)
            memcpy(place_of(m, v, j - m->drop, g, row), place_of(m, v, j, g, row), row);
}

static wt_status move_layer(const mover *m, const wt_layer_cache *layer, wt_arena *arena, wt_err *err)
{
    wt_rope rope = { 0 };
    if (layer->rope) {
        const wt_value *x = layer->rope->out[0];
        WT_TRY(wt_rope_read(&rope, &layer->rope->attrs, x->type.shape.dim[1], layer->factors, arena, err));
        rope.scale = 1; /* it is in the keys already */
        move_keys(m, &layer->k, &rope);
    } else {
        move_values(m, &layer->k);
    }
    move_values(m, &layer->v);
    return WT_OK;
}

wt_status wt_seq_shift(wt_decoder *d, wt_seq seq, int64_t keep, int64_t drop, wt_err *err)
{
    const int64_t length = wt_seq_length(d, seq), layers = d->language->hp.layers;
    wt_arena arena;
    if (length < 0)
        return wt_fail(err, WT_EUSAGE, "there is no sequence %d", seq);
    if (keep < 0 || drop < 0 || keep > length || drop > length - keep)
        return wt_fail(err, WT_EUSAGE, "a sequence of %lld tokens has no %lld behind the first %lld", (long long)length,
                       (long long)drop, (long long)keep);
    for (int64_t il = 0; il < layers; il++)
        if (!d->layers[il].rope && wt_graph_find(d->language->graph, "places"))
            return wt_fail(err, WT_EUNSUPPORTED, "a model with learned positions cannot shift its context");
    for (size_t i = (size_t)(keep / WT_KV_PAGE); i < d->seqs[seq].n_pages; i++)
        WT_TRY(wt_cache_own_page(d, &d->seqs[seq], i, err));
    mover m = { .d = d, .s = &d->seqs[seq], .from = keep + drop, .drop = drop };
    wt_arena_init(&arena, d->ctx);
    m.row = wt_arena_alloc(&arena, (size_t)d->language->hp.head_dim, sizeof(float), err);
    m.turned = wt_arena_alloc(&arena, (size_t)d->language->hp.head_dim, sizeof(float), err);
    wt_status st = m.row && m.turned ? WT_OK : WT_ENOMEM;
    for (int64_t il = 0; il < layers && st == WT_OK; il++)
        st = move_layer(&m, &d->layers[il], &arena, err);
    wt_arena_free(&arena);
    return st == WT_OK ? wt_seq_truncate(d, seq, length - drop, err) : st;
}
