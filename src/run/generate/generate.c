/* generate.c - text from a decoder: prompt, then token by token, with guesses where they are asked for. */
#include "base/clock.h"
#include "base/json.h"
#include "run/generate/generate.h"
#include "run/generate/guess.h"
#include "run/generate/prompt.h"
#include "run/generate/text_out.h"

typedef struct generation {
    wt_context *ctx;
    const wt_generate_options *o;
    wt_language *language;
    wt_decoder *decoder;
    wt_engine_decoder *foreign; /* instead of ours; borrowed */
    int32_t *feed;              /* what it is fed */
    size_t cap_feed;
    int64_t fed; /* tokens that it keeps */
    wt_sampler *sampler;
    wt_guesser *guesser;
    wt_text_out out;
    wt_ids ids; /* prompt and answer */
    size_t n_prompt, n_keep;
    wt_seq seq;
    wt_batch_token *batch;
    size_t cap_batch, guessed, accepted, passes;
    int64_t limit; /* tokens of the context */
    const char *reason;
    double load_s, prefill_s, decode_s;
} generation;

wt_generate_options wt_generate_defaults(void)
{
    return (wt_generate_options){ .size = sizeof(wt_generate_options),
                                  .language = wt_language_defaults(),
                                  .decoder = wt_decoder_defaults(),
                                  .sampling = wt_sampling_defaults() };
}

/* --- the prompt ----------------------------------------------------------------------------------------------------
 */
static wt_status fit_prompt(generation *g, wt_err *err)
{
    if (g->ids.n == 0)
        return wt_fail(err, WT_EUSAGE, "the prompt is empty, and the model has no token that begins a text");
    if ((int64_t)g->ids.n < g->limit)
        return WT_OK;
    if (g->o->overflow == WT_OVERFLOW_REFUSE) {
        wt_fail(err, WT_EUSAGE, "the prompt has %zu tokens, the context %lld", g->ids.n, (long long)g->limit);
        wt_err_hint(err, "a larger --ctx (the model was made for %lld), or --overflow truncate or shift",
                    (long long)g->language->hp.context);
        return WT_EUSAGE;
    }
    const size_t keep = g->n_keep, left = (size_t)g->limit - 1 - keep; /* the end of a text says most about its rest */
    memmove(g->ids.ids + keep, g->ids.ids + g->ids.n - left, left * sizeof *g->ids.ids);
    g->ids.n = keep + left;
    return WT_OK;
}

/* --- the network, ours or another's --------------------------------------------------------------------------------
 */
static int64_t length_of(const generation *g) { return g->foreign ? g->fed : wt_seq_length(g->decoder, g->seq); }

static wt_status go_back(generation *g, int64_t keep, wt_err *err)
{
    if (!g->foreign)
        return wt_seq_truncate(g->decoder, g->seq, keep, err);
    g->fed = keep;
    return g->foreign->engine->rewind(g->foreign, keep, err);
}

static const float *logits_of(const generation *g, size_t place)
{
    return g->foreign ? g->foreign->engine->logits(g->foreign, place) : wt_decoder_output(g->decoder, place);
}

/* The first n of the batch. Of those that are wanted there are none but the last ones. */
static wt_status run_batch(generation *g, size_t n, wt_err *err)
{
    size_t wanted = n;
    if (!g->foreign)
        return wt_decoder_run(g->decoder, g->batch, n, err);
    WT_TRY(wt_grow(g->ctx, (void **)&g->feed, &g->cap_feed, n, sizeof *g->feed, err));
    for (size_t i = n; i-- > 0 && g->batch[i].wanted;)
        wanted = i;
    for (size_t i = 0; i < n; i++)
        g->feed[i] = g->batch[i].token;
    WT_TRY(g->foreign->engine->feed(g->foreign, g->feed, n, wanted, err));
    g->fed += (int64_t)n;
    return WT_OK;
}

static wt_status batch_add(generation *g, size_t at, int32_t token, bool wanted, wt_err *err)
{
    WT_TRY(wt_grow(g->ctx, (void **)&g->batch, &g->cap_batch, at + 1, sizeof *g->batch, err));
    g->batch[at] = (wt_batch_token){ token, g->seq, wanted };
    return WT_OK;
}

static wt_status prefill(generation *g, wt_err *err)
{
    const uint64_t began = wt_now_ns();
    for (size_t i = 0; i < g->ids.n; i++) {
        WT_TRY(batch_add(g, i, g->ids.ids[i], i + 1 == g->ids.n, err));
        WT_TRY(wt_sampler_accept(g->sampler, g->ids.ids[i], err));
    }
    WT_TRY(run_batch(g, g->ids.n, err));
    g->prefill_s = wt_seconds_since(began);
    return WT_OK;
}

/* --- the answer ----------------------------------------------------------------------------------------------------
 */
/* Takes a token that was chosen; g->reason is set when the text ends with it. */
static wt_status take(generation *g, int32_t token, wt_err *err)
{
    const wt_tokenizer *t = g->language->tokenizer;
    const char *piece;
    size_t len;
    WT_TRY(wt_grow(g->ctx, (void **)&g->ids.ids, &g->ids.cap, g->ids.n + 1, sizeof *g->ids.ids, err));
    g->ids.ids[g->ids.n++] = token;
    if (wt_token_ends(t, token)) {
        g->reason = "end";
        return WT_OK;
    }
    WT_TRY(wt_token_piece(t, token, false, &piece, &len, err));
    WT_TRY(wt_text_out_add(&g->out, piece, len, err));
    if (g->out.stopped)
        g->reason = "stop";
    else if (g->o->max_tokens > 0 && (int64_t)(g->ids.n - g->n_prompt) >= g->o->max_tokens)
        g->reason = "length";
    return WT_OK;
}

/* Makes room for the next token, or says that there is none. */
static wt_status make_room(generation *g, wt_err *err)
{
    const int64_t length = length_of(g);
    if (length < g->limit)
        return WT_OK;
    if (g->o->overflow != WT_OVERFLOW_SHIFT) {
        g->reason = "context";
        return WT_OK;
    }
    return wt_seq_shift(g->decoder, g->seq, (int64_t)g->n_keep, (length - (int64_t)g->n_keep + 1) / 2, err);
}

/* The last token and guesses behind it go through the network together. */
static wt_status look_ahead(generation *g, size_t *n, wt_err *err)
{
    int32_t guesses[64];
    size_t count = 0, room = (size_t)(g->limit - length_of(g)) - 1;
    if (g->o->max_tokens > 0) {
        const size_t left = (size_t)g->o->max_tokens - (g->ids.n - g->n_prompt);
        room = room < left - 1 ? room : left - 1;
    }
    room = room < WT_ARRAY_LEN(guesses) ? room : WT_ARRAY_LEN(guesses);
    if (g->guesser && room)
        WT_TRY(wt_guesser_next(g->guesser, g->ids.ids, g->ids.n, room, guesses, &count, err));
    WT_TRY(batch_add(g, 0, g->ids.ids[g->ids.n - 1], true, err));
    for (size_t i = 0; i < count; i++)
        WT_TRY(batch_add(g, i + 1, guesses[i], true, err));
    *n = count + 1;
    g->guessed += count;
    g->passes++;
    return run_batch(g, *n, err);
}

static wt_status choose_one(generation *g, size_t place, int32_t *token, wt_err *err)
{
    const wt_status st = wt_sampler_next(g->sampler, logits_of(g, place), token, err);
    return st == WT_EVERDICT && !g->foreign ? wt_language_blame(g->language, err) : st;
}

/* Chooses at every place of the last pass, as long as the choice is what had been guessed. */
static wt_status choose(generation *g, size_t n, wt_err *err)
{
    const int64_t before = length_of(g) - (int64_t)n;
    for (size_t i = 0; i < n && !g->reason; i++) {
        int32_t token;
        WT_TRY(choose_one(g, i, &token, err));
        WT_TRY(take(g, token, err));
        if (i + 1 == n || token != g->batch[i + 1].token)
            return go_back(g, before + (int64_t)i + 1, err);
        g->accepted++;
    }
    return WT_OK;
}

static wt_status answer(generation *g, wt_err *err)
{
    const uint64_t began = wt_now_ns();
    int32_t token;
    size_t n;
    WT_TRY(choose_one(g, 0, &token, err));
    WT_TRY(take(g, token, err));
    while (!g->reason) {
        WT_TRY(wt_check_cancel(g->ctx, err));
        WT_TRY(make_room(g, err));
        if (g->reason)
            break;
        WT_TRY(look_ahead(g, &n, err));
        WT_TRY(choose(g, n, err));
    }
    g->decode_s = wt_seconds_since(began);
    return wt_text_out_end(&g->out, err);
}

/* --- all of it -----------------------------------------------------------------------------------------------------
 */
static wt_status open_decoder(generation *g, wt_err *err)
{
    WT_TRY(wt_decoder_open(&g->decoder, g->language, &g->o->decoder, err));
    WT_TRY(wt_seq_open(g->decoder, &g->seq, err));
    return wt_guesser_open(&g->guesser, g->language, g->o, err);
}

static wt_status check_foreign(const generation *g, wt_err *err)
{
    if (g->o->draft || g->o->lookup || g->o->overflow == WT_OVERFLOW_SHIFT)
        return wt_fail(err, WT_EUSAGE, "guesses and a shifting context need our own engine, not %s", g->o->engine);
    if (g->foreign->vocab != g->language->hp.vocab)
        return wt_fail(err, WT_EUNSUPPORTED, "%s says that the vocabulary has %lld tokens, the file %lld", g->o->engine,
                       (long long)g->foreign->vocab, (long long)g->language->hp.vocab);
    return WT_OK;
}

static wt_status open_model(generation *g, const char *model, wt_err *err)
{
    const uint64_t began = wt_now_ns();
    wt_tokenizer_info info;
    wt_language_options l = g->o->language;
    if (g->o->decoder.context > 0)
        l.context = g->o->decoder.context;
    l.words_only = g->foreign != NULL;
    WT_TRY(wt_language_open(&g->language, g->ctx, model, &l, err));
    WT_TRY(wt_prompt_ids(&g->ids, g->language, g->o, err));
    WT_TRY(g->foreign ? check_foreign(g, err) : open_decoder(g, err));
    WT_TRY(wt_sampler_open(&g->sampler, g->ctx, &g->o->sampling, g->language->tokenizer, g->language->hp.vocab, err));
    wt_tokenizer_describe(g->language->tokenizer, &info);
    g->n_keep = g->ids.n && g->ids.ids[0] == info.bos;
    g->limit = g->foreign ? g->foreign->context : g->decoder->max_pages * WT_KV_PAGE;
    if (g->o->decoder.context > 0 && g->o->decoder.context < g->limit)
        g->limit = g->o->decoder.context;
    if (g->foreign && g->o->decoder.context <= 0 && g->language->hp.context < g->limit)
        g->limit = g->language->hp.context;
    g->load_s = wt_seconds_since(began);
    return WT_OK;
}

static json_t *report(const generation *g, const char *model)
{
    const size_t made = g->ids.n - g->n_prompt;
    json_t *tokens = json_array();
    for (size_t i = g->n_prompt; i < g->ids.n; i++)
        json_array_append_new(tokens, json_integer(g->ids.ids[i]));
    json_t *root = json_pack("{s:s, s:o, s:o, s:o, s:I, s:s}", "schema", "whet.generate/1", "model",
                             wt_json_text(model), "text", wt_json_text(g->out.text.data), "tokens", tokens,
                             "prompt_tokens", (json_int_t)g->n_prompt, "finish_reason", g->reason ? g->reason : "");
    json_object_set_new(root, "load_ms", wt_json_real(g->load_s * 1e3));
    json_object_set_new(root, "first_token_ms", wt_json_real((g->load_s + g->prefill_s) * 1e3));
    json_object_set_new(root, "prefill_tok_per_s", wt_json_real((double)g->n_prompt / g->prefill_s));
    json_object_set_new(root, "decode_tok_per_s",
                        made > 1 ? wt_json_real((double)(made - 1) / g->decode_s) : json_null());
    if (g->guesser)
        json_object_set_new(root, "speculative",
                            json_pack("{s:I, s:I, s:I}", "guessed", (json_int_t)g->guessed, "accepted",
                                      (json_int_t)g->accepted, "passes", (json_int_t)g->passes));
    json_object_set_new(root, "engine", json_string(g->foreign ? g->o->engine : "native"));
    json_object_set_new(root, "engine_version", wt_json_text(g->foreign ? g->foreign->version : wt_version()));
    if (!g->decoder)
        return root;
    const wt_decoder_memory m = wt_decoder_memory_use(g->decoder);
    json_object_set_new(root, "memory",
                        json_pack("{s:I, s:I, s:I}", "weights_bytes", (json_int_t)m.weights_bytes, "kv_bytes",
                                  (json_int_t)m.kv_bytes, "scratch_bytes", (json_int_t)m.scratch_bytes));
    return root;
}

static wt_status generate(generation *g, const char *model, wt_err *err)
{
    WT_TRY(open_model(g, model, err));
    WT_TRY(fit_prompt(g, err));
    g->n_prompt = g->ids.n;
    WT_TRY(prefill(g, err));
    return answer(g, err);
}

wt_status wt_generate_with(wt_result **out, wt_context *ctx, const char *model, const wt_generate_options *options,
                           wt_engine_decoder *foreign, wt_err *err)
{
    wt_generate_options o = wt_generate_defaults();
    *out = NULL;
    if (options)
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    generation g = { .ctx = ctx, .o = &o, .foreign = foreign };
    wt_text_out_init(&g.out, ctx, &o);
    wt_status st = generate(&g, model, err);
    if (st == WT_OK)
        st = wt_result_take(out, ctx, report(&g, model), err);
    wt_guesser_close(g.guesser);
    wt_sampler_close(g.sampler);
    wt_decoder_close(g.decoder);
    wt_language_close(g.language);
    wt_text_out_free(&g.out);
    wt_ids_free(&g.ids);
    wt_free(ctx, g.batch);
    wt_free(ctx, g.feed);
    return st;
}
