/* guess.c - guesses by a smaller model, or by looking up. */
#include "run/generate/guess.h"

struct wt_guesser {
    wt_context *ctx;
    size_t tokens; /* guesses at a time */
    /* a smaller model */
    wt_language *language;
    wt_decoder *decoder;
    wt_seq seq;
    int32_t *seen; /* the tokens in its cache */
    size_t n_seen, cap_seen;
};

static wt_status same_vocabulary(const wt_language *draft, const wt_language *target, wt_err *err)
{
    const wt_tokenizer *a = wt_language_tokenizer(draft), *b = wt_language_tokenizer(target);
    wt_tokenizer_info ia = { 0 }, ib = { 0 };
    if (a && b) {
        wt_tokenizer_describe(a, &ia);
        wt_tokenizer_describe(b, &ib);
    }
    bool same = a && b && ia.tokens == ib.tokens && ia.bos == ib.bos && ia.eos == ib.eos;
    for (size_t i = 0; same && i < ia.tokens; i += 97) {
        const char *x = wt_token_text(a, (int32_t)i), *y = wt_token_text(b, (int32_t)i);
        same = x && y && !strcmp(x, y);
    }
    if (same)
        return WT_OK;
    wt_fail(err, WT_EUSAGE, "the draft model has another vocabulary than the model");
    wt_err_hint(err, "a draft must share the tokenizer: take a smaller model of the same family");
    return WT_EUSAGE;
}

static wt_status open_draft(wt_guesser *g, const wt_language *target, const wt_generate_options *o, wt_err *err)
{
    wt_language_options l = o->language;
    if (o->decoder.context > 0)
        l.context = o->decoder.context;
    WT_TRY(wt_language_open(&g->language, g->ctx, o->draft, &l, err));
    WT_TRY(same_vocabulary(g->language, target, err));
    wt_decoder_options d = o->decoder;
    wt_language_info info;
    wt_language_describe(g->language, &info);
    if (d.context > info.context)
        d.context = info.context;
    WT_TRY(wt_decoder_open(&g->decoder, g->language, &d, err));
    return wt_seq_open(g->decoder, &g->seq, err);
}

wt_status wt_guesser_open(wt_guesser **out, const wt_language *target, const wt_generate_options *options, wt_err *err)
{
    *out = NULL;
    if (!options->draft && !options->lookup)
        return WT_OK;
    wt_guesser *g = wt_alloc(target->ctx, 1, sizeof *g, err);
    if (!g)
        return WT_ENOMEM;
    g->ctx = target->ctx;
    g->tokens = options->draft_tokens > 0 ? (size_t)options->draft_tokens : options->draft ? 4 : 8;
    const wt_status st = options->draft ? open_draft(g, target, options, err) : WT_OK;
    if (st != WT_OK) {
        wt_guesser_close(g);
        return st;
    }
    *out = g;
    return WT_OK;
}

void wt_guesser_close(wt_guesser *g)
{
    if (!g)
        return;
    wt_decoder_close(g->decoder);
    wt_language_close(g->language);
    wt_free(g->ctx, g->seen);
    wt_free(g->ctx, g);
}

/* What followed the last time that the text's last three (or two) tokens were there. */
static size_t look_up(const int32_t *tokens, size_t n, size_t most, int32_t *guesses)
{
    for (size_t len = 3; len >= 2; len--)
        for (size_t at = n > len ? n - len : 0; at-- > 0;)
            if (!memcmp(tokens + at, tokens + n - len, len * sizeof *tokens)) {
                size_t count = 0;
                while (count < most && at + len + count < n) {
                    guesses[count] = tokens[at + len + count];
                    count++;
                }
                return count;
            }
    return 0;
}

/* Runs the tokens that the draft has not seen, after taking back those that were not kept. */
static wt_status catch_up(wt_guesser *g, const int32_t *tokens, size_t n, wt_err *err)
{
    size_t same = 0;
    while (same < g->n_seen && same < n && g->seen[same] == tokens[same])
        same++;
    if (same == n)
        same = n - 1; /* the last one's logits are what is wanted */
    WT_TRY(wt_seq_truncate(g->decoder, g->seq, (int64_t)same, err));
    WT_TRY(wt_grow(g->ctx, (void **)&g->seen, &g->cap_seen, n + g->tokens, sizeof *g->seen, err));
    memcpy(g->seen + same, tokens + same, (n - same) * sizeof *tokens);
    g->n_seen = same;
    wt_batch_token *batch = wt_alloc(g->ctx, n - same, sizeof *batch, err);
    if (!batch)
        return WT_ENOMEM;
    for (size_t i = same; i < n; i++)
        batch[i - same] = (wt_batch_token){ tokens[i], g->seq, i == n - 1 };
    const wt_status st = wt_decoder_run(g->decoder, batch, n - same, err);
    wt_free(g->ctx, batch);
    if (st == WT_OK)
        g->n_seen = n;
    return st;
}

static wt_status ask_draft(wt_guesser *g, const int32_t *tokens, size_t n, size_t most, int32_t *guesses, size_t *count,
                           wt_err *err)
{
    *count = 0;
    wt_status st = catch_up(g, tokens, n, err);
    while (st == WT_OK && *count < most) {
        const int32_t token = wt_likeliest(wt_decoder_output(g->decoder, 0), g->language->hp.vocab);
        guesses[(*count)++] = token;
        if (*count == most || wt_token_ends(g->language->tokenizer, token))
            break;
        g->seen[g->n_seen] = token;
        st = wt_decoder_run(g->decoder, &(wt_batch_token){ token, g->seq, true }, 1, err);
        g->n_seen += st == WT_OK;
    }
    if (st != WT_ELIMIT)
        return st;
    *count = 0; /* its context is full: the large model goes on alone */
    return WT_OK;
}

wt_status wt_guesser_next(wt_guesser *g, const int32_t *tokens, size_t n, size_t most, int32_t *guesses, size_t *count,
                          wt_err *err)
{
    *count = 0;
    if (!g || !n)
        return WT_OK;
    most = most < g->tokens ? most : g->tokens;
    if (g->decoder)
        return ask_draft(g, tokens, n, most, guesses, count, err);
    *count = look_up(tokens, n, most, guesses);
    return WT_OK;
}
