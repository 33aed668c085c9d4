/* perplexity.c - whet perplexity: how well a model foresees a text, and how far it is from a reference.
 *
 * The protocol is llama.cpp's, so that figures compare: the text's tokens are cut into chunks that do not overlap;
 * where the model wants a token that begins a text, it takes the place of each chunk's first one; the second half of a
 * chunk is scored, every token given all before it in its chunk. */
#include <math.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/json.h"
#include "base/pool.h"
#include "measure/language/reference.h"
#include "measure/language/remote_decoder.h"
#include "measure/statistics.h"
#include "run/generate/prompt.h"

typedef struct scorer {
    wt_context *ctx;
    const wt_perplexity_options *o;
    wt_language *language;
    wt_decoder *decoder;
    wt_seq seq;
    wt_engine_decoder *foreign; /* instead of ours */
    int32_t *beginning;         /* [chunk] */
    wt_ids text;
    const int32_t *tokens; /* chunks * chunk */
    size_t chunk, chunks, slice, vocab;
    bool begins; /* the first token of a chunk is BOS */
    int32_t bos;
    wt_reference reference;
    wt_reference_writer writer;
    wt_batch_token *batch;
    wt_soft *soft;               /* [slice] */
    double *nll, *ref_nll, *kld; /* per scored token */
    size_t n, same_top1;
    double seconds;
} scorer;

wt_perplexity_options wt_perplexity_defaults(void)
{
    return (wt_perplexity_options){ .size = sizeof(wt_perplexity_options), .language = wt_language_defaults() };
}

/* --- what is scored ------------------------------------------------------------------------------------------------
 */
static wt_status tokens_of_text(scorer *s, wt_err *err)
{
    char *text;
    size_t len;
    if (!s->o->text)
        return wt_fail(err, WT_EUSAGE, "there is no text to score: --text FILE, or a --reference that has one");
    WT_TRY(wt_read_file(s->ctx, s->o->text, UINT64_C(1) << 30, &text, &len, err));
    const wt_status st = wt_text_ids(&s->text, s->language, text, len, WT_TOKENIZE_ADD_SPECIAL, err);
    wt_free(s->ctx, text);
    WT_TRY(st);
    s->tokens = s->text.ids;
    s->chunk = s->o->ctx > 0 ? (size_t)s->o->ctx : 512;
    if (s->chunk < 4)
        return wt_fail(err, WT_EUSAGE, "chunks of %zu tokens are too short to score, expected at least 4", s->chunk);
    s->chunks = s->text.n / s->chunk;
    if (s->o->chunks > 0 && (size_t)s->o->chunks < s->chunks)
        s->chunks = (size_t)s->o->chunks;
    if (s->chunks < 1) {
        wt_fail(err, WT_EUSAGE, "the text has %zu tokens, fewer than one chunk of %zu", s->text.n, s->chunk);
        wt_err_where(err, "%s", s->o->text);
        return WT_EUSAGE;
    }
    return WT_OK;
}

static wt_status tokens_of_reference(scorer *s, wt_err *err)
{
    if (s->reference.vocab != s->vocab) {
        wt_fail(err, WT_EUSAGE, "the reference is of a vocabulary of %u tokens, the model has %zu", s->reference.vocab,
                s->vocab);
        wt_err_where(err, "%s", s->o->reference);
        return WT_EUSAGE;
    }
    s->tokens = s->reference.tokens;
    s->chunk = s->reference.chunk;
    s->chunks = s->reference.chunks;
    if (s->o->chunks > 0 && (size_t)s->o->chunks < s->chunks)
        s->chunks = (size_t)s->o->chunks;
    return WT_OK;
}

static wt_status open_model(scorer *s, const char *model, wt_err *err)
{
    wt_tokenizer_info info = { .bos = -1 };
    wt_language_options l = s->o->language;
    l.context = s->o->ctx > 0 ? s->o->ctx : 512;
    if (s->o->reference) {
        WT_TRY(wt_reference_open(&s->reference, s->ctx, s->o->reference, err));
        l.context = s->reference.chunk;
    }
    WT_TRY(wt_remote_decoder_open(&s->foreign, s->ctx, s->o->engine, s->o->program, model, l.threads, l.context, err));
    l.words_only = s->foreign != NULL;
    WT_TRY(wt_language_open(&s->language, s->ctx, model, &l, err));
    s->vocab = (size_t)s->language->hp.vocab;
    WT_TRY(s->o->reference ? tokens_of_reference(s, err) : tokens_of_text(s, err));
    if (s->language->tokenizer)
        wt_tokenizer_describe(s->language->tokenizer, &info);
    s->bos = info.bos;
    s->begins = info.add_bos && info.bos >= 0;
    if ((int64_t)s->chunk > s->language->hp.context) {
        wt_fail(err, WT_EUSAGE, "chunks of %zu tokens are longer than the %lld that the model was made for", s->chunk,
                (long long)s->language->hp.context);
        return WT_EUSAGE;
    }
    if (s->foreign)
        return s->foreign->vocab == (int64_t)s->vocab
                   ? WT_OK
                   : wt_fail(err, WT_EUNSUPPORTED, "%s says that the vocabulary has %lld tokens, the file %zu",
                             s->o->engine, (long long)s->foreign->vocab, s->vocab);
    const wt_decoder_options d = { .size = sizeof d, .context = (int64_t)s->chunk, .batch = 512 };
    WT_TRY(wt_decoder_open(&s->decoder, s->language, &d, err));
    return wt_seq_open(s->decoder, &s->seq, err);
}

/* Logits of a slice stay below 64 MB, whatever the vocabulary. */
static wt_status allocate(scorer *s, wt_err *err)
{
    const size_t most = ((size_t)64 << 20) / (4 * s->vocab), scored = wt_scored(s->chunk) * s->chunks;
    s->slice = most < 16 ? 16 : most > 128 ? 128 : most;
    s->batch = wt_alloc(s->ctx, s->chunk, sizeof *s->batch, err);
    s->beginning = wt_alloc(s->ctx, s->chunk, sizeof *s->beginning, err);
    s->soft = wt_alloc(s->ctx, s->slice, sizeof *s->soft, err);
    s->nll = wt_alloc(s->ctx, scored, sizeof *s->nll, err);
    s->ref_nll = wt_alloc(s->ctx, scored, sizeof *s->ref_nll, err);
    s->kld = wt_alloc(s->ctx, scored, sizeof *s->kld, err);
    return s->batch && s->beginning && s->soft && s->nll && s->ref_nll && s->kld ? WT_OK : WT_ENOMEM;
}

/* --- the network, ours or another's --------------------------------------------------------------------------------
 */
static wt_status feed(scorer *s, const int32_t *tokens, size_t n, size_t wanted, wt_err *err)
{
    if (s->foreign)
        return s->foreign->engine->feed(s->foreign, tokens, n, wanted, err);
    for (size_t i = 0; i < n; i++)
        s->batch[i] = (wt_batch_token){ tokens[i], s->seq, i >= wanted };
    return wt_decoder_run(s->decoder, s->batch, n, err);
}

static const float *logits_of(const scorer *s, size_t i)
{
    return s->foreign ? s->foreign->engine->logits(s->foreign, i) : wt_decoder_output(s->decoder, i);
}

/* --- scoring -------------------------------------------------------------------------------------------------------
 */
typedef struct softening {
    const scorer *s;
    size_t n;
} softening;

static void soften_member(void *arg, wt_team *team, int tid, int nthreads)
{
    const softening *w = arg;
    size_t begin, end;
    (void)team;
    wt_split(w->n, 1, tid, nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++)
        w->s->soft[i] = wt_soften(logits_of(w->s, i), w->s->vocab);
}

static wt_status soften_all(scorer *s, size_t n, wt_err *err)
{
    wt_pool *pool;
    softening w = { s, n };
    WT_TRY(wt_context_pool(s->ctx, &pool, err));
    wt_pool_run(pool, wt_pool_threads(pool), soften_member, &w);
    for (size_t i = 0; i < n; i++)
        if (!s->soft[i].finite)
            return s->foreign ? wt_fail(err, WT_EVERDICT, "%s answers NaN or infinity", s->o->engine)
                              : wt_language_blame(s->language, err);
    return WT_OK;
}

/* Row i of the slice foresees token `next`. */
static wt_status score(scorer *s, size_t i, int32_t next, wt_err *err)
{
    const float *logits = logits_of(s, i);
    s->nll[s->n] = s->soft[i].log_sum - logits[next];
    if (s->o->reference) {
        wt_ref_row row;
        WT_TRY(wt_reference_next(&s->reference, next, &row, err));
        s->ref_nll[s->n] = row.nll;
        s->kld[s->n] = wt_ref_divergence(&row, logits, &s->soft[i]);
        s->same_top1 += row.best == s->soft[i].best;
    }
    s->n++;
    return s->writer.file ? wt_reference_add(&s->writer, logits, &s->soft[i], next, err) : WT_OK;
}

static wt_status run_slice(scorer *s, const int32_t *tokens, size_t first, size_t n, wt_err *err)
{
    WT_TRY(feed(s, tokens + first, n, 0, err));
    WT_TRY(soften_all(s, n, err));
    for (size_t i = 0; i < n; i++)
        WT_TRY(score(s, i, tokens[first + i + 1], err));
    return WT_OK;
}

static wt_status score_chunk(scorer *s, size_t c, wt_err *err)
{
    const int32_t *tokens = s->tokens + c * s->chunk;
    const size_t first = s->chunk / 2, last = s->chunk - 1;
    WT_TRY(s->foreign ? s->foreign->engine->rewind(s->foreign, 0, err) : wt_seq_truncate(s->decoder, s->seq, 0, err));
    memcpy(s->beginning, tokens, first * sizeof *tokens);
    if (s->begins)
        s->beginning[0] = s->bos;
    WT_TRY(feed(s, s->beginning, first, first, err));
    for (size_t at = first; at < last; at += s->slice)
        WT_TRY(run_slice(s, tokens, at, last - at < s->slice ? last - at : s->slice, err));
    return WT_OK;
}

static wt_status score_all(scorer *s, wt_err *err)
{
    const uint64_t began = wt_now_ns();
    for (size_t c = 0; c < s->chunks; c++) {
        WT_TRY(wt_check_cancel(s->ctx, err));
        WT_TRY(score_chunk(s, c, err));
        wt_report_progress(s->ctx, "perplexity", "chunks", c + 1, s->chunks);
    }
    s->seconds = wt_seconds_since(began);
    return WT_OK;
}

/* --- what came out -------------------------------------------------------------------------------------------------
 */
static void mean_and_error(const double *v, size_t n, double *mean, double *error)
{
    double sum = 0, square = 0;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        square += (v[i] - *mean) * (v[i] - *mean);
    *error = n > 1 ? sqrt(square / (double)(n - 1) / (double)n) : 0;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void add_comparison(scorer *s, json_t *root)
{
    double mean, error, ratio, ratio_error, reference, unused, ci[2];
    mean_and_error(s->ref_nll, s->n, &reference, &unused);
    for (size_t i = 0; i < s->n; i++)
        s->ref_nll[i] = s->nll[i] - s->ref_nll[i];
    mean_and_error(s->ref_nll, s->n, &ratio, &ratio_error);
    mean_and_error(s->kld, s->n, &mean, &error);
    qsort(s->kld, s->n, sizeof *s->kld, ascending);
    json_t *kld = json_object();
    const struct {
        const char *name;
        double value;
    } rows[] = { { "mean", mean },
                 { "p50", wt_percentile(s->kld, s->n, 0.5) },
                 { "p90", wt_percentile(s->kld, s->n, 0.9) },
                 { "p99", wt_percentile(s->kld, s->n, 0.99) },
                 { "p999", wt_percentile(s->kld, s->n, 0.999) },
                 { "max", s->kld[s->n - 1] } };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++)
        json_object_set_new(kld, rows[i].name, wt_json_real(rows[i].value));
    json_object_set_new(kld, "ci95",
                        json_pack("[o, o]", wt_json_real(mean - 1.96 * error), wt_json_real(mean + 1.96 * error)));
    json_object_set_new(root, "kld", kld);
    wt_wilson((double)s->same_top1, (double)s->n, ci);
    json_object_set_new(root, "same_top1", wt_json_real((double)s->same_top1 / (double)s->n));
    json_object_set_new(root, "same_top1_ci95", json_pack("[f, f]", ci[0], ci[1]));
    json_object_set_new(root, "reference_perplexity", wt_json_real(exp(reference)));
    json_object_set_new(root, "ppl_ratio", wt_json_real(exp(ratio)));
    json_object_set_new(root, "ppl_ratio_ci95",
                        json_pack("[o, o]", wt_json_real(exp(ratio - 1.96 * ratio_error)),
                                  wt_json_real(exp(ratio + 1.96 * ratio_error))));
    json_object_set_new(root, "reference", wt_json_text(s->o->reference));
}

static json_t *report(scorer *s, const char *model)
{
    double mean, error;
    mean_and_error(s->nll, s->n, &mean, &error);
    json_t *root = json_pack("{s:s, s:o, s:o, s:[o, o], s:I, s:I, s:I}", "schema", "whet.perplexity/1", "model",
                             wt_json_text(model), "perplexity", wt_json_real(exp(mean)), "ppl_ci95",
                             wt_json_real(exp(mean - 1.96 * error)), wt_json_real(exp(mean + 1.96 * error)), "ctx",
                             (json_int_t)s->chunk, "chunks", (json_int_t)s->chunks, "tokens_scored", (json_int_t)s->n);
    if (s->o->reference)
        add_comparison(s, root);
    json_object_set_new(root, "engine", json_string(s->foreign ? s->o->engine : "native"));
    json_object_set_new(root, "engine_version", wt_json_text(s->foreign ? s->foreign->version : wt_version()));
    json_object_set_new(root, "tok_per_s", wt_json_real((double)(s->chunk * s->chunks) / s->seconds));
    json_object_set_new(root, "weights_bytes", json_integer((json_int_t)wt_weights_file_bytes(s->language->weights)));
    return root;
}

static wt_status measure(scorer *s, const char *model, wt_err *err)
{
    WT_TRY(open_model(s, model, err));
    WT_TRY(allocate(s, err));
    if (s->o->save_reference)
        WT_TRY(wt_reference_create(&s->writer, s->ctx, s->o->save_reference, s->o->force, (uint32_t)s->vocab,
                                   (uint32_t)s->chunk, (uint32_t)s->chunks, s->tokens, err));
    WT_TRY(score_all(s, err));
    return s->writer.file ? wt_reference_end(&s->writer, true, err) : WT_OK;
}

wt_status wt_perplexity(wt_result **out, wt_context *ctx, const char *model, const wt_perplexity_options *options,
                        wt_err *err)
{
    wt_perplexity_options o = wt_perplexity_defaults();
    *out = NULL;
    if (options)
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    scorer s = { .ctx = ctx, .o = &o };
    wt_status st = measure(&s, model, err);
    if (st == WT_OK)
        st = wt_result_take(out, ctx, report(&s, model), err);
    wt_reference_end(&s.writer, false, NULL);
    wt_reference_close(&s.reference);
    wt_remote_decoder_close(s.foreign);
    void *const arrays[] = { s.batch, s.beginning, s.soft, s.nll, s.ref_nll, s.kld };
    for (size_t i = 0; i < WT_ARRAY_LEN(arrays); i++)
        wt_free(ctx, arrays[i]);
    wt_ids_free(&s.text);
    wt_decoder_close(s.decoder);
    wt_language_close(s.language);
    return st;
}
