/* conv_dw_i8.c - depthwise QuantConv in C16 as tiles of interleaved rows (dwq.h). Sums are exact in 32 bits, and
 * finished a stretch of pixels at a time while they are in L1. */
#include "run/kernels/x86/conv_shape.h"
#include "run/kernels/x86/dwq.h"
#include "run/kernels/x86/quant.h"
#include "run/kernels/x86/rows.h"

typedef struct dwq_params {
    wt_conv_shape c;
    const wt_dwq_kind *kind;
    int interleave, rows; /* of a group; output rows of a tile */
    size_t blocks, w_block, w_row;
    int last;
    const char *w, *pad;
    const int32_t *bias;
    size_t y_px, r_px; /* bytes of a pixel */
    bool is_signed;
    bool fuses; /* tiles store codes */
    wt_finish finish;
    wt_finish_fn *finish_fn;
} dwq_params;
enum { SCRATCH = 2 * WT_DWQ_PIXELS * 16 * sizeof(int32_t) };

static bool accepts(const wt_prep *p)
{
    wt_conv_shape c;
    return p->in[0]->layout == WT_C16 && wt_conv_inputs_fit(p, WT_I8, WT_I32, WT_U8) && wt_conv_shape_read(&c, p) &&
           wt_conv_is_depthwise(&c) && c.kh <= 16 && c.sh <= 8 &&
           wt_quant_fits(p, (int64_t)c.oc, (int64_t)(c.kh * c.kw));
}

typedef struct packing {
    const dwq_params *q;
    const int8_t *w;
    int groups;
} packing;

/* Tap row kh of output row y meets input row kh + y * stride. */
static wt_status pack(void *arg, void *packed, wt_err *err)
{
    const packing *a = arg;
    const dwq_params *q = a->q;
    const wt_conv_shape *c = &q->c;
    (void)err;
    for (size_t o = 0; o < c->oc; o++)
        for (size_t y = 0; y < (size_t)q->rows; y++)
            for (size_t kh = 0; kh < c->kh; kh++)
                for (size_t kw = 0; kw < c->kw; kw++) {
                    const size_t r = kh + y * c->sh, n = (size_t)q->interleave;
                    char *tap = (char *)packed + o / 16 * q->w_block + y * q->w_row +
                                (r / n * c->kw + kw) * WT_DWQ_TAP_BYTES;
                    const int8_t v = a->w[(o * c->kh + kh) * c->kw + kw];
                    const size_t lane = o % 16 * n + r % n;
                    if (n == 4)
                        ((int8_t *)tap)[lane] = v;
                    else
                        ((int16_t *)(void *)tap)[lane] = v;
                }
    return WT_OK;
}

static wt_status pack_weights(dwq_params *q, wt_prep *p, wt_err *err)
{
    const wt_conv_shape *c = &q->c;
    packing a = { q, p->in[1]->data, 0 };
    const size_t input_rows = c->kh + (size_t)(q->rows - 1) * c->sh, n = (size_t)q->interleave;
    a.groups = (int)((input_rows + n - 1) / n);
    q->w_row = (size_t)a.groups * c->kw * WT_DWQ_TAP_BYTES;
    q->w_block = (size_t)q->rows * q->w_row;
    const wt_pack_key key = { .data = a.w,
                              .kind = "x86 depthwise rows",
                              .dims = { (int64_t)c->oc, (int64_t)c->kh, (int64_t)c->kw, (int64_t)c->sh, q->rows,
                                        q->interleave } };
    const void *packed;
    WT_TRY(wt_pack_get(p->packs, &key, q->blocks * q->w_block, pack, &a, &packed, err));
    q->w = packed;
    return WT_OK;
}

static wt_status zero_points(dwq_params *q, wt_prep *p, wt_quant *quant, wt_err *err)
{
    const wt_conv_shape *c = &q->c;
    const int8_t *w = p->in[1]->data;
    int32_t *sums = wt_arena_alloc(p->arena, c->oc, sizeof *sums, err);
    char *pad = wt_arena_alloc(p->arena, c->iw, 16, err);
    if (!sums || !pad)
        return WT_ENOMEM;
    for (size_t i = 0; i < c->oc * c->kh * c->kw; i++)
        sums[i / (c->kh * c->kw)] += w[i];
    memset(pad, quant->x_zp, c->iw * 16);
    q->pad = pad;
    /* what the tiles multiply: unsigned bytes (128 more than signed ones), or words as they are */
    WT_TRY(wt_quant_bias(quant, p, c->oc, quant->x_zp + (q->interleave == 4 && quant->x_signed ? 128 : 0), sums, err));
    q->bias = quant->bias;
    return WT_OK;
}

static wt_status prepare(wt_prep *p, const wt_dwq_set *set, wt_err *err)
{
    dwq_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    wt_quant quant;
    if (!q)
        return WT_ENOMEM;
    wt_conv_shape *c = &q->c;
    if (!wt_conv_shape_read(c, p))
        return wt_fail(err, WT_EINTERNAL, "%s: prepared without having been accepted", p->op_type);
    WT_TRY(wt_quant_read(&quant, &q->finish, p, c->oc, err));
    q->kind = set->kinds;
    while (q->kind->kw && ((size_t)q->kind->kw != c->kw || (size_t)q->kind->sw != c->sw || c->dw != 1))
        q->kind++;
    q->interleave = set->interleave;
    q->rows = c->dh == 1 && c->sh < c->kh ? q->kind->rows : 1;
    q->blocks = (c->oc + 15) / 16;
    q->last = (int)(c->oc - (q->blocks - 1) * 16);
    q->y_px = p->out[0]->dtype == WT_F32 ? 64 : 16, q->r_px = 16;
    q->is_signed = quant.x_signed;
    q->finish.zero_tail = true;
    q->finish_fn = set->finish;
    WT_TRY(wt_quant_fuse(&q->finish, p, c->oc, err));
    q->fuses = set->fuses && q->finish.fuse;
    WT_TRY(pack_weights(q, p, err));
    WT_TRY(zero_points(q, p, &quant, err));
    p->params = q;
    p->flops = 2.0 * (double)c->n * (double)c->oc * (double)(c->oh * c->ow) * (double)(c->kh * c->kw);
    wt_x86_threads(p, 2 * p->flops);
    p->scratch_bytes = SCRATCH * (size_t)p->max_threads;
    return WT_OK;
}
static wt_status prepare_avx2(wt_prep *p, wt_err *err) { return prepare(p, &wt_dwq_avx2, err); }
static wt_status prepare_vnni(wt_prep *p, wt_err *err) { return prepare(p, &wt_dwq_avx512vnni, err); }

/* Where a stretch of outputs goes. */
typedef struct target {
    char *out;
    const char *res;
    int32_t *sums;
    int last;
    size_t channel;
} target;

/* Columns [x, x + n) of the sums, which begin at column x0. */
static void finish_rows(const dwq_params *q, const target *to, int rows, size_t x0, size_t x, size_t n)
{
    for (int y = 0; y < rows; y++) {
        const size_t at = (size_t)y * q->c.ow + x0 + x;
        const wt_spot s = { .tile = to->sums + ((size_t)y * WT_DWQ_PIXELS + x) * 16,
                            .mr = (int)n,
                            .nb = 1,
                            .last = to->last,
                            .channel = to->channel,
                            .out = to->out + at * q->y_px,
                            .res = to->res ? to->res + at * q->r_px : NULL,
                            .out_px = q->y_px,
                            .res_px = q->r_px };
        q->finish_fn(&q->finish, &s);
    }
}

/* Output columns [x0, x0 + n) of 1 or 2 rows. */
static void stretch(const dwq_params *q, wt_dwq_tile *t, const target *to, int rows, size_t x0, size_t n)
{
    const wt_conv_shape *c = &q->c;
    const size_t ur = (size_t)q->kind->ur;
    const ptrdiff_t reach = (ptrdiff_t)((ur - 1) * c->sw + (c->kw - 1) * c->dw);
    for (size_t x = 0; x < n; x += ur) {
        t->col = (ptrdiff_t)((x0 + x) * c->sw) - c->left;
        t->n = (int)(n - x < ur ? n - x : ur);
        t->out = to->sums + x * 16;
        t->codes = to->out + (x0 + x) * 16;
        const bool edge = t->col < 0 || t->col + reach >= (ptrdiff_t)c->iw || n - x < ur;
        if (!q->kind->fn[rows - 1][edge](t) && q->fuses)
            finish_rows(q, to, rows, x0, x, (size_t)t->n);
    }
    if (!q->fuses)
        finish_rows(q, to, rows, x0, 0, n);
}

static void row_pointers(const dwq_params *q, wt_dwq_tile *t, const char *plane, size_t y, int rows)
{
    const wt_conv_shape *c = &q->c;
    const int used = (int)(c->kh + (size_t)(rows - 1) * c->sh);
    t->groups = (used + q->interleave - 1) / q->interleave;
    for (int r = 0; r < t->groups * q->interleave; r++) {
        const ptrdiff_t iy = (ptrdiff_t)(y * c->sh) - c->top + r * (ptrdiff_t)c->dh;
        const bool inside = r < used && iy >= 0 && iy < (ptrdiff_t)c->ih;
        t->row[r] = inside ? plane + iy * (ptrdiff_t)c->iw * 16 : q->pad;
    }
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const dwq_params *q = r->params;
    const wt_conv_shape *c = &q->c;
    const bool has_res = r->n_in > 3 && r->in[3];
    size_t at, end;
    wt_dwq_tile t = { .pad = q->pad,
                      .w_row = q->w_row,
                      .kw = (int)c->kw,
                      .sw = (int)c->sw,
                      .dw = (int)c->dw,
                      .cols = (ptrdiff_t)c->iw,
                      .is_signed = q->is_signed,
                      .fuse = q->fuses ? q->finish.fuse : NULL,
                      .codes_row = c->ow * 16 };
    (void)err;
    wt_split(c->n * q->blocks * c->oh, 1, r->tid, r->nthreads, &at, &end);
    while (at < end) {
        const size_t plane = at / c->oh, block = plane % q->blocks, y = at % c->oh;
        const int rows = q->rows == 2 && y + 1 < c->oh && at + 1 < end ? 2 : 1;
        t.w = q->w + block * q->w_block;
        t.bias = q->bias + block * 16;
        t.channel = block * 16;
        row_pointers(q, &t, (const char *)r->in[0]->data + plane * c->ih * c->iw * 16, y, rows);
        const target to = { .out = (char *)wt_tensor_mut(r->out[0]) + at * c->ow * q->y_px,
                            .res = has_res ? (const char *)r->in[3]->data + at * c->ow * q->r_px : NULL,
                            .sums = (int32_t *)(void *)((char *)r->scratch + (size_t)r->tid * SCRATCH),
                            .last = block + 1 < q->blocks ? 16 : q->last,
                            .channel = block * 16 };
        const size_t most = WT_DWQ_PIXELS / (size_t)q->kind->ur * (size_t)q->kind->ur;
        for (size_t x = 0; x < c->ow; x += most)
            stretch(q, &t, &to, rows, x, c->ow - x < most ? c->ow - x : most);
        if (q->finish.table)
            q->finish.table_fn(q->finish.table, (uint8_t *)to.out, (uint8_t *)to.out, (size_t)rows * c->ow * 16);
        at += (size_t)rows;
    }
    return WT_OK;
}

#define ROW(row_name, flags, prep)                                                                                     \
    {                                                                                                                  \
        .name = row_name, .op = WT_OP_QUANTCONV, .need = flags, .accepts = accepts, .prepare = prep, .run = run,       \
        .packs = 6                                                                                                     \
    }
const wt_kernel wt_x86_quant_dw_rows[] = {
    ROW("quantconv_dw_i8_avx2", WT_CPU_AVX2, prepare_avx2),
    ROW("quantconv_dw_i8_avx512vnni", WT_CPU_AVX512VNNI, prepare_vnni),
    { .name = NULL },
};
