/* linear_block.c - Linear over weights in block formats: packed once into groups of 16 rows, times activations that are
 * rounded to 8 bits. See blocks.h for both. */
#include "run/kernels/x86/block_rows.h"
#include "run/kernels/x86/rows.h"

enum { CHUNK = 256, OWN = 8 }; /* activation rows of a panel; up to OWN, every thread makes its own */

typedef struct linear_block {
    wt_block_weights w;
    const wt_block_tiles *tiles;
    const void *packed;
    wt_block_finish finish;
    float *bias; /* padded to groups, or NULL */
    size_t m, panel;
} linear_block;

static bool is_plain_f32(const wt_tensor *t) { return t->dtype == WT_F32 && t->layout == WT_PLAIN; }

static bool accepts(const wt_prep *p)
{
    wt_block_weights w;
    if (!wt_has_in(p, 0) || !wt_has_in(p, 1) || !p->in[1]->data || !is_plain_f32(p->in[0]) || !is_plain_f32(p->out[0]))
        return false;
    const wt_shape *x = &p->in[0]->shape;
    if (p->in[1]->shape.rank != 2 || !wt_attr_int(p->attrs, "trans_b", 0) || !wt_block_weights_layout(&w, p->in[1]) ||
        x->rank < 1 || x->dim[x->rank - 1] != (int64_t)w.k || wt_shape_product(x, 0, x->rank - 1) < 1)
        return false;
    if (wt_has_in(p, 2) && (!p->in[2]->data || !is_plain_f32(p->in[2]) || p->in[2]->shape.rank != 1 ||
                            p->in[2]->shape.dim[0] != (int64_t)w.n))
        return false;
    return !wt_has_in(p, 3) || (is_plain_f32(p->in[3]) && wt_shape_equal(&p->in[3]->shape, &p->out[0]->shape));
}

static wt_status prepare(wt_prep *p, const wt_block_tiles *tiles, wt_block_finish_fn *finish, wt_err *err)
{
    linear_block *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    const wt_shape *x = &p->in[0]->shape;
    if (!q)
        return WT_ENOMEM;
    if (!wt_block_weights_layout(&q->w, p->in[1]))
        return wt_fail(err, WT_EINTERNAL, "Linear: prepared without having been accepted");
    q->tiles = tiles;
    q->m = (size_t)wt_shape_product(x, 0, x->rank - 1);
    q->finish = (wt_block_finish){ .fn = finish, .act = wt_act_from_attrs(p->attrs), .stride = q->w.n };
    if (wt_has_in(p, 2)) {
        q->bias = wt_arena_alloc(p->arena, q->w.groups * WT_GROUP, sizeof *q->bias, err);
        if (!q->bias)
            return WT_ENOMEM;
        memcpy(q->bias, p->in[2]->data, q->w.n * sizeof *q->bias);
    }
    WT_TRY(wt_block_weights_pack(&q->w, p, &q->packed, err));
    const size_t rows = q->m < CHUNK ? (q->m + WT_TILE_ROWS - 1) / WT_TILE_ROWS * WT_TILE_ROWS : CHUNK;
    q->panel = wt_align_up((q->m == 1 ? 1 : rows) * wt_act_row_bytes(&q->w), 64);
    p->flops = 2.0 * (double)q->m * (double)q->w.n * (double)q->w.k;
    p->bytes = (double)q->w.bytes + 4.0 * (double)q->m * (double)(q->w.n + q->w.k);
    if (q->w.groups > 1)
        wt_x86_threads_bytes(p, (double)q->w.bytes * (double)q->m);
    p->scratch_bytes = q->panel * (size_t)(q->m <= OWN ? p->max_threads : 1);
    p->params = q;
    return WT_OK;
}

/* Groups [begin, end) times the panel of activation rows [first, first + n). */
static void multiply(const linear_block *q, const wt_run *r, const char *panel, size_t first, size_t n, size_t begin,
                     size_t end)
{
    const size_t row_bytes = wt_act_row_bytes(&q->w);
    const float *residual = r->n_in > 3 && r->in[3] ? wt_in_f32(r, 3) + first * q->w.n : NULL;
    float *y = wt_out_f32(r, 0) + first * q->w.n, sum[WT_TILE_ROWS * WT_GROUP];
    for (size_t g = begin; g < end; g++) {
        const char *group = wt_packed_group(&q->w, q->packed, 0, g);
        const size_t lanes = q->w.n - g * WT_GROUP < WT_GROUP ? q->w.n - g * WT_GROUP : WT_GROUP;
        for (size_t i = 0; i < n; i += WT_TILE_ROWS) {
            const size_t rows = n - i < WT_TILE_ROWS ? n - i : WT_TILE_ROWS, at = i * q->w.n + g * WT_GROUP;
            wt_block_tile(q->tiles, q->w.form->kind, rows)(group, q->w.blocks, panel + i * row_bytes, sum);
            q->finish.fn(&q->finish, sum, rows, lanes, q->bias ? q->bias + g * WT_GROUP : NULL,
                         residual ? residual + at : NULL, y + at);
        }
    }
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const linear_block *q = r->params;
    const float *x = wt_in_f32(r, 0), factor = wt_packed_factor(q->packed);
    size_t begin, end, b, e;
    (void)err;
    wt_split(q->w.groups, 1, r->tid, r->nthreads, &begin, &end);
    if (q->m <= OWN) {
        char *own = (char *)r->scratch + (size_t)r->tid * q->panel;
        wt_act_pack_avx2(q->w.form, x, q->w.k, q->w.blocks, 0, q->m, factor, own);
        multiply(q, r, own, 0, q->m, begin, end);
        return WT_OK;
    }
    for (size_t i = 0; i < q->m; i += CHUNK) {
        const size_t n = q->m - i < CHUNK ? q->m - i : CHUNK;
        wt_split(n, WT_TILE_ROWS, r->tid, r->nthreads, &b, &e);
        if (i > 0 && r->team) /* the panel is still being read */
            wt_team_barrier(r->team, r->tid);
        wt_act_pack_avx2(q->w.form, x + i * q->w.k, q->w.k, q->w.blocks, b, e, factor, r->scratch);
        if (r->team)
            wt_team_barrier(r->team, r->tid);
        multiply(q, r, r->scratch, i, n, begin, end);
    }
    return WT_OK;
}

static wt_status prepare_avx2(wt_prep *p, wt_err *err)
{
    return prepare(p, &wt_block_tiles_avx2, wt_block_finish_avx2, err);
}
static wt_status prepare_avx512vnni(wt_prep *p, wt_err *err)
{
    return prepare(p, &wt_block_tiles_avx512vnni, wt_block_finish_avx512, err);
}

const wt_kernel wt_x86_linear_block_rows[] = {
    { .name = "linear_block_avx2",
      .op = WT_OP_LINEAR,
      .need = WT_CPU_AVX2,
      .accepts = accepts,
      .prepare = prepare_avx2,
      .run = run,
      .packs = 6 },
    { .name = "linear_block_avx512vnni",
      .op = WT_OP_LINEAR,
      .need = WT_CPU_AVX512VNNI,
      .accepts = accepts,
      .prepare = prepare_avx512vnni,
      .run = run,
      .packs = 6 },
    { .name = NULL },
};
