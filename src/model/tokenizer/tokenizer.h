/* tokenizer.h - building tokenizers (their use: whet/tokenizer.h).
 *
 * Every source (GGUF keys, tokenizer.json, SentencePiece's protobuf) is first read into one description, then compiled:
 * vocabulary hash, merge ranks, pre-tokenizer, added-token trie. */
#ifndef WT_TOKENIZER_H
#define WT_TOKENIZER_H
#include "model/weights.h"
#include "whet/tokenizer.h"
/* From the keys tokenizer.ggml.* of a set; WT_EUNSUPPORTED names a model or pre-tokenizer that we do not know. */
wt_status wt_tokenizer_from_weights(wt_tokenizer **out, wt_context *ctx, const wt_weights *weights, wt_err *err);
/* Reads tokenizer.json / tokenizer.model (+ tokenizer_config.json, special_tokens_map.json, chat_template.jinja) of a
 * folder into tokenizer.ggml.* keys of `weights`, as a converter would write them. */
wt_status wt_tokenizer_keys_from_folder(wt_weights *weights, const char *folder, wt_err *err);
/* The patterns of a name of tokenizer.ggml.pre, each applied to the pieces of the one before; 0: not known, or no
 * byte-level one. whole_words: a word that is a token is not merged. add_bos: unless the model says otherwise. */
size_t wt_pre_patterns(const char *name, const char *const **patterns, bool *whole_words, bool *add_bos);
#endif
