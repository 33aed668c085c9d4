/* tiled.c - bands, lines and tiles of a layer. See tiled.h. */
#include "run/kernels/x86/tiled.h"

enum {
    BAND_BYTES = 384 * 1024, /* of input that stays in an L2 cache of 1 MiB beside the weights that stream through */
    TILE_BYTES = WT_TILE_MR * WT_TILE_NB * 64
};

size_t wt_tiled_units(const wt_tiled *p)
{
    const size_t nb = (size_t)p->tiles->nb;
    return p->groups * ((p->oc_blocks + nb - 1) / nb);
}

/* Rows of the band that hold what `lines` lines read. */
static size_t band_rows(const wt_tiled *p, size_t lines)
{
    return lines ? (size_t)(((ptrdiff_t)(lines - 1) * p->line_step + (p->kh - 1) * p->row_step) / p->band_step) + 1 : 0;
}

/* Share of the work that the slowest thread does, at best 1 / threads. */
static double slowest(size_t n, size_t threads) { return n ? (double)((n + threads - 1) / threads) / (double)n : 1.0; }

void wt_tiled_plan(wt_tiled *p, int threads)
{
    const size_t in_blocks = p->groups * (size_t)p->blocks;
    const size_t row = (p->copy ? p->band_row : p->flat ? p->width * p->tiles->px : p->src_row) * in_blocks;
    size_t lines = 1;
    while (lines < p->lines && band_rows(p, lines + 1) * row <= BAND_BYTES)
        lines++;
    p->band_lines = lines;
    p->band_rows = band_rows(p, lines);
    p->band_block = p->band_rows * p->band_row;
    p->band_bytes = p->copy ? wt_align_up(p->band_block * in_blocks + 64, 64) : 0;
    p->scratch = p->band_bytes + TILE_BYTES;
    /* Lines share weights, units share input. Units when they come out even, for then each thread reads its own weights
     * only; but not when every thread would copy a band for little work. */
    const size_t t = (size_t)threads;
    const double by_line = slowest(p->images * p->lines, t), by_unit = slowest(wt_tiled_units(p), t);
    p->split_units = threads > 1 && (by_unit < by_line || (by_unit == by_line && wt_tiled_units(p) >= 4 * t));
}

double wt_tiled_flops(const wt_tiled *p, double depth)
{
    const double channels = (double)p->groups * ((double)(p->oc_blocks - 1) * 16 + p->last);
    return 2.0 * (double)p->images * (double)p->lines * (double)p->width * channels * depth;
}

/* One line of `n` pixels for one unit of output blocks. */
typedef struct line {
    const char *in;
    size_t in_block, in_row;
    int kh, kh0;
    size_t n;
    char *out;
    const char *res;
} line;

static void run_line(const wt_tiled *p, size_t unit, const line *l, char *buffer)
{
    const wt_tileset *ts = p->tiles;
    const size_t per_group = wt_tiled_units(p) / p->groups, first = unit % per_group * (size_t)ts->nb;
    const size_t block = unit / per_group * p->oc_blocks + first;
    const int nb = p->oc_blocks - first < (size_t)ts->nb ? (int)(p->oc_blocks - first) : ts->nb;
    const bool at_end = first + (size_t)nb == p->oc_blocks;
    const bool whole = !at_end || p->last == 16 || p->finish.zero_tail; /* all 16 lanes of all blocks exist */
    const bool direct = p->direct && (!at_end || p->last == 16 || p->tail_stays_zero);
    const size_t tiles = (l->n + (size_t)ts->mr - 1) / (size_t)ts->mr;
    wt_tile t = { .in = l->in,
                  .w = (const char *)p->w + block * p->w_block + (size_t)l->kh0 * p->w_row,
                  .bias = p->bias + block * 64,
                  .col = p->col,
                  .in_block = l->in_block,
                  .in_row = l->in_row,
                  .w_block = p->w_block,
                  .blocks = p->blocks,
                  .kh = l->kh,
                  .kw = p->kw,
                  .k_last = p->k_last,
                  .out = l->out + block * p->out_block,
                  .out_px = p->out_px,
                  .out_block = p->out_block,
                  .fuse = whole ? p->finish.fuse : NULL,
                  .channel = block * 16,
                  .codes = l->out + block * p->out_block,
                  .codes_px = p->out_px,
                  .codes_block = p->out_block,
                  .lo = p->lo,
                  .hi = p->hi };
    wt_spot spot = { .tile = buffer,
                     .nb = nb,
                     .last = at_end ? p->last : 16,
                     .channel = block * 16,
                     .out = t.out,
                     .out_px = p->out_px,
                     .out_block = p->out_block,
                     .res_px = p->res_px,
                     .res_block = p->res_block,
                     .res = l->res ? l->res + block * p->res_block : NULL };
    if (direct)
        t.res = (const float *)(const void *)spot.res;
    for (size_t i = 0; i < tiles; i++) {
        const size_t mr = l->n / tiles + (i < l->n % tiles);
        if (!direct) {
            t.out = buffer, t.out_px = 64, t.out_block = mr * 64;
            t.lo = -__builtin_inff(), t.hi = __builtin_inff();
        }
        const bool done = ts->fn[nb - 1][mr - 1](&t);
        if (!direct && !done) {
            spot.mr = (int)mr;
            p->finish_fn(&p->finish, &spot);
        }
        t.in += mr * ts->px;
        t.codes += mr * p->out_px;
        if (direct)
            t.out += mr * p->out_px;
        if (t.res)
            t.res += mr * p->res_px / sizeof(float);
        spot.out += mr * p->out_px;
        if (spot.res)
            spot.res += mr * p->res_px;
    }
    for (int j = 0; p->finish.table && j < nb; j++) {
        uint8_t *codes = (uint8_t *)l->out + (block + (size_t)j) * p->out_block;
        p->finish.table_fn(p->finish.table, codes, codes, l->n * 16);
    }
}

/* The kernel rows of line y that lie inside the source. */
static void clip_rows(const wt_tiled *p, size_t y, line *l)
{
    const ptrdiff_t top = p->line_at + (ptrdiff_t)y * p->line_step;
    l->kh0 = 0, l->kh = p->kh;
    if (!p->clip)
        return;
    if (top < 0)
        l->kh0 = (int)((-top + p->row_step - 1) / p->row_step);
    const ptrdiff_t inside = top < p->rows ? (p->rows - 1 - top) / p->row_step + 1 : 0;
    const int end = inside < p->kh ? (int)inside : p->kh;
    if (l->kh0 > end)
        l->kh0 = end;
    l->kh = end - l->kh0;
}

typedef struct band {
    const char *in;    /* row 0 of what lines read from */
    ptrdiff_t row0;    /* its source row */
    size_t block, row; /* bytes between blocks and rows */
    ptrdiff_t step;    /* source rows between its rows */
    char *out;
    const char *res;
    char *buffer;
} band;

static void run_band(const wt_tiled *p, const band *b, size_t y0, size_t y1, size_t unit0, size_t unit1)
{
    const size_t per_group = wt_tiled_units(p) / p->groups;
    for (size_t unit = unit0; unit < unit1; unit++) {
        const char *in = b->in + unit / per_group * (size_t)p->blocks * b->block;
        line l = {
            .in_block = b->block, .in_row = b->row * (size_t)(p->row_step / b->step), .kh = p->kh, .n = p->width
        };
        for (size_t y = y0; y < y1; y++) {
            const ptrdiff_t top = p->line_at + (ptrdiff_t)y * p->line_step;
            clip_rows(p, y, &l);
            l.in = in + (top + l.kh0 * p->row_step - b->row0) / b->step * (ptrdiff_t)b->row;
            l.out = b->out + y * p->out_line;
            l.res = b->res ? b->res + y * p->res_line : NULL;
            if (p->flat)
                l.n = (y1 - y0) * p->width;
            run_line(p, unit, &l, b->buffer);
            if (p->flat)
                break;
        }
    }
}

void wt_tiled_part(const wt_tiled *p, const void *src, const void *res, void *out, void *scratch, size_t line0,
                   size_t line1, size_t unit0, size_t unit1)
{
    char *buffer = (char *)scratch + p->band_bytes;
    for (size_t at = line0; at < line1 && unit0 < unit1;) {
        const size_t image = at / p->lines, y0 = at % p->lines;
        size_t n = p->lines - y0 < line1 - at ? p->lines - y0 : line1 - at;
        const size_t bands = (n + p->band_lines - 1) / p->band_lines;
        n = (n + bands - 1) / bands; /* even bands, not full ones and a rest */
        const char *image_src = (const char *)src + image * p->src_image;
        band b = { .in = image_src,
                   .row0 = 0,
                   .block = p->src_block,
                   .row = p->src_row,
                   .step = 1,
                   .buffer = buffer,
                   .out = (char *)out + image * p->out_image,
                   .res = res ? (const char *)res + image * p->res_image : NULL };
        if (p->copy) {
            p->copy(p, scratch, image_src, y0, y0 + n);
            b.in = scratch, b.block = p->band_block, b.row = p->band_row, b.step = p->band_step;
            b.row0 = p->line_at + (ptrdiff_t)y0 * p->line_step;
        }
        run_band(p, &b, y0, y0 + n, unit0, unit1);
        at += n;
    }
}

void wt_tiled_run(const wt_tiled *p, const void *src, const void *res, void *out, void *scratch, int tid, int nthreads)
{
    size_t line0 = 0, line1 = p->images * p->lines, unit0 = 0, unit1 = wt_tiled_units(p);
    if (p->split_units)
        wt_split(unit1, 1, tid, nthreads, &unit0, &unit1);
    else
        wt_split(line1, 1, tid, nthreads, &line0, &line1);
    wt_tiled_part(p, src, res, out, scratch, line0, line1, unit0, unit1);
}
