/* reference.h - files of what a reference model said at every scored place.
 *
 * Ours ("whetref1") holds, for each place, log-probabilities in float32 of the likeliest tokens until what is left has
 * a probability below 1e-5 (at most 4096 tokens), and that rest: a few hundred bytes instead of two for each token of
 * the vocabulary, and no rounding of what counts. llama.cpp's base files ("_logits_": 16 bits a token, the lowest at 16
 * below the largest) are read as well.
 *
 *   "whetref1" | u32 vocabulary | u32 tokens of a chunk | u32 chunks | u32 0 | i32 tokens[chunks * tokens of a chunk]
 *   then places: u32 n | i32 best | f32 nll | f32 tail | i32 token[n] | f32 log_p[n]        (all little-endian) */
#ifndef WT_REFERENCE_H
#define WT_REFERENCE_H
#include "base/file.h"
#include "measure/language/token_scores.h"

typedef struct wt_reference {
    wt_context *ctx;
    wt_map map;
    bool foreign; /* llama.cpp's */
    uint32_t vocab, chunk, chunks;
    const int32_t *tokens; /* [chunks * chunk], owned */
    uint64_t at;           /* next place */
    int32_t *token;        /* room for one place */
    float *log_p;
    size_t cap;
} wt_reference;
wt_status wt_reference_open(wt_reference *out, wt_context *ctx, const char *path, wt_err *err);
void wt_reference_close(wt_reference *reference); /* a zeroed one is fine */
/* The next place, in order; borrowed until the next call. `next` is the token that came (llama.cpp's files do not say
 * how likely it was). */
wt_status wt_reference_next(wt_reference *reference, int32_t next, wt_ref_row *row, wt_err *err);
/* Places of one chunk that are scored: those of its second half but the last. */
static inline size_t wt_scored(size_t chunk) { return chunk - 1 - chunk / 2; }

typedef struct wt_reference_writer {
    wt_outfile *file;
    int32_t *order; /* [vocab] */
    float *log_p;
    uint32_t vocab;
    wt_context *ctx;
} wt_reference_writer;
wt_status wt_reference_create(wt_reference_writer *out, wt_context *ctx, const char *path, bool force, uint32_t vocab,
                              uint32_t chunk, uint32_t chunks, const int32_t *tokens, wt_err *err);
wt_status wt_reference_add(wt_reference_writer *w, const float *logits, const wt_soft *soft, int32_t next, wt_err *err);
/* Finishes the file (commit) or removes it. */
wt_status wt_reference_end(wt_reference_writer *w, bool commit, wt_err *err);
#endif
