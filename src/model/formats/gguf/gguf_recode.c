/* gguf_recode.c - tensors written in other types: decoded, encoded and compared row by row.
 *
 * A tensor goes in pieces of some MiB: each thread has a static part of a piece's rows, then the caller writes it. Sums
 * of errors are kept per row and added in order, so that neither bytes nor figures depend on the number of threads. */
#include "gguf.h"
#include <math.h>
#include "base/pool.h"
#include "model/blocks/blocks.h"

enum { PIECE = 4 << 20 }; /* bytes of a piece, stored; at least one row */

typedef struct row_state {
    double signal, noise;
    uint64_t not_finite;
    int64_t lost; /* first column that the new type cannot hold, -1: none */
} row_state;

typedef struct recoder {
    wt_weights *weights;
    wt_gguf_recoding *item;
    const wt_block_codec *from, *to; /* NULL: copied */
    uint64_t rows, first, n;         /* of the tensor; of this piece */
    size_t elements, row_in, row_out;
    uint8_t *out;     /* the piece */
    row_state *state; /* one a row of the piece */
    uint8_t *scratch; /* for each thread: a stored row, and two of floats */
    size_t scratch_each;
    uint64_t fpu;
    atomic_int failed;
    wt_err err; /* of the first that failed */
} recoder;

static void compare(const float *x, const float *y, size_t n, row_state *s)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) {
            s->not_finite++;
            continue;
        }
        if (!isfinite(y[i]) && s->lost < 0)
            s->lost = (int64_t)i;
        const double d = (double)x[i] - (double)y[i];
        s->signal += (double)x[i] * (double)x[i];
        s->noise += d * d;
    }
}

static wt_status recode_row(recoder *r, uint64_t row, uint8_t *scratch, wt_err *err)
{
    uint8_t *out = r->out + (row - r->first) * r->row_out;
    row_state *s = &r->state[row - r->first];
    *s = (row_state){ .lost = -1 };
    if (!r->to)
        return wt_weight_load(r->weights, r->item->weight, row, 1, out, err);
    float *x = (float *)(void *)scratch, *y = x + r->elements;
    uint8_t *stored = (uint8_t *)(y + r->elements);
    WT_TRY(wt_weight_load(r->weights, r->item->weight, row, 1, stored, err));
    r->from->decode(stored, x, r->elements);
    if (wt_dtype_is_block(r->to->dtype))
        for (size_t i = 0; i < r->elements; i++)
            if (!isfinite(x[i])) {
                s->not_finite = 1;
                s->lost = (int64_t)i;
                return WT_OK;
            }
    r->to->encode(x, out, r->elements, r->item->importance);
    r->to->decode(out, y, r->elements);
    compare(x, y, r->elements, s);
    return WT_OK;
}

static void recode_part(void *arg, wt_team *team, int tid, int nthreads)
{
    recoder *r = arg;
    size_t begin = 0, end = 0;
    wt_err err = { 0 };
    wt_status st = WT_OK;
    (void)team;
    const uint64_t fpu = wt_fpu_get();
    wt_fpu_set(r->fpu); /* subnormal numbers count, as they do for whoever made the format */
    wt_split((size_t)r->n, 1, tid, nthreads, &begin, &end);
    for (size_t i = begin; i < end && st == WT_OK; i++)
        st = recode_row(r, r->first + i, r->scratch + (size_t)tid * r->scratch_each, &err);
    wt_fpu_set(fpu);
    if (st != WT_OK && !atomic_exchange(&r->failed, 1))
        r->err = err;
}

static wt_status refuse_lost(const recoder *r, uint64_t row, const row_state *s, wt_err *err)
{
    const wt_weight *w = r->item->weight;
    const bool damaged = s->not_finite && wt_dtype_is_block(r->to->dtype);
    const wt_status st = damaged ? WT_EFORMAT : WT_EUNSUPPORTED;
    wt_fail_at(err, st, w->source, "tensor '%.*s': the number at row %llu, column %lld is %s %s", (int)w->name.len,
               w->name.data, (unsigned long long)row, (long long)s->lost,
               damaged ? "NaN or infinite, which cannot be kept in" : "too large for", wt_dtype_name(r->to->dtype));
    wt_err_where(err, "%s", wt_weights_path(r->weights));
    wt_err_hint(err, damaged ? "the model is damaged: get its original weights again"
                             : "bfloat16 and float32 hold the range of the original");
    return st;
}

static wt_status recode_piece(recoder *r, wt_pool *pool, row_state *total, wt_err *err)
{
    wt_pool_run(pool, wt_pool_threads(pool), recode_part, r);
    if (atomic_load(&r->failed)) {
        if (err)
            *err = r->err;
        return r->err.code;
    }
    for (uint64_t i = 0; i < r->n; i++) {
        const row_state *s = &r->state[i];
        if (s->lost >= 0)
            return refuse_lost(r, r->first + i, s, err);
        total->signal += s->signal;
        total->noise += s->noise;
        total->not_finite += s->not_finite;
    }
    return WT_OK;
}

/* Room for a piece of this tensor and for its rows' sums. */
static wt_status make_room(recoder *r, wt_context *ctx, int threads, wt_err *err)
{
    const uint64_t fit = PIECE / r->row_out;
    r->n = fit < 1 ? 1 : fit > r->rows ? r->rows : fit;
    const size_t bytes = (size_t)r->n * r->row_out;
    r->scratch_each = wt_align_up(r->row_in + 2 * r->elements * sizeof(float), 64);
    wt_free(ctx, r->out);
    wt_free(ctx, r->scratch);
    wt_free(ctx, r->state);
    r->scratch = NULL, r->state = NULL;
    r->out = wt_alloc_raw(ctx, bytes, 1, err);
    r->scratch = r->out ? wt_alloc_raw(ctx, (size_t)threads, r->scratch_each, err) : NULL;
    r->state = r->scratch ? wt_alloc_raw(ctx, (size_t)r->n, sizeof *r->state, err) : NULL;
    return r->state ? WT_OK : WT_ENOMEM;
}

static wt_status choose_codecs(recoder *r, wt_err *err)
{
    const wt_weight *w = r->item->weight;
    r->from = r->to = NULL;
    if (r->item->dtype == w->dtype)
        return WT_OK;
    r->from = wt_block_codec_get(w->dtype);
    r->to = wt_block_codec_get(r->item->dtype);
    if (!r->from || !r->to || !r->to->encode)
        return wt_fail_at(err, WT_EUNSUPPORTED, w->source, "tensor '%.*s' cannot be written as %s: it is %s",
                          (int)w->name.len, w->name.data, wt_dtype_name(r->item->dtype), wt_dtype_name(w->dtype));
    return WT_OK;
}

static wt_status recode_tensor(recoder *r, wt_context *ctx, wt_pool *pool, wt_gguf_writer *writer, wt_err *err)
{
    const wt_weight *w = r->item->weight;
    row_state total = { .lost = -1 };
    r->elements = w->shape.rank ? (size_t)w->shape.dim[w->shape.rank - 1] : 1;
    r->rows = w->shape.rank ? (uint64_t)wt_shape_product(&w->shape, 0, w->shape.rank - 1) : 1;
    if (!wt_dtype_bytes(w->dtype, r->elements, &r->row_in) || !wt_dtype_bytes(r->item->dtype, r->elements, &r->row_out))
        return wt_fail(err, WT_EFORMAT, "a row's size overflows");
    WT_TRY(choose_codecs(r, err));
    WT_TRY(make_room(r, ctx, wt_pool_threads(pool), err));
    const uint64_t piece = r->n;
    for (r->first = 0; r->first < r->rows; r->first += piece) {
        r->n = r->rows - r->first < piece ? r->rows - r->first : piece;
        WT_TRY(wt_check_cancel(ctx, err));
        WT_TRY(recode_piece(r, pool, &total, err));
        WT_TRY(wt_gguf_writer_put(writer, r->out, (size_t)r->n * r->row_out, err));
    }
    r->item->not_finite = total.not_finite;
    r->item->sqnr_db = !r->to || total.noise <= 0 ? INFINITY : 10 * log10(total.signal / total.noise);
    return WT_OK;
}

static wt_status recode_all(recoder *r, wt_gguf_recoding *list, size_t n, wt_context *ctx, wt_gguf_writer *writer,
                            wt_err *err)
{
    wt_pool *pool = NULL;
    uint64_t done = 0, total = 0;
    for (size_t i = 0; i < n; i++)
        total += list[i].weight->bytes;
    WT_TRY(wt_context_pool(ctx, &pool, err));
    for (size_t i = 0; i < n; i++) {
        r->item = &list[i];
        wt_report_progress(ctx, "writing", "B", done, total);
        WT_TRY(recode_tensor(r, ctx, pool, writer, err));
        done += list[i].weight->bytes;
    }
    wt_report_progress(ctx, "writing", "B", total, total);
    return WT_OK;
}

wt_status wt_gguf_recode(wt_weights *weights, wt_gguf_recoding *list, size_t n, const char *path, bool force,
                         wt_written *written, wt_err *err)
{
    wt_context *ctx = wt_weights_context(weights);
    wt_gguf_entry *entries = wt_alloc(ctx, n, sizeof *entries, err);
    wt_gguf_writer *writer = NULL;
    recoder r = { .weights = weights, .fpu = wt_fpu_get() };
    if (!entries)
        return WT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        entries[i] = (wt_gguf_entry){ list[i].weight->name, list[i].dtype, list[i].weight->shape };
    wt_status st = wt_gguf_writer_open(&writer, weights, entries, n, path, force, err);
    wt_free(ctx, entries);
    if (st == WT_OK)
        st = recode_all(&r, list, n, ctx, writer, err);
    wt_free(ctx, r.out);
    wt_free(ctx, r.scratch);
    wt_free(ctx, r.state);
    if (st == WT_OK)
        return wt_gguf_writer_commit(writer, written, err);
    wt_gguf_writer_abort(writer);
    return st;
}
