/* sampler.c - choosing the next token from logits.
 *
 * The order is the field's: penalties, grammar, then top-k, typical, top-p, min-p on the candidates that are left, then
 * temperature and a draw. Candidates are never sorted as a whole vocabulary: the k-th largest is selected first. Greedy
 * takes the first of equal logits, so it is a function of the logits alone. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include "base/hash.h"
#include "run/generate/sampler.h"

wt_sampling wt_sampling_defaults(void)
{
    return (wt_sampling){ .size = sizeof(wt_sampling),
                          .temperature = 0.8,
                          .top_k = 40,
                          .top_p = 0.95,
                          .min_p = 0.05,
                          .typical_p = 1,
                          .repeat_penalty = 1,
                          .repeat_last = 64,
                          .mirostat_tau = 5,
                          .mirostat_eta = 0.1 };
}

static wt_status check(const wt_sampling *s, wt_err *err)
{
    const struct {
        const char *name;
        double value, low, high;
    } ranges[] = { { "temperature", s->temperature, 0, 1e3 },
                   { "top-p", s->top_p, 0, 1 },
                   { "min-p", s->min_p, 0, 1 },
                   { "typical-p", s->typical_p, 0, 1 },
                   { "repeat-penalty", s->repeat_penalty, 1e-3, 1e3 },
                   { "presence-penalty", s->presence_penalty, -1e3, 1e3 },
                   { "frequency-penalty", s->frequency_penalty, -1e3, 1e3 },
                   { "mirostat", s->mirostat, 0, 2 },
                   { "top-k", s->top_k, 0, INT32_MAX },
                   { "repeat-last", s->repeat_last, 0, 1 << 20 } };
    for (size_t i = 0; i < WT_ARRAY_LEN(ranges); i++)
        if (!(ranges[i].value >= ranges[i].low && ranges[i].value <= ranges[i].high))
            return wt_fail(err, WT_EUSAGE, "%s is %g, expected %g to %g", ranges[i].name, ranges[i].value,
                           ranges[i].low, ranges[i].high);
    return WT_OK;
}

wt_status wt_sampler_open(wt_sampler **out, wt_context *ctx, const wt_sampling *sampling, const wt_tokenizer *tokenizer,
                          int64_t vocab, wt_err *err)
{
    wt_sampling o = wt_sampling_defaults();
    *out = NULL;
    if (sampling)
        memcpy(&o, sampling, sampling->size < sizeof o ? sampling->size : sizeof o);
    WT_TRY(check(&o, err));
    wt_sampler *s = wt_alloc(ctx, 1, sizeof *s, err);
    if (!s)
        return WT_ENOMEM;
    s->ctx = ctx;
    s->options = o;
    s->tokenizer = tokenizer;
    s->vocab = (size_t)vocab;
    s->random = o.seed ^ UINT64_C(0x9e3779b97f4a7c15);
    s->mu = 2 * o.mirostat_tau;
    s->candidates = wt_alloc(ctx, s->vocab, sizeof *s->candidates, err);
    s->last = wt_alloc(ctx, (size_t)o.repeat_last + 1, sizeof *s->last, err);
    wt_status st = s->candidates && s->last ? WT_OK : WT_ENOMEM;
    if (st == WT_OK && (o.grammar || o.json_schema))
        st = wt_guide_open(&s->guide, ctx, o.grammar, o.json_schema, tokenizer, s->vocab, err);
    if (st != WT_OK) {
        wt_sampler_close(s);
        return st;
    }
    *out = s;
    return WT_OK;
}

void wt_sampler_close(wt_sampler *s)
{
    if (!s)
        return;
    wt_free(s->ctx, s->candidates);
    wt_free(s->ctx, s->last);
    wt_guide_close(s->guide);
    wt_free(s->ctx, s);
}

/* --- penalties -----------------------------------------------------------------------------------------------------
 */
static void penalize(const wt_sampler *s, wt_candidate *c, size_t n)
{
    const wt_sampling *o = &s->options;
    if (o->repeat_penalty == 1 && o->presence_penalty == 0 && o->frequency_penalty == 0)
        return;
    for (size_t i = 0; i < s->n_last; i++) {
        const int32_t token = s->last[i];
        int count = 0, earlier = 0;
        for (size_t j = 0; j < s->n_last; j++) {
            count += s->last[j] == token;
            earlier += j < i && s->last[j] == token;
        }
        if (earlier || token < 0 || (size_t)token >= n)
            continue;
        float *v = &c[token].logit; /* candidates are still in the vocabulary's order */
        *v = (float)(*v > 0 ? *v / o->repeat_penalty : *v * o->repeat_penalty);
        *v -= (float)(count * o->frequency_penalty + o->presence_penalty);
    }
}

/* --- what is left --------------------------------------------------------------------------------------------------
 */
static int by_logit(const void *a, const void *b)
{
    const wt_candidate *x = a, *y = b;
    return x->logit != y->logit ? (x->logit < y->logit ? 1 : -1) : x->token < y->token ? -1 : x->token > y->token;
}

/* The k largest come first, in any order (Hoare's selection; equal logits: the smaller number is larger). */
static void select_largest(wt_candidate *c, size_t n, size_t k)
{
    size_t lo = 0, hi = n;
    while (hi - lo > 1 && k > lo && k < hi) {
        const wt_candidate pivot = c[lo + (hi - lo - 1) / 2]; /* never the last: both sides get some */
        size_t i = lo, j = hi - 1;
        for (;;) {
            while (by_logit(&c[i], &pivot) < 0)
                i++;
            while (by_logit(&pivot, &c[j]) < 0)
                j--;
            if (i >= j)
                break;
            const wt_candidate t = c[i];
            c[i++] = c[j];
            c[j--] = t;
        }
        const size_t cut = j + 1;
        if (k <= cut)
            hi = cut;
        else
            lo = cut;
    }
}

static size_t keep_top_k(const wt_sampler *s, wt_candidate *c, size_t n)
{
    size_t k = s->options.top_k > 0 ? (size_t)s->options.top_k : n;
    if (k < n) {
        select_largest(c, n, k);
        n = k;
    }
    qsort(c, n, sizeof *c, by_logit);
    return n;
}

/* --- grammar -------------------------------------------------------------------------------------------------------
 */
/* Those of the first `most` candidates that the grammar allows, in order. */
static wt_status keep_allowed(wt_sampler *s, wt_candidate *c, size_t most, size_t *kept, wt_err *err)
{
    *kept = 0;
    for (size_t i = 0; i < most; i++) {
        bool yes;
        WT_TRY(wt_guide_allows(s->guide, c[i].token, &yes, err));
        if (yes) { /* a swap: no candidate is lost if these turn out to be too few */
            const wt_candidate t = c[*kept];
            c[(*kept)++] = c[i];
            c[i] = t;
        }
    }
    return WT_OK;
}

/* Puts candidates in front that the grammar allows: enough for top-k, or all there are. The likeliest are asked for
 * first, since a model that knows what is wanted of it proposes little else. */
static wt_status allow(wt_sampler *s, wt_candidate *c, size_t *n, wt_err *err)
{
    const size_t wanted = s->options.temperature == 0                    ? 1
                          : s->options.mirostat || s->options.top_k <= 0 ? *n
                                                                         : (size_t)s->options.top_k;
    const uint64_t *bits;
    size_t kept;
    if (wanted < *n / 8) {
        const size_t tried = 2 * wanted + 32 < *n ? 2 * wanted + 32 : *n;
        select_largest(c, *n, tried);
        qsort(c, tried, sizeof *c, by_logit);
        WT_TRY(keep_allowed(s, c, tried, &kept, err));
        if (kept >= wanted) {
            *n = kept;
            return WT_OK;
        }
    }
    WT_TRY(wt_guide_mask(s->guide, &bits, err));
    kept = 0;
    for (size_t i = 0; i < *n; i++)
        if (bits[c[i].token >> 6] >> (c[i].token & 63) & 1)
            c[kept++] = c[i];
    *n = kept;
    if (kept)
        return WT_OK;
    wt_fail(err, WT_EUNSUPPORTED, "no token of the vocabulary goes on with the text as the grammar wants");
    wt_err_hint(err, "the vocabulary lacks bytes that the grammar needs, or a token that ends a text");
    return WT_EUNSUPPORTED;
}

/* Probabilities of sorted candidates; the first has the largest logit. */
static void soften(wt_candidate *c, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += c[i].p = exp((double)c[i].logit - c[0].logit);
    for (size_t i = 0; i < n; i++)
        c[i].p /= sum;
}

static int by_oddness(const void *a, const void *b)
{
    const wt_candidate *x = a, *y = b;
    return x->odd != y->odd ? (x->odd < y->odd ? -1 : 1) : by_logit(a, b);
}

/* Those whose surprise is nearest to the expected one (Meister et al. 2022). */
static size_t keep_typical(const wt_sampler *s, wt_candidate *c, size_t n)
{
    double entropy = 0, sum = 0;
    size_t kept = 0;
    if (s->options.typical_p >= 1)
        return n;
    soften(c, n);
    for (size_t i = 0; i < n; i++)
        entropy -= c[i].p > 0 ? c[i].p * log(c[i].p) : 0;
    for (size_t i = 0; i < n; i++)
        c[i].odd = fabs(-log(c[i].p) - entropy);
    qsort(c, n, sizeof *c, by_oddness);
    while (kept < n && (kept == 0 || sum <= s->options.typical_p))
        sum += c[kept++].p;
    qsort(c, kept, sizeof *c, by_logit);
    return kept;
}

static size_t keep_top_p(const wt_sampler *s, wt_candidate *c, size_t n)
{
    double sum = 0;
    size_t kept = 0;
    if (s->options.top_p >= 1)
        return n;
    soften(c, n);
    while (kept < n && (kept == 0 || sum < s->options.top_p))
        sum += c[kept++].p;
    return kept;
}

static size_t keep_min_p(const wt_sampler *s, const wt_candidate *c, size_t n)
{
    const double least = s->options.min_p > 0 ? c[0].logit + log(s->options.min_p) : -INFINITY;
    size_t kept = 1;
    while (kept < n && c[kept].logit >= least)
        kept++;
    return kept;
}

static size_t pick(wt_sampler *s, wt_candidate *c, size_t n)
{
    soften(c, n);
    const double at = wt_random_unit(&s->random);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if ((sum += c[i].p) > at)
            return i;
    return n - 1;
}

static void warm(wt_candidate *c, size_t n, double temperature)
{
    for (size_t i = 0; i < n; i++)
        c[i].logit = (float)(c[i].logit / temperature);
}

/* --- mirostat (Basu et al. 2021): holds the surprise of what is chosen near tau ------------------------------------
 */
static double zipf_exponent(const wt_candidate *c, size_t n)
{
    double up = 0, down = 0;
    for (size_t i = 0; i + 1 < n && i < 99; i++) {
        const double t = log((double)(i + 2) / (double)(i + 1)), b = log(c[i].p / c[i + 1].p);
        up += t * b;
        down += t * t;
    }
    return down > 0 ? up / down : 1;
}

static size_t mirostat(wt_sampler *s, wt_candidate *c, size_t n)
{
    size_t kept = n;
    soften(c, n);
    if (s->options.mirostat == 1) {
        const double k = zipf_exponent(c, n), e = k - 1;
        const double want = pow(e * pow(2, s->mu) / (1 - pow((double)s->vocab, -e)), 1 / k);
        kept = want < 1 || !(want == want) ? 1 : want < (double)n ? (size_t)want : n;
    } else {
        for (kept = 1; kept < n && -log2(c[kept].p) <= s->mu; kept++)
            ;
    }
    const size_t i = pick(s, c, kept);
    s->mu -= s->options.mirostat_eta * (-log2(c[i].p) - s->options.mirostat_tau);
    return i;
}

/* --- one token -----------------------------------------------------------------------------------------------------
 */
static wt_status load(wt_sampler *s, const float *logits, wt_err *err)
{
    for (size_t i = 0; i < s->vocab; i++) {
        if (!(logits[i] <= FLT_MAX)) /* minus infinity is a token that cannot come */
            return wt_fail(err, WT_EVERDICT,
                           "the model answers NaN or infinity: its weights or activations are broken");
        s->candidates[i] = (wt_candidate){ .token = (int32_t)i, .logit = logits[i] };
    }
    return WT_OK;
}

static int32_t greedy(const wt_candidate *c, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (c[i].logit > c[best].logit || (c[i].logit == c[best].logit && c[i].token < c[best].token))
            best = i;
    return c[best].token;
}

wt_status wt_sampler_next(wt_sampler *s, const float *logits, int32_t *token, wt_err *err)
{
    wt_candidate *c = s->candidates;
    size_t n = s->vocab;
    WT_TRY(load(s, logits, err));
    penalize(s, c, n);
    if (s->guide)
        WT_TRY(allow(s, c, &n, err));
    s->begun = true;
    if (s->options.temperature == 0) {
        *token = greedy(c, n);
        return wt_sampler_accept(s, *token, err);
    }
    if (s->options.mirostat) {
        qsort(c, n, sizeof *c, by_logit);
        warm(c, n, s->options.temperature);
        *token = c[mirostat(s, c, n)].token;
        return wt_sampler_accept(s, *token, err);
    }
    n = keep_top_k(s, c, n);
    n = keep_typical(s, c, n);
    n = keep_top_p(s, c, n);
    n = keep_min_p(s, c, n);
    warm(c, n, s->options.temperature);
    *token = c[pick(s, c, n)].token;
    return wt_sampler_accept(s, *token, err);
}

wt_status wt_sampler_accept(wt_sampler *s, int32_t token, wt_err *err)
{
    const size_t cap = (size_t)s->options.repeat_last;
    if (s->guide && s->begun)
        WT_TRY(wt_guide_accept(s->guide, token, err));
    if (!cap)
        return WT_OK;
    if (s->n_last == cap)
        memmove(s->last, s->last + 1, --s->n_last * sizeof *s->last);
    s->last[s->n_last++] = token;
    return WT_OK;
}
