/* sampler.h - inside the choice of tokens (its use: whet/language.h). */
#ifndef WT_SAMPLER_H
#define WT_SAMPLER_H
#include "base/base.h"
#include "run/generate/grammar.h"
#include "whet/language.h"

typedef struct wt_candidate {
    int32_t token;
    float logit;
    double p, odd;
} wt_candidate;

struct wt_sampler {
    wt_context *ctx;
    wt_sampling options;
    const wt_tokenizer *tokenizer;
    size_t vocab;
    wt_candidate *candidates; /* [vocab] */
    int32_t *last;            /* the tokens that penalties look at, oldest first */
    size_t n_last;
    uint64_t random;
    double mu;       /* mirostat */
    wt_guide *guide; /* NULL: every text is allowed */
    bool begun;      /* a token was chosen: those told before are the prompt, which no grammar speaks of */
};
#endif
