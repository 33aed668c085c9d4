/* quant_conv.c - convolutions of 8-bit codes: ConvInteger, QLinearConv and the engine's QuantConv.
 *
 * Codes minus their zero point are gathered as int16 into patches [position][tap][channel], 64 positions at a time,
 * weights likewise one channel at a time, and multiplied as exact integer dot products, which compilers turn into
 * 16-bit multiply-add instructions. Padding is the real number 0, that is the zero point, that is 0 in a patch. */
#include "run/kernels/ref/quant_ref.h"

enum { TILE_PANELS = 8, TILE = TILE_PANELS * WT_REF_COLS };

typedef struct quant_conv {
    wt_ref_conv c;
    size_t wi; /* input that holds the weights */
    bool x_signed, w_signed;
    wt_requant out;
    float x_scale; /* QuantConv: attributes */
    int32_t x_zero;
    const float *w_scale;
    size_t w_scales;
    const uint8_t *table; /* QuantConv: of the codes; NULL */
    size_t scratch;       /* per thread */
} quant_conv;

static bool accepts_codes(const wt_prep *p, size_t wi)
{
    return wt_has_in(p, 0) && wt_has_in(p, wi) && wt_has_out(p, 0) && wt_is_byte(p->in[0]->dtype) &&
           wt_is_byte(p->in[wi]->dtype) && p->in[wi]->layout == WT_PLAIN;
}

static wt_status prepare_common(wt_prep *p, size_t wi, quant_conv **out, wt_err *err)
{
    quant_conv *q = *out = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_ref_conv_init(&q->c, p, 0, wi, err));
    q->wi = wi;
    q->x_signed = p->in[0]->dtype == WT_I8;
    q->w_signed = p->in[wi]->dtype == WT_I8;
    WT_TRY(wt_plan_scratch(p, q->c.depth, (TILE + 1) * sizeof(int16_t), &q->scratch, err));
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 2.0 * (double)q->c.batch * (double)q->c.oc * (double)q->c.out_size * (double)q->c.depth;
    return WT_OK;
}

/* --- the sums
 * ---------------------------------------------------------------------------------------------------------------- */
static void gather(const quant_conv *q, const void *x, int32_t zero, size_t n, size_t g, const wt_ref_panel *panel,
                   int16_t *patch)
{
    const wt_ref_conv *c = &q->c;
    const size_t lane = wt_ref_lane(c->x_layout);
    memset(patch, 0, WT_REF_COLS * c->depth * sizeof *patch);
    for (size_t t = 0; t < c->taps; t++) {
        wt_ref_tap tap;
        wt_ref_tap_at(c, panel, t, &tap);
        for (int j = tap.lo; j < tap.hi; j++) {
            const size_t pos = (size_t)(tap.row + tap.at + j * tap.step);
            int16_t *to = patch + (size_t)j * c->depth + t * c->icg;
            for (size_t i = 0; i < c->icg; i++) {
                const size_t ch = g * c->icg + i;
                const size_t at = wt_ref_at(c->x_layout, c->ic, c->in_size, n, ch, 0) + pos * lane;
                to[i] = (int16_t)(wt_byte_at(x, q->x_signed, at) - zero);
            }
        }
    }
}

/* Weights of one output channel as [tap][channel], minus their zero point. */
static void load_weights(const quant_conv *q, const wt_run *r, size_t oc, int32_t zero, int16_t *to)
{
    const wt_ref_conv *c = &q->c;
    const void *w = r->in[q->wi]->data;
    for (size_t i = 0; i < c->icg; i++)
        for (size_t t = 0; t < c->taps; t++)
            to[t * c->icg + i] = (int16_t)(wt_byte_at(w, q->w_signed, oc * c->depth + i * c->taps + t) - zero);
}

typedef struct channel {
    float factor; /* of a sum */
    int64_t bias;
    int32_t w_zero;
} channel;

static void store(const quant_conv *q, const wt_run *r, const channel *ch, int64_t sum, size_t n, size_t oc, size_t pos)
{
    const wt_ref_conv *c = &q->c;
    const size_t at = wt_ref_at(c->y_layout, c->oc, c->out_size, n, oc, pos);
    void *y = wt_tensor_mut(r->out[0]);
    if (q->out.y == WT_I32) {
        ((int32_t *)y)[at] = (int32_t)sum;
        return;
    }
    float real = (float)(sum + ch->bias) * ch->factor;
    if (q->out.r != WT_DTYPE_NONE)
        real += wt_requant_residual(&q->out, r->in[3]->data, wt_ref_at(c->r_layout, c->oc, c->out_size, n, oc, pos));
    wt_ref_act(q->out.act, &real, 1);
    wt_requant_store(&q->out, real, y, at);
    if (q->table)
        ((uint8_t *)y)[at] = q->table[((const uint8_t *)y)[at]];
}

typedef void channel_fn(const quant_conv *q, const wt_run *r, size_t oc, channel *out);

static void run_tile(const quant_conv *q, const wt_run *r, channel_fn *channel_of, size_t index, int16_t *patch,
                     size_t oc_begin, size_t oc_end, int32_t x_zero)
{
    const wt_ref_conv *c = &q->c;
    const size_t panels = wt_ref_panels(c), per_image = (panels + TILE_PANELS - 1) / TILE_PANELS;
    const size_t first = index % per_image * TILE_PANELS, g = index / per_image % c->group,
                 n = index / per_image / c->group;
    const size_t count = panels - first < TILE_PANELS ? panels - first : TILE_PANELS;
    int16_t *weights = patch + TILE * c->depth;
    wt_ref_panel panel[TILE_PANELS];
    for (size_t i = 0; i < count; i++) {
        wt_ref_panel_at(c, first + i, &panel[i]);
        gather(q, r->in[0]->data, x_zero, n, g, &panel[i], patch + i * WT_REF_COLS * c->depth);
    }
    for (size_t k = oc_begin; k < oc_end; k++) {
        const size_t oc = g * c->ocg + k;
        channel ch;
        channel_of(q, r, oc, &ch);
        load_weights(q, r, oc, ch.w_zero, weights);
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < panel[i].width; j++) {
                const int64_t sum = wt_dot_i16(patch + (i * WT_REF_COLS + j) * c->depth, weights, c->depth);
                store(q, r, &ch, sum, n, oc, panel[i].first + j);
            }
    }
}

static void run_common(const quant_conv *q, const wt_run *r, channel_fn *channel_of, int32_t x_zero)
{
    const wt_ref_conv *c = &q->c;
    int16_t *patch = (int16_t *)(void *)((char *)r->scratch + (size_t)r->tid * q->scratch);
    const size_t tiles = c->batch * c->group * ((wt_ref_panels(c) + TILE_PANELS - 1) / TILE_PANELS);
    size_t begin = 0, end = tiles, oc_begin = 0, oc_end = c->ocg;
    if (tiles >= 4 * (size_t)r->nthreads || c->ocg < 4 * (size_t)r->nthreads)
        wt_split(tiles, 1, r->tid, r->nthreads, &begin, &end);
    else
        wt_split(c->ocg, 4, r->tid, r->nthreads, &oc_begin, &oc_end);
    wt_ref_zero_tail(r->out[0], r->tid, r->nthreads);
    for (size_t i = begin; i < end && oc_begin < oc_end; i++)
        run_tile(q, r, channel_of, i, patch, oc_begin, oc_end, x_zero);
}

/* --- ConvInteger
 * --------------------------------------------------------------------------------------------------------------- */
static bool integer_accepts(const wt_prep *p)
{
    return accepts_codes(p, 1) && wt_out_is(p, 0, WT_I32) && wt_all_plain(p);
}

static wt_status need_zero(const wt_prep *p, size_t i, size_t of, size_t n, wt_err *err)
{
    if (!wt_has_in(p, i) ||
        (p->in[i]->dtype == p->in[of]->dtype && (wt_count(p->in[i]) == 1 || wt_count(p->in[i]) == n)))
        return WT_OK;
    return wt_fail(err, WT_EFORMAT, "%s: zero point %zu must be one value%s of the same type", p->op_type, i,
                   n == 1 ? "" : " or one per output channel");
}

static wt_status integer_prepare(wt_prep *p, wt_err *err)
{
    quant_conv *q;
    WT_TRY(prepare_common(p, 1, &q, err));
    q->out.y = WT_I32;
    WT_TRY(need_zero(p, 2, 0, 1, err));
    return need_zero(p, 3, 1, q->c.oc, err);
}

static void integer_channel(const quant_conv *q, const wt_run *r, size_t oc, channel *out)
{
    (void)q;
    *out = (channel){ .factor = 1, .w_zero = wt_zero_at(r, 3, oc) };
}

static wt_status integer_run(const wt_run *r, wt_err *err)
{
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    run_common(r->params, r, integer_channel, wt_zero_at(r, 2, 0));
    return WT_OK;
}

/* --- QLinearConv
 * ------------------------------------------------------------------------------------------------------------------ */
enum { X_SCALE = 1, X_ZERO, WEIGHTS, W_SCALE, W_ZERO, Y_SCALE, Y_ZERO, BIAS };

static bool qlinear_accepts(const wt_prep *p)
{
    return p->n_in >= 8 && accepts_codes(p, WEIGHTS) && wt_has_in(p, Y_ZERO) && wt_is_byte(p->out[0]->dtype) &&
           p->out[0]->dtype == p->in[Y_ZERO]->dtype && wt_in_is(p, X_SCALE, WT_F32) && wt_in_is(p, W_SCALE, WT_F32) &&
           wt_in_is(p, Y_SCALE, WT_F32) && wt_all_plain(p);
}

static wt_status qlinear_prepare(wt_prep *p, wt_err *err)
{
    quant_conv *q;
    WT_TRY(prepare_common(p, WEIGHTS, &q, err));
    WT_TRY(need_zero(p, X_ZERO, 0, 1, err));
    WT_TRY(need_zero(p, W_ZERO, WEIGHTS, q->c.oc, err));
    WT_TRY(wt_prep_need_vector(p, BIAS, WT_I32, (int64_t)q->c.oc, err));
    const size_t scales = wt_count(p->in[W_SCALE]);
    if (wt_count(p->in[X_SCALE]) != 1 || wt_count(p->in[Y_SCALE]) != 1 || wt_count(p->in[Y_ZERO]) != 1 ||
        (scales != 1 && scales != q->c.oc))
        return wt_fail(err, WT_EFORMAT, "%s: x and y have one scale each, the weights one or one per output channel",
                       p->op_type);
    q->out.y = p->out[0]->dtype;
    q->out.folded = true;
    q->w_scales = scales;
    return WT_OK;
}

static void qlinear_channel(const quant_conv *q, const wt_run *r, size_t oc, channel *out)
{
    const float w_scale = wt_in_f32(r, W_SCALE)[q->w_scales == 1 ? 0 : oc];
    out->factor = wt_in_f32(r, X_SCALE)[0] * w_scale / wt_in_f32(r, Y_SCALE)[0];
    out->bias = wt_run_has(r, BIAS) ? ((const int32_t *)r->in[BIAS]->data)[oc] : 0;
    out->w_zero = wt_zero_at(r, W_ZERO, oc);
}

static wt_status qlinear_run(const wt_run *r, wt_err *err)
{
    quant_conv q = *(const quant_conv *)r->params;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    q.out.y_zero = wt_zero_at(r, Y_ZERO, 0);
    run_common(&q, r, qlinear_channel, wt_zero_at(r, X_ZERO, 0));
    return WT_OK;
}

/* --- QuantConv
 * ----------------------------------------------------------------------------------------------------------------------
 */
static bool quant_accepts(const wt_prep *p)
{
    return accepts_codes(p, 1) && p->in[1]->dtype == WT_I8 &&
           (wt_is_byte(p->out[0]->dtype) || p->out[0]->dtype == WT_F32);
}

static wt_status quant_prepare(wt_prep *p, wt_err *err)
{
    quant_conv *q;
    WT_TRY(prepare_common(p, 1, &q, err));
    WT_TRY(wt_prep_need_vector(p, 2, WT_I32, (int64_t)q->c.oc, err));
    WT_TRY(wt_quant_attrs(p, "x", p->in[0]->dtype, &q->x_scale, &q->x_zero, err));
    WT_TRY(wt_weight_scales(p, q->c.oc, &q->w_scale, &q->w_scales, err));
    q->c.r_layout = wt_has_in(p, 3) ? p->in[3]->layout : WT_PLAIN;
    if (wt_attr_find(p->attrs, "table"))
        WT_TRY(wt_quant_table(p, &q->table, err));
    return wt_requant_attrs(p, &q->out, err);
}

static void quant_channel(const quant_conv *q, const wt_run *r, size_t oc, channel *out)
{
    out->factor = q->x_scale * q->w_scale[q->w_scales == 1 ? 0 : oc];
    out->bias = wt_run_has(r, 2) ? ((const int32_t *)r->in[2]->data)[oc] : 0;
    out->w_zero = 0;
}

static wt_status quant_run(const wt_run *r, wt_err *err)
{
    const quant_conv *q = r->params;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    run_common(q, r, quant_channel, q->x_zero);
    return WT_OK;
}

const wt_kernel wt_quant_conv_rows[] = {
    { .name = "convinteger_i8_ref",
      .op = WT_OP_CONVINTEGER,
      .accepts = integer_accepts,
      .prepare = integer_prepare,
      .run = integer_run },
    { .name = "qlinearconv_i8_ref",
      .op = WT_OP_QLINEARCONV,
      .accepts = qlinear_accepts,
      .prepare = qlinear_prepare,
      .run = qlinear_run },
    { .name = "quantconv_i8_ref",
      .op = WT_OP_QUANTCONV,
      .accepts = quant_accepts,
      .prepare = quant_prepare,
      .run = quant_run },
    { .name = NULL },
};
