/* guess.h - speculative decoding: where cheap guesses of the next tokens come from. The large model checks them all in
 * one pass; those it would have chosen itself are kept, so that the text is the same as without. */
#ifndef WT_GUESS_H
#define WT_GUESS_H
#include "run/generate/language.h"

typedef struct wt_guesser wt_guesser;
/* options->draft: a model of the same vocabulary; options->lookup: what followed the last words before. *out is NULL
 * when neither is asked for. */
wt_status wt_guesser_open(wt_guesser **out, const wt_language *target, const wt_generate_options *options, wt_err *err);
void wt_guesser_close(wt_guesser *g); /* NULL is fine */
/* At most `most` guesses of what follows the `n` tokens. */
wt_status wt_guesser_next(wt_guesser *g, const int32_t *tokens, size_t n, size_t most, int32_t *guesses, size_t *count,
                          wt_err *err);
#endif
