/* remote_decoder.c - see remote_decoder.h. */
#include "measure/language/remote_decoder.h"
#include <stdio.h>
#include "base/json.h"
#include "measure/worker/worker.h"

enum { PIECE = 2048 }; /* tokens of one request */
static const double open_s = 600, answer_s = 600;

typedef struct remote_decoder {
    wt_engine_decoder base;
    wt_worker *worker;
    float *logits; /* of all that were wanted in the last feed */
    size_t cap;
} remote_decoder;

void wt_remote_decoder_close(wt_engine_decoder *decoder)
{
    remote_decoder *d = (remote_decoder *)decoder;
    if (!d)
        return;
    wt_worker_close(d->worker);
    wt_free(d->base.ctx, d->logits);
    wt_free(d->base.ctx, d);
}

static wt_status remote_rewind(wt_engine_decoder *decoder, int64_t keep, wt_err *err)
{
    remote_decoder *d = (remote_decoder *)decoder;
    json_t *answer;
    WT_TRY(wt_worker_ask(d->worker, json_pack("{s:s, s:I}", "do", "rewind", "keep", (json_int_t)keep), answer_s,
                         &answer, err));
    json_decref(answer);
    return WT_OK;
}

static wt_status feed_piece(remote_decoder *d, const int32_t *tokens, size_t n, size_t wanted, size_t row, wt_err *err)
{
    json_t *list = json_array(), *answer;
    const size_t width = (size_t)d->base.vocab;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_integer(tokens[i]));
    WT_TRY(wt_worker_ask(d->worker,
                         json_pack("{s:s, s:o, s:I}", "do", "feed", "tokens", list, "wanted", (json_int_t)wanted),
                         answer_s, &answer, err));
    json_decref(answer);
    for (size_t i = wanted; i < n; i++)
        WT_TRY(wt_worker_bytes(d->worker, d->logits + row++ * width, width * sizeof(float), answer_s, err));
    return WT_OK;
}

static wt_status remote_feed(wt_engine_decoder *decoder, const int32_t *tokens, size_t n, size_t wanted, wt_err *err)
{
    remote_decoder *d = (remote_decoder *)decoder;
    size_t row = 0;
    if (wanted > n)
        wanted = n;
    WT_TRY(
        wt_grow(d->base.ctx, (void **)&d->logits, &d->cap, (n - wanted) * (size_t)d->base.vocab, sizeof(float), err));
    for (size_t at = 0; at < n; at += PIECE) {
        const size_t len = n - at < PIECE ? n - at : PIECE, from = wanted <= at        ? 0
                                                                   : wanted - at < len ? wanted - at
                                                                                       : len;
        WT_TRY(feed_piece(d, tokens + at, len, from, row, err));
        row += len - from;
    }
    return WT_OK;
}

static const float *remote_logits(wt_engine_decoder *decoder, size_t index)
{
    return ((remote_decoder *)decoder)->logits + index * (size_t)decoder->vocab;
}

static const wt_engine remote_engine = { .name = "remote",
                                         .summary = "an engine in a process of its own",
                                         .close_decoder = wt_remote_decoder_close,
                                         .rewind = remote_rewind,
                                         .feed = remote_feed,
                                         .logits = remote_logits };

static wt_status open_worker(remote_decoder *d, const wt_engine_choice *choice, const char *program, const char *model,
                             int threads, wt_err *err)
{
    json_t *answer;
    WT_TRY(wt_worker_open(&d->worker, d->base.ctx, program, threads, NULL, err));
    WT_TRY(wt_worker_ask(d->worker,
                         json_pack("{s:s, s:o, s:s, s:s, s:i, s:I}", "do", "open-language", "model",
                                   wt_message_path(model), "engine", choice->engine->name, "variant", choice->variant,
                                   "threads", threads, "context", (json_int_t)d->base.context),
                         open_s, &answer, err));
    const char *version = json_string_value(json_object_get(answer, "version")),
               *settings = json_string_value(json_object_get(answer, "settings"));
    snprintf(d->base.version, sizeof d->base.version, "%s", version ? version : "");
    snprintf(d->base.settings, sizeof d->base.settings, "%s", settings ? settings : "");
    d->base.vocab = json_integer_value(json_object_get(answer, "vocab"));
    json_decref(answer);
    return d->base.vocab > 0 ? WT_OK : wt_fail(err, WT_EINTERNAL, "the worker's model has no vocabulary");
}

wt_status wt_remote_decoder_open(wt_engine_decoder **out, wt_context *ctx, const char *engine, const char *program,
                                 const char *model, int threads, int64_t context, wt_err *err)
{
    wt_engine_choice choices[WT_MOST_ENGINES];
    size_t n;
    *out = NULL;
    WT_TRY(wt_engine_choices(choices, &n, ctx, engine, err));
    if (n != 1)
        return wt_fail(err, WT_EUSAGE, "one engine was expected, not %zu: %s", n, engine);
    if (wt_engine_is_native(choices[0].engine))
        return WT_OK;
    remote_decoder *d = wt_alloc(ctx, 1, sizeof *d, err);
    if (!d)
        return WT_ENOMEM;
    d->base = (wt_engine_decoder){ .engine = &remote_engine, .ctx = ctx, .context = context };
    const wt_status st = open_worker(d, &choices[0], program, model, threads, err);
    if (st != WT_OK) {
        wt_remote_decoder_close(&d->base);
        return st;
    }
    *out = &d->base;
    return WT_OK;
}
