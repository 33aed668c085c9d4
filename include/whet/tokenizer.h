/* whet/tokenizer.h - text to token ids and back.
 *
 * A tokenizer is immutable and may be used by many threads at once. Ids are those of the model; what a model's own
 * tools give for a text, this gives. Text is bytes: invalid UTF-8 is replaced by U+FFFD where a tokenizer works on
 * characters, and kept where it works on bytes and has a token for each of them. */
#ifndef WHET_TOKENIZER_H
#define WHET_TOKENIZER_H
#include <stdbool.h>
#include "whet/context.h"
#include "whet/result.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct wt_tokenizer wt_tokenizer;

/* path: a GGUF file, a Hugging Face folder, tokenizer.json, or SentencePiece's tokenizer.model. */
WT_API wt_status wt_tokenizer_open(wt_tokenizer **out, wt_context *ctx, const char *path, wt_err *err);
WT_API void wt_tokenizer_close(wt_tokenizer *tokenizer); /* NULL is fine */

typedef struct wt_tokenizer_info {
    const char *model; /* "spm", "bpe", "wordpiece", "unigram" */
    const char *pre;   /* "smollm", ... or "" */
    size_t tokens;
    int32_t bos, eos, eot, unk, sep, pad, mask; /* -1: none */
    bool add_bos, add_eos;
} wt_tokenizer_info;
WT_API void wt_tokenizer_describe(const wt_tokenizer *tokenizer, wt_tokenizer_info *out);
/* The Jinja source of the chat template; NULL: the model has none. */
WT_API const char *wt_tokenizer_chat_template(const wt_tokenizer *tokenizer);

enum {
    WT_TOKENIZE_ADD_SPECIAL = 1,  /* what the model wants around a text: BOS, CLS ... SEP */
    WT_TOKENIZE_PARSE_SPECIAL = 2 /* "<|im_start|>" in the text is that token, not its letters */
};
/* Writes at most cap ids and says how many there are; call again with more room when *count > cap. */
WT_API wt_status wt_tokenize(const wt_tokenizer *tokenizer, const char *text, size_t len, unsigned flags, int32_t *ids,
                             size_t cap, size_t *count, wt_err *err);

/* The bytes of one token in running text (a piece may be part of a character); special tokens are "" unless asked for.
 */
WT_API wt_status wt_token_piece(const wt_tokenizer *tokenizer, int32_t id, bool special, const char **bytes,
                                size_t *len, wt_err *err);
/* The name as the vocabulary has it ("<0x0A>", "▁the"); NULL: no such id. */
WT_API const char *wt_token_text(const wt_tokenizer *tokenizer, int32_t id);
WT_API int32_t wt_token_find(const wt_tokenizer *tokenizer, const char *text); /* by name; -1: none */
WT_API bool wt_token_is_special(const wt_tokenizer *tokenizer, int32_t id);    /* control tokens */
WT_API bool wt_token_ends(const wt_tokenizer *tokenizer, int32_t id);          /* generation stops at it */
/* Whole texts: writes at most cap bytes, says how many there are. `special`: control tokens by their names. */
WT_API wt_status wt_detokenize(const wt_tokenizer *tokenizer, const int32_t *ids, size_t n, bool special, char *text,
                               size_t cap, size_t *len, wt_err *err);
/* What `whet tokenize --json` prints: ids, tokens (their names), text. */
WT_API wt_status wt_tokenize_result(wt_result **out, const wt_tokenizer *tokenizer, wt_context *ctx, const int32_t *ids,
                                    size_t n, bool special, wt_err *err);

#ifdef __cplusplus
}
#endif
#endif
