/* experts.c - Experts over block weights: the tokens of a chunk are sorted by the experts that they chose, so that each
 * expert's weights are read once for all of its tokens, by the tiles of blocks.h. */
#include "run/kernels/ref/decoder.h"
#include "run/kernels/x86/block_rows.h"
#include "run/kernels/x86/rows.h"

enum { CHUNK = 256 }; /* tokens */

typedef struct expert_matrix {
    wt_block_weights w;
    const void *packed;
} expert_matrix;

typedef struct experts_row {
    wt_experts e;
    expert_matrix gate, up, down;
    const wt_block_tiles *tiles;
    wt_block_finish act, plain; /* into tiles; plain */
    size_t chunk, places, panel_rows;
    size_t at_int, at_hidden, at_result, at_x_panel, at_h_panel, at_own, own; /* bytes in scratch */
} experts_row;

/* What a chunk's tokens chose. A choice is token * top_k + n; its place is where it comes when sorted by expert. */
typedef struct choices {
    int32_t *expert, *place, *token; /* of a choice, of a choice, of a place */
    int32_t *start, *panel;          /* of an expert: its first place, its first row of panels */
    float *weight;                   /* of a choice */
} choices;

static choices choices_of(const experts_row *q, const wt_run *r)
{
    int32_t *at = (int32_t *)(void *)((char *)r->scratch + q->at_int);
    choices c = { .expert = at, .place = at + q->places, .token = at + 2 * q->places, .start = at + 4 * q->places };
    c.weight = (float *)(void *)(at + 3 * q->places);
    c.panel = c.start + q->e.experts + 1;
    return c;
}

static bool block_form(const wt_prep *p, size_t i)
{
    wt_block_weights w;
    return p->in[i]->data && wt_block_weights_layout(&w, p->in[i]);
}

static bool accepts(const wt_prep *p)
{
    if (!wt_experts_accepts(p) || !block_form(p, WT_EXPERTS_UP) || !block_form(p, WT_EXPERTS_DOWN))
        return false;
    return !wt_has_in(p, WT_EXPERTS_GATE) ||
           (block_form(p, WT_EXPERTS_GATE) && p->in[WT_EXPERTS_GATE]->dtype == p->in[WT_EXPERTS_UP]->dtype);
}

static wt_status matrix(expert_matrix *m, const wt_prep *p, size_t i, wt_err *err)
{
    if (!wt_block_weights_layout(&m->w, p->in[i]))
        return wt_fail(err, WT_EINTERNAL, "Experts: prepared without having been accepted");
    return wt_block_weights_pack(&m->w, p, &m->packed, err);
}

static size_t take(size_t *at, size_t bytes)
{
    const size_t here = *at;
    *at += wt_align_up(bytes, 64);
    return here;
}

static void place_scratch(experts_row *q, wt_prep *p)
{
    const wt_experts *e = &q->e;
    const size_t widest = e->width > e->hidden ? e->width : e->hidden;
    size_t at = 0;
    q->chunk = e->tokens < CHUNK ? e->tokens : CHUNK;
    q->places = q->chunk * e->top_k;
    q->panel_rows = q->places + (WT_TILE_ROWS - 1) * (q->places < e->experts ? q->places : e->experts);
    q->at_int = take(&at, (4 * q->places + 2 * e->experts + 1) * 4);
    q->at_hidden = take(&at, q->places * e->hidden * 4);
    q->at_result = take(&at, q->places * e->width * 4);
    q->at_x_panel = take(&at, q->panel_rows * wt_act_row_bytes(&q->up.w));
    q->at_h_panel = take(&at, q->panel_rows * wt_act_row_bytes(&q->down.w));
    q->own = wt_align_up(WT_TILE_ROWS * widest * 4, 64);
    q->at_own = at;
    p->scratch_bytes = at + q->own * (size_t)p->max_threads;
}

static wt_status prepare(wt_prep *p, const wt_block_tiles *tiles, wt_block_finish_fn *finish, wt_err *err)
{
    experts_row *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_experts_prepare(p, err));
    q->e = *(const wt_experts *)p->params;
    q->tiles = tiles;
    q->act = (wt_block_finish){ .fn = finish, .act = q->e.act, .stride = WT_GROUP };
    q->plain = (wt_block_finish){ .fn = finish, .stride = WT_GROUP };
    if (q->e.gate)
        WT_TRY(matrix(&q->gate, p, WT_EXPERTS_GATE, err));
    WT_TRY(matrix(&q->up, p, WT_EXPERTS_UP, err));
    WT_TRY(matrix(&q->down, p, WT_EXPERTS_DOWN, err));
    place_scratch(q, p);
    p->params = q;
    return WT_OK;
}

static void meet(const wt_run *r)
{
    if (r->team)
        wt_team_barrier(r->team, r->tid);
}

/* --- choosing ----------------------------------------------------------------------------------------------------- */
static void choose(const experts_row *q, const wt_run *r, size_t first, size_t n)
{
    const choices c = choices_of(q, r);
    size_t begin, end, chosen[WT_EXPERTS_MOST];
    float weight[WT_EXPERTS_MOST];
    wt_split(n, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t t = begin; t < end; t++) {
        wt_experts_choose(&q->e, wt_in_f32(r, WT_EXPERTS_SCORES) + (first + t) * q->e.experts, chosen, weight);
        for (size_t i = 0; i < q->e.top_k; i++) {
            c.expert[t * q->e.top_k + i] = (int32_t)chosen[i];
            c.weight[t * q->e.top_k + i] = weight[i];
        }
    }
}

static void sort(const experts_row *q, const wt_run *r, size_t n)
{
    const choices c = choices_of(q, r);
    int32_t place = 0, panel = 0;
    for (size_t e = 0; e < q->e.experts; e++) {
        c.start[e] = place;
        c.panel[e] = panel;
        for (size_t i = 0; i < n * q->e.top_k; i++)
            if (c.expert[i] == (int32_t)e) {
                c.token[place] = (int32_t)(i / q->e.top_k);
                c.place[i] = place++;
            }
        panel += (place - c.start[e] + WT_TILE_ROWS - 1) / WT_TILE_ROWS * WT_TILE_ROWS;
    }
    c.start[q->e.experts] = place;
}

/* --- products ----------------------------------------------------------------------------------------------------- */
static void pack_x(const experts_row *q, const wt_run *r, size_t first)
{
    const choices c = choices_of(q, r);
    const size_t width = q->e.width, row_bytes = wt_act_row_bytes(&q->up.w);
    float *own = (float *)(void *)((char *)r->scratch + q->at_own + (size_t)r->tid * q->own);
    char *panel = (char *)r->scratch + q->at_x_panel;
    size_t begin, end;
    wt_split(q->e.experts, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t e = begin; e < end; e++)
        for (int32_t p = c.start[e]; p < c.start[e + 1]; p += WT_TILE_ROWS) {
            const size_t left = (size_t)(c.start[e + 1] - p), rows = left < WT_TILE_ROWS ? left : WT_TILE_ROWS;
            for (size_t i = 0; i < rows; i++)
                memcpy(own + i * width, wt_in_f32(r, WT_EXPERTS_X) + (first + (size_t)c.token[(size_t)p + i]) * width,
                       width * sizeof *own);
            wt_act_pack_avx2(q->up.w.form, own, width, q->up.w.blocks, 0, rows, 1,
                             panel + (size_t)(c.panel[e] + p - c.start[e]) * row_bytes);
        }
}

static void pack_hidden(const experts_row *q, const wt_run *r)
{
    const choices c = choices_of(q, r);
    const float *hidden = (const float *)(void *)((char *)r->scratch + q->at_hidden);
    char *panel = (char *)r->scratch + q->at_h_panel;
    size_t begin, end;
    wt_split(q->e.experts, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t e = begin; e < end; e++)
        wt_act_pack_avx2(q->down.w.form, hidden + (size_t)c.start[e] * q->e.hidden, q->e.hidden, q->down.w.blocks, 0,
                         (size_t)(c.start[e + 1] - c.start[e]), 1,
                         panel + (size_t)c.panel[e] * wt_act_row_bytes(&q->down.w));
}

/* One group of one expert times one tile: out[rows][WT_GROUP]. */
static void tile(const experts_row *q, const expert_matrix *m, const wt_block_finish *finish, size_t e, size_t g,
                 const char *panel, size_t rows, const wt_tensor *bias, float *out)
{
    float sum[WT_TILE_ROWS * WT_GROUP], padded[WT_GROUP] = { 0 };
    const float factor = wt_packed_factor(m->packed);
    const size_t lanes = m->w.n - g * WT_GROUP < WT_GROUP ? m->w.n - g * WT_GROUP : WT_GROUP;
    wt_block_tile(q->tiles, m->w.form->kind, rows)(wt_packed_group(&m->w, m->packed, e, g), m->w.blocks, panel, sum);
    for (size_t i = 0; factor != 1 && i < rows * WT_GROUP; i++)
        sum[i] *= factor;
    if (bias)
        memcpy(padded, (const float *)bias->data + e * m->w.n + g * WT_GROUP, lanes * sizeof *padded);
    finish->fn(finish, sum, rows, WT_GROUP, bias ? padded : NULL, NULL, out);
}

/* Group g of expert e for all of its tokens: act(gate) * up, or what `down` makes of that. */
static void expert_group(const experts_row *q, const wt_run *r, size_t e, size_t g, bool last)
{
    const choices c = choices_of(q, r);
    const expert_matrix *m = last ? &q->down : &q->up;
    const size_t n = m->w.n, lanes = n - g * WT_GROUP < WT_GROUP ? n - g * WT_GROUP : WT_GROUP;
    float *to = (float *)(void *)((char *)r->scratch + (last ? q->at_result : q->at_hidden));
    const wt_tensor *bias[3];
    for (size_t i = 0; i < 3; i++)
        bias[i] = wt_run_has(r, WT_EXPERTS_BIAS + i) ? r->in[WT_EXPERTS_BIAS + i] : NULL;
    for (int32_t p = c.start[e]; p < c.start[e + 1]; p += WT_TILE_ROWS) {
        const size_t left = (size_t)(c.start[e + 1] - p), rows = left < WT_TILE_ROWS ? left : WT_TILE_ROWS;
        const char *panel = (char *)r->scratch + (last ? q->at_h_panel : q->at_x_panel) +
                            (size_t)(c.panel[e] + p - c.start[e]) * wt_act_row_bytes(&m->w);
        float out[WT_TILE_ROWS * WT_GROUP], gate[WT_TILE_ROWS * WT_GROUP];
        const bool gated = !last && q->e.gate;
        tile(q, m, last || gated ? &q->plain : &q->act, e, g, panel, rows, bias[last ? 2 : 1], out);
        if (gated)
            tile(q, &q->gate, &q->act, e, g, panel, rows, bias[0], gate);
        for (size_t i = 0; gated && i < rows * WT_GROUP; i++)
            out[i] *= gate[i];
        for (size_t i = 0; i < rows; i++)
            memcpy(to + ((size_t)p + i) * n + g * WT_GROUP, out + i * WT_GROUP, lanes * sizeof *out);
    }
}

/* All groups of all experts that anyone chose, in equal parts. */
static void products(const experts_row *q, const wt_run *r, bool last)
{
    const choices c = choices_of(q, r);
    const size_t groups = (last ? &q->down : &q->up)->w.groups;
    size_t active = 0, begin, end, unit = 0;
    for (size_t e = 0; e < q->e.experts; e++)
        active += c.start[e + 1] > c.start[e];
    wt_split(active * groups, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t e = 0; e < q->e.experts; e++) {
        if (c.start[e + 1] == c.start[e])
            continue;
        for (size_t g = 0; g < groups; g++, unit++)
            if (unit >= begin && unit < end)
                expert_group(q, r, e, g, last);
    }
}

static void add_up(const experts_row *q, const wt_run *r, size_t first, size_t n)
{
    const choices c = choices_of(q, r);
    const float *result = (const float *)(void *)((char *)r->scratch + q->at_result);
    const size_t width = q->e.width;
    size_t begin, end;
    wt_split(n, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t t = begin; t < end; t++) {
        float *y = wt_out_f32(r, 0) + (first + t) * width;
        memset(y, 0, width * sizeof *y);
        for (size_t i = t * q->e.top_k; i < (t + 1) * q->e.top_k; i++)
            for (size_t k = 0; k < width; k++)
                y[k] += c.weight[i] * result[(size_t)c.place[i] * width + k];
    }
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const experts_row *q = r->params;
    (void)err;
    for (size_t first = 0; first < q->e.tokens; first += q->chunk) {
        const size_t n = q->e.tokens - first < q->chunk ? q->e.tokens - first : q->chunk;
        if (first)
            meet(r);
        choose(q, r, first, n);
        meet(r);
        if (r->tid == 0)
            sort(q, r, n);
        meet(r);
        pack_x(q, r, first);
        meet(r);
        products(q, r, false);
        meet(r);
        pack_hidden(q, r);
        meet(r);
        products(q, r, true);
        meet(r);
        add_up(q, r, first, n);
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

#define ROW(row_name, flags, prep)                                                                                     \
    {                                                                                                                  \
        .name = row_name, .op = WT_OP_EXPERTS, .need = flags, .accepts = accepts, .prepare = prep, .run = run,         \
        .packs = 1u << WT_EXPERTS_GATE | 1u << WT_EXPERTS_UP | 1u << WT_EXPERTS_DOWN                                   \
    }
const wt_kernel wt_x86_experts_rows[] = {
    ROW("experts_block_avx2", WT_CPU_AVX2, prepare_avx2),
    ROW("experts_block_avx512vnni", WT_CPU_AVX512VNNI, prepare_avx512vnni),
    { .name = NULL },
};
