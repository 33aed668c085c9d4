/* reference.c - see reference.h. */
#include "measure/language/reference.h"
#include "base/bytes.h"
#include <math.h>
#include <stdlib.h>

enum { MOST = 4096 };
static const char ours[8] = { 'w', 'h', 'e', 't', 'r', 'e', 'f', '1' };
static const char theirs[8] = { '_', 'l', 'o', 'g', 'i', 't', 's', '_' };
static const double smallest_tail = 1e-5;

static float f32_at(const uint8_t *p)
{
    const uint32_t u = wt_le32(p);
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static wt_status damaged(const wt_reference *r, const char *what, wt_err *err)
{
    wt_fail_at(err, WT_EFORMAT, r->at, "the reference %s", what);
    wt_err_where(err, "%s", r->map.path);
    wt_err_hint(err, "make it again with --save-reference");
    return WT_EFORMAT;
}

/* --- reading -------------------------------------------------------------------------------------------------------
 */
static wt_status read_tokens(wt_reference *r, wt_err *err)
{
    const uint64_t n = (uint64_t)r->chunk * r->chunks;
    if (n > (r->map.size - r->at) / 4)
        return damaged(r, "is shorter than its tokens", err);
    int32_t *tokens = wt_alloc(r->ctx, (size_t)n, sizeof *tokens, err);
    r->tokens = tokens;
    if (!tokens)
        return WT_ENOMEM;
    for (uint64_t i = 0; i < n; i++, r->at += 4) {
        tokens[i] = (int32_t)wt_le32(r->map.data + r->at);
        if (tokens[i] < 0 || (uint32_t)tokens[i] >= r->vocab)
            return damaged(r, "has a token outside its vocabulary", err);
    }
    return WT_OK;
}

static wt_status read_head(wt_reference *r, wt_err *err)
{
    const uint8_t *p = r->map.data;
    if (r->map.size < 24 || (memcmp(p, ours, 8) && memcmp(p, theirs, 8)))
        return damaged(r, "is no file of reference logits", err);
    r->foreign = !memcmp(p, theirs, 8);
    r->vocab = wt_le32(p + (r->foreign ? 12 : 8));
    r->chunk = wt_le32(p + (r->foreign ? 8 : 12));
    r->chunks = wt_le32(p + 16);
    r->at = r->foreign ? 20 : 24;
    if (r->vocab < 1 || r->vocab > 1 << 24 || r->chunk < 4 || r->chunk > 1 << 20 || r->chunks < 1)
        return damaged(r, "has impossible sizes", err);
    WT_TRY(read_tokens(r, err));
    r->cap = r->foreign ? r->vocab : r->vocab < MOST ? r->vocab : MOST;
    r->token = wt_alloc(r->ctx, r->cap, sizeof *r->token, err);
    r->log_p = wt_alloc(r->ctx, r->cap, sizeof *r->log_p, err);
    return r->token && r->log_p ? WT_OK : WT_ENOMEM;
}

wt_status wt_reference_open(wt_reference *out, wt_context *ctx, const char *path, wt_err *err)
{
    *out = (wt_reference){ .ctx = ctx };
    WT_TRY(wt_map_open(&out->map, ctx, path, err));
    const wt_status st = read_head(out, err);
    if (st != WT_OK)
        wt_reference_close(out);
    return st;
}

void wt_reference_close(wt_reference *r)
{
    if (!r->ctx)
        return;
    wt_free(r->ctx, (void *)(uintptr_t)r->tokens);
    wt_free(r->ctx, r->token);
    wt_free(r->ctx, r->log_p);
    wt_map_close(&r->map);
    *r = (wt_reference){ 0 };
}

static wt_status next_of_ours(wt_reference *r, wt_ref_row *row, wt_err *err)
{
    const uint8_t *p = r->map.data + r->at;
    if (r->map.size - r->at < 16)
        return damaged(r, "ends too early", err);
    *row = (wt_ref_row){
        .n = wt_le32(p), .best = (int32_t)wt_le32(p + 4), .nll = f32_at(p + 8), .tail = f32_at(p + 12)
    };
    if (row->n > r->cap || row->n > (r->map.size - r->at - 16) / 8)
        return damaged(r, "has a place with too many tokens", err);
    if (!(row->tail >= 0 && row->tail <= 1) || !isfinite(row->nll))
        return damaged(r, "has a place that is no distribution", err);
    p += 16;
    for (uint32_t i = 0; i < row->n; i++) {
        r->token[i] = (int32_t)wt_le32(p + 4 * (size_t)i);
        r->log_p[i] = f32_at(p + 4 * ((size_t)row->n + i));
        if (r->token[i] < 0 || (uint32_t)r->token[i] >= r->vocab || !(r->log_p[i] <= 1e-3f))
            return damaged(r, "has a place that is no distribution", err);
    }
    r->at += 16 + 8 * (uint64_t)row->n;
    return WT_OK;
}

/* Two floats (step, lowest log-probability), then 16 bits a token; what lies 16 below the largest counts as nothing. */
static wt_status next_of_theirs(wt_reference *r, int32_t next, wt_ref_row *row, wt_err *err)
{
    const uint64_t bytes = 2 * (2 * (((uint64_t)r->vocab + 1) / 2) + 4);
    const uint8_t *p = r->map.data + r->at;
    if (r->map.size - r->at < bytes)
        return damaged(r, "ends too early", err);
    const float step = f32_at(p), low = f32_at(p + 4);
    uint32_t best = 0, n = 0;
    if (!isfinite(step) || !isfinite(low))
        return damaged(r, "has a place that is no distribution", err);
    for (uint32_t i = 0, top = 0; i < r->vocab; i++) {
        const uint32_t code = (uint32_t)p[8 + 2 * (size_t)i] | (uint32_t)p[9 + 2 * (size_t)i] << 8;
        const float log_p = step * (float)code + low;
        if (code > top || i == 0) {
            top = code;
            best = i;
        }
        if (i == (uint32_t)next)
            row->nll = -log_p;
        if (log_p > -16) {
            r->token[n] = (int32_t)i;
            r->log_p[n++] = log_p;
        }
    }
    row->best = (int32_t)best;
    row->n = n;
    row->tail = 0; /* what it lost cannot be known */
    r->at += bytes;
    return WT_OK;
}

wt_status wt_reference_next(wt_reference *r, int32_t next, wt_ref_row *row, wt_err *err)
{
    *row = (wt_ref_row){ 0 };
    WT_TRY(r->foreign ? next_of_theirs(r, next, row, err) : next_of_ours(r, row, err));
    row->token = r->token;
    row->log_p = r->log_p;
    return WT_OK;
}

/* --- writing -------------------------------------------------------------------------------------------------------
 */
static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static wt_status write_u32(wt_reference_writer *w, const uint32_t *v, size_t n, wt_err *err)
{
    uint8_t bytes[1024];
    for (size_t i = 0; i < n; i += 256) {
        const size_t k = n - i < 256 ? n - i : 256;
        for (size_t j = 0; j < k; j++)
            put_u32(bytes + 4 * j, v[i + j]);
        WT_TRY(wt_outfile_write(w->file, bytes, 4 * k, err));
    }
    return WT_OK;
}

wt_status wt_reference_create(wt_reference_writer *out, wt_context *ctx, const char *path, bool force, uint32_t vocab,
                              uint32_t chunk, uint32_t chunks, const int32_t *tokens, wt_err *err)
{
    const uint32_t head[4] = { vocab, chunk, chunks, 0 };
    *out = (wt_reference_writer){ .ctx = ctx, .vocab = vocab };
    out->order = wt_alloc(ctx, vocab, sizeof *out->order, err);
    out->log_p = wt_alloc(ctx, vocab, sizeof *out->log_p, err);
    wt_status st = out->order && out->log_p ? wt_outfile_open(&out->file, ctx, path, force, err) : WT_ENOMEM;
    if (st == WT_OK)
        st = wt_outfile_write(out->file, ours, sizeof ours, err);
    if (st == WT_OK)
        st = write_u32(out, head, 4, err);
    if (st == WT_OK)
        st = write_u32(out, (const uint32_t *)tokens, (size_t)chunk * chunks, err);
    if (st != WT_OK)
        wt_reference_end(out, false, NULL);
    return st;
}

/* A heap with the largest on top gives the tokens in order for as long as they are needed. */
static void sift(const float *logits, int32_t *heap, size_t n, size_t i)
{
    for (;;) {
        size_t big = i;
        for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < n; c++)
            if (logits[heap[c]] > logits[heap[big]] || (logits[heap[c]] == logits[heap[big]] && heap[c] < heap[big]))
                big = c;
        if (big == i)
            return;
        const int32_t t = heap[i];
        heap[i] = heap[big];
        heap[big] = t;
        i = big;
    }
}

wt_status wt_reference_add(wt_reference_writer *w, const float *logits, const wt_soft *soft, int32_t next, wt_err *err)
{
    int32_t token[MOST];
    uint32_t n = 0;
    size_t left = 0;
    double mass = 0;
    for (uint32_t i = 0; i < w->vocab; i++) /* what lies 30 below the largest cannot matter */
        if (logits[i] > soft->top - 30)
            w->order[left++] = (int32_t)i;
    for (size_t i = left / 2; i-- > 0;)
        sift(logits, w->order, left, i);
    while (left && n < MOST && 1 - mass > smallest_tail) {
        token[n] = w->order[0];
        w->log_p[n] = (float)(logits[token[n]] - soft->log_sum);
        mass += exp(w->log_p[n++]);
        w->order[0] = w->order[--left];
        sift(logits, w->order, left, 0);
    }
    const float nll = (float)(soft->log_sum - logits[next]), tail = (float)(mass < 1 ? 1 - mass : 0);
    uint32_t head[4] = { n, (uint32_t)soft->best, 0, 0 };
    memcpy(&head[2], &nll, sizeof nll);
    memcpy(&head[3], &tail, sizeof tail);
    WT_TRY(write_u32(w, head, 4, err));
    WT_TRY(write_u32(w, (const uint32_t *)token, n, err));
    return write_u32(w, (const uint32_t *)(const void *)w->log_p, n, err);
}

wt_status wt_reference_end(wt_reference_writer *w, bool commit, wt_err *err)
{
    wt_status st = WT_OK;
    if (commit && w->file)
        st = wt_outfile_commit(w->file, NULL, err);
    else
        wt_outfile_abort(w->file);
    if (w->ctx) {
        wt_free(w->ctx, w->order);
        wt_free(w->ctx, w->log_p);
    }
    *w = (wt_reference_writer){ 0 };
    return st;
}
