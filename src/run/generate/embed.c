/* embed.c - texts as vectors: one run a text, rows pooled, length one. */
#include <math.h>
#include "base/json.h"
#include "run/generate/prompt.h"

wt_embed_options wt_embed_defaults(void)
{
    return (wt_embed_options){ .size = sizeof(wt_embed_options), .language = wt_language_defaults() };
}

static wt_status pooling_of(wt_pooling *out, const wt_language *l, const char *name, wt_err *err)
{
    static const struct {
        const char *name;
        wt_pooling pooling;
    } known[] = { { "mean", WT_POOL_MEAN }, { "cls", WT_POOL_CLS }, { "last", WT_POOL_LAST } };
    *out = l->hp.pooling != WT_POOL_NONE ? l->hp.pooling : l->arch->encoder ? WT_POOL_MEAN : WT_POOL_LAST;
    if (!name)
        return WT_OK;
    for (size_t i = 0; i < WT_ARRAY_LEN(known); i++)
        if (!strcmp(known[i].name, name)) {
            *out = known[i].pooling;
            return WT_OK;
        }
    return wt_fail(err, WT_EUSAGE, "pooling '%s' is not known, expected mean, cls or last", name);
}

/* hidden [n, width] -> one row. */
static void pool(wt_pooling pooling, const float *hidden, size_t n, size_t width, float *out)
{
    if (pooling != WT_POOL_MEAN) {
        memcpy(out, hidden + (pooling == WT_POOL_LAST ? (n - 1) * width : 0), width * sizeof *out);
        return;
    }
    for (size_t j = 0; j < width; j++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += hidden[i * width + j];
        out[j] = (float)(sum / (double)n);
    }
}

static json_t *vector_json(const float *v, size_t width, bool normalize)
{
    double square = 0;
    json_t *row = json_array();
    for (size_t j = 0; j < width; j++)
        square += (double)v[j] * v[j];
    const double scale = normalize && square > 0 ? 1 / sqrt(square) : 1;
    for (size_t j = 0; j < width; j++)
        json_array_append_new(row, wt_json_real((double)(float)(v[j] * scale)));
    return row;
}

/* --- the two kinds of networks -------------------------------------------------------------------------------------
 */
typedef struct embedder {
    wt_language *language;
    wt_session *session; /* of an encoder */
    wt_decoder *decoder; /* or of a decoder */
    wt_seq seq;
    wt_pooling pooling;
} embedder;

static wt_status open_embedder(embedder *e, wt_context *ctx, const char *model, const wt_embed_options *o, wt_err *err)
{
    wt_language_options lo = o->language;
    lo.hidden = true;
    WT_TRY(wt_language_open(&e->language, ctx, model, &lo, err));
    WT_TRY(pooling_of(&e->pooling, e->language, o->pooling, err));
    if (e->language->arch->encoder)
        return wt_session_open(&e->session, e->language->plan, err);
    WT_TRY(wt_decoder_open(&e->decoder, e->language, NULL, err));
    return wt_seq_open(e->decoder, &e->seq, err);
}

static wt_status run_encoder(embedder *e, const wt_ids *ids, const float **hidden, wt_err *err)
{
    wt_context *ctx = e->language->ctx;
    int32_t *positions = wt_alloc(ctx, ids->n, sizeof *positions, err);
    if (!positions)
        return WT_ENOMEM;
    for (size_t i = 0; i < ids->n; i++)
        positions[i] = (int32_t)i;
    const int64_t n = (int64_t)ids->n;
    wt_tensor in[2];
    for (int i = 0; i < 2; i++)
        in[i] = (wt_tensor){ .dtype = WT_I32,
                             .shape = { .rank = 1, .dim = { n } },
                             .data = i ? positions : ids->ids,
                             .bytes = ids->n * sizeof *positions };
    const wt_status st = wt_session_run(e->session, in, 2, err);
    wt_free(ctx, positions);
    if (st == WT_OK)
        *hidden = wt_session_output(e->session, 0)->data;
    return st;
}

static wt_status run_decoder(embedder *e, const wt_ids *ids, const float **hidden, wt_err *err)
{
    wt_context *ctx = e->language->ctx;
    wt_batch_token *batch = wt_alloc(ctx, ids->n, sizeof *batch, err);
    if (!batch)
        return WT_ENOMEM;
    for (size_t i = 0; i < ids->n; i++)
        batch[i] = (wt_batch_token){ ids->ids[i], e->seq, true };
    wt_status st = wt_seq_truncate(e->decoder, e->seq, 0, err);
    if (st == WT_OK)
        st = wt_decoder_run(e->decoder, batch, ids->n, err);
    wt_free(ctx, batch);
    *hidden = wt_decoder_output(e->decoder, 0);
    return st;
}

static wt_status embed_text(embedder *e, const char *text, bool normalize, json_t *to, wt_err *err)
{
    const wt_language *l = e->language;
    const size_t width = (size_t)l->hp.width;
    const float *hidden = NULL;
    wt_ids ids;
    WT_TRY(wt_text_ids(&ids, l, text, strlen(text), WT_TOKENIZE_ADD_SPECIAL, err));
    wt_status st = WT_OK;
    const int64_t most = l->arch->encoder ? l->hp.context : l->options.context;
    if (ids.n == 0 || (int64_t)ids.n > most)
        st = wt_fail(err, WT_EUSAGE, "the text has %zu tokens, expected 1 to %lld", ids.n, (long long)most);
    if (st == WT_OK)
        st = e->session ? run_encoder(e, &ids, &hidden, err) : run_decoder(e, &ids, &hidden, err);
    float *row = st == WT_OK ? wt_alloc(l->ctx, width, sizeof *row, err) : NULL;
    if (st == WT_OK && !row)
        st = WT_ENOMEM;
    if (row) {
        pool(e->pooling, hidden, ids.n, width, row);
        for (size_t j = 0; j < width && st == WT_OK; j++)
            if (!isfinite(row[j]))
                st = wt_language_blame(l, err);
        if (st == WT_OK)
            json_array_append_new(to, vector_json(row, width, normalize));
    }
    wt_free(l->ctx, row);
    wt_ids_free(&ids);
    return st;
}

wt_status wt_embed(wt_result **out, wt_context *ctx, const char *model, const char *const *texts, size_t n,
                   const wt_embed_options *options, wt_err *err)
{
    static const char *const names[] = { "none", "mean", "cls", "last" };
    wt_embed_options o = wt_embed_defaults();
    embedder e = { 0 };
    *out = NULL;
    if (options)
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    json_t *rows = json_array();
    wt_status st = open_embedder(&e, ctx, model, &o, err);
    for (size_t i = 0; i < n && st == WT_OK; i++) {
        st = embed_text(&e, texts[i], !o.no_normalize, rows, err);
        wt_report_progress(ctx, "embed", "texts", i + 1, n);
    }
    if (st == WT_OK)
        st = wt_result_take(out, ctx,
                            json_pack("{s:s, s:o, s:s, s:I, s:O}", "schema", "whet.embed/1", "model",
                                      wt_json_text(model), "pooling", names[e.pooling], "width",
                                      (json_int_t)e.language->hp.width, "embeddings", rows),
                            err);
    json_decref(rows);
    wt_session_close(e.session);
    wt_decoder_close(e.decoder);
    wt_language_close(e.language);
    return st;
}
