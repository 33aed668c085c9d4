/* whet/language.h - language models: opened once, run by any number of decoders, measured.
 *
 * A wt_language is immutable: weights packed once, tokenizer, chat template. A wt_decoder is what one caller needs: the
 * cache of keys and values, its sequences, the logits of the last run. Many decoders may share one language, each used
 * by one thread at a time. */
#ifndef WHET_LANGUAGE_H
#define WHET_LANGUAGE_H
#include "whet/chat.h"
#include "whet/result.h"
#include "whet/tensor.h"
#include "whet/tokenizer.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct wt_language wt_language;
typedef struct wt_decoder wt_decoder;

typedef struct wt_language_options {
    size_t size;
    int threads;               /* 0: the context's */
    wt_dtype k_dtype, v_dtype; /* of the caches: WT_F16 (default), WT_F32, WT_Q8_0, WT_Q4_0 */
    bool hidden;               /* decoders give the last hidden state instead of logits */
    int64_t context;           /* of decoders that ask for none; 0: the model's, at most 4096. Where a model has other
                                * frequencies for long texts, decoders must stay on its side of the boundary. */
    bool words_only;           /* tokenizer and chat template: it has no decoders */
} wt_language_options;
WT_API wt_language_options wt_language_defaults(void);
WT_API wt_status wt_language_open(wt_language **out, wt_context *ctx, const char *path,
                                  const wt_language_options *options, wt_err *err);
WT_API void wt_language_close(wt_language *language); /* NULL is fine; after its decoders */

typedef struct wt_language_info {
    const char *arch, *name;
    bool encoder;
    int64_t layers, width, vocab, context, heads, kv_heads;
    uint64_t weights_bytes;      /* in the file */
    uint64_t kv_bytes_per_token; /* at the cache dtypes asked for */
} wt_language_info;
WT_API void wt_language_describe(const wt_language *language, wt_language_info *out);
WT_API const wt_tokenizer *wt_language_tokenizer(const wt_language *language); /* NULL: the file has none */
WT_API const wt_template *wt_language_template(const wt_language *language);   /* NULL: none */

/* --- decoders ------------------------------------------------------------------------------------------------------
 */
typedef struct wt_decoder_options {
    size_t size;
    int64_t context; /* tokens that all sequences may hold together; 0: the language's */
    int sequences;   /* at most; 0: 1 */
    int64_t batch;   /* tokens of one pass through the network; longer inputs are cut; 0: 512 */
} wt_decoder_options;
WT_API wt_decoder_options wt_decoder_defaults(void);
WT_API wt_status wt_decoder_open(wt_decoder **out, wt_language *language, const wt_decoder_options *options,
                                 wt_err *err);
WT_API void wt_decoder_close(wt_decoder *decoder);
typedef struct wt_decoder_memory {
    uint64_t weights_bytes, kv_bytes, scratch_bytes;
} wt_decoder_memory;
WT_API wt_decoder_memory wt_decoder_memory_use(wt_decoder *decoder);

typedef int wt_seq; /* a sequence of a decoder */
WT_API wt_status wt_seq_open(wt_decoder *decoder, wt_seq *out, wt_err *err);
WT_API void wt_seq_close(wt_decoder *decoder, wt_seq seq);
WT_API int64_t wt_seq_length(const wt_decoder *decoder, wt_seq seq);
/* dst becomes the first n tokens of src. Whole pages are shared, not copied. */
WT_API wt_status wt_seq_fork(wt_decoder *decoder, wt_seq dst, wt_seq src, int64_t n, wt_err *err);
WT_API wt_status wt_seq_truncate(wt_decoder *decoder, wt_seq seq, int64_t n, wt_err *err);
/* Forgets tokens [keep, keep + drop); later ones move down and their keys are rotated to the new place. */
WT_API wt_status wt_seq_shift(wt_decoder *decoder, wt_seq seq, int64_t keep, int64_t drop, wt_err *err);

typedef struct wt_batch_token {
    int32_t token;
    wt_seq seq;
    bool wanted; /* its logits are asked for */
} wt_batch_token;
/* Appends the tokens to their sequences and runs them, in passes of at most `batch`. WT_ELIMIT when the cache is full
 * (the sequences are then as before). */
WT_API wt_status wt_decoder_run(wt_decoder *decoder, const wt_batch_token *tokens, size_t n, wt_err *err);
/* Of the i-th wanted token of the last run: `vocab` logits (or `width` numbers with `hidden`). */
WT_API const float *wt_decoder_output(const wt_decoder *decoder, size_t index);

/* --- choosing tokens -----------------------------------------------------------------------------------------------
 */
typedef struct wt_sampling {
    size_t size;
    double temperature;                                         /* 0: greedy (the first of equal ones) */
    int top_k;                                                  /* 0: all */
    double top_p, min_p, typical_p;                             /* 1, 0, 1: off */
    double repeat_penalty, presence_penalty, frequency_penalty; /* 1, 0, 0: off */
    int repeat_last;                                            /* tokens that penalties look back; default 64 */
    int mirostat;                                               /* 0, 1, 2 */
    double mirostat_tau, mirostat_eta;
    uint64_t seed;
    const char *grammar;     /* GBNF: only texts of rule `root`, and an end only where it may end; NULL: none */
    const char *json_schema; /* becomes a grammar, members in the schema's order; NULL: none */
} wt_sampling;
WT_API wt_sampling wt_sampling_defaults(void);
typedef struct wt_sampler wt_sampler;
WT_API wt_status wt_sampler_open(wt_sampler **out, wt_context *ctx, const wt_sampling *sampling,
                                 const wt_tokenizer *tokenizer, int64_t vocab, wt_err *err);
WT_API void wt_sampler_close(wt_sampler *sampler);
/* Chooses from logits and remembers the choice (penalties, grammar, mirostat). */
WT_API wt_status wt_sampler_next(wt_sampler *sampler, const float *logits, int32_t *token, wt_err *err);
/* Tells the sampler of a token that was not its choice: of the prompt as long as it chose none, of the answer then
 * (where a grammar must allow it). */
WT_API wt_status wt_sampler_accept(wt_sampler *sampler, int32_t token, wt_err *err);

/* --- text ----------------------------------------------------------------------------------------------------------
 */
/* Whole characters only; another status than WT_OK ends the generation with it. */
typedef wt_status wt_text_fn(void *user, const char *bytes, size_t len, wt_err *err);
typedef enum wt_overflow { WT_OVERFLOW_REFUSE, WT_OVERFLOW_TRUNCATE, WT_OVERFLOW_SHIFT } wt_overflow;
typedef struct wt_generate_options {
    size_t size;
    wt_language_options language;
    wt_decoder_options decoder;
    wt_sampling sampling;
    const char *prompt;
    const char *system;      /* with chat */
    bool chat;               /* the prompt is a user's message: rendered by the model's template */
    bool raw;                /* no BOS, no special tokens parsed */
    int64_t max_tokens;      /* 0: until the end or the context is full */
    const char *const *stop; /* texts that end it; they are not part of the answer */
    size_t n_stop;
    wt_overflow overflow;
    const char *draft; /* a smaller model of the same vocabulary; NULL: none */
    int draft_tokens;  /* guessed at a time; 0: 4 */
    bool lookup;       /* guesses from the text so far */
    wt_text_fn *on_text;
    void *user;
    const char *engine;  /* as in wt_exec_options (whet/measure.h); those of others know no draft, lookup or shift */
    const char *program; /* likewise */
} wt_generate_options;
WT_API wt_generate_options wt_generate_defaults(void);
/* {"schema":"whet.generate/1","text","tokens":[],"prefill_tok_per_s","decode_tok_per_s",...} */
WT_API wt_status wt_generate(wt_result **out, wt_context *ctx, const char *model, const wt_generate_options *options,
                             wt_err *err);

typedef struct wt_embed_options {
    size_t size;
    wt_language_options language;
    const char *pooling; /* "mean", "cls", "last"; NULL: the model's */
    bool no_normalize;
} wt_embed_options;
WT_API wt_embed_options wt_embed_defaults(void);
WT_API wt_status wt_embed(wt_result **out, wt_context *ctx, const char *model, const char *const *texts, size_t n,
                          const wt_embed_options *options, wt_err *err);

/* --- perplexity ----------------------------------------------------------------------------------------------------
 */
typedef struct wt_perplexity_options {
    size_t size;
    wt_language_options language;
    const char *text;           /* file */
    int64_t ctx;                /* tokens of a chunk; 0: 512 */
    int64_t chunks;             /* 0: all */
    const char *save_reference; /* file; NULL: none */
    const char *reference;      /* ours, or llama.cpp's KL base file */
    int force;
    const char *engine;  /* as in wt_exec_options (whet/measure.h) */
    const char *program; /* likewise */
} wt_perplexity_options;
WT_API wt_perplexity_options wt_perplexity_defaults(void);
WT_API wt_status wt_perplexity(wt_result **out, wt_context *ctx, const char *model,
                               const wt_perplexity_options *options, wt_err *err);

#ifdef __cplusplus
}
#endif
#endif
