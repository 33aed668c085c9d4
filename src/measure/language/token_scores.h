/* token_scores.h - what the logits of one place say: how likely the next token was, and how far from a reference. */
#ifndef WT_TOKEN_SCORES_H
#define WT_TOKEN_SCORES_H
#include "base/base.h"

typedef struct wt_soft {
    float top;      /* largest logit */
    double log_sum; /* log of the sum of exp(logit): log p(i) = logit[i] - log_sum */
    int32_t best;   /* the first of the largest */
    bool finite;
} wt_soft;
wt_soft wt_soften(const float *logits, size_t vocab);

/* One place of a reference: the likeliest tokens with their exact log-probabilities, and the mass of all others. */
typedef struct wt_ref_row {
    int32_t best;
    float nll;  /* of the token that came */
    float tail; /* probability that is in no entry */
    uint32_t n;
    const int32_t *token; /* [n] */
    const float *log_p;   /* [n] */
} wt_ref_row;

/* KL(reference || logits). Tokens of the tail count as one event, so the value is a lower bound that misses what is
 * lost inside a tail of that mass (see wt_reference in reference.h). */
double wt_ref_divergence(const wt_ref_row *row, const float *logits, const wt_soft *soft);
#endif
