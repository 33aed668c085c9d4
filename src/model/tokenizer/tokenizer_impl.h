/* tokenizer_impl.h - the parts of a tokenizer, and the order in which they work on a text.
 *
 *   text -> added tokens found in it as it is -> normalizer -> added tokens found in what is normal
 *        -> pre-tokenizer (words) -> model (ids)
 *
 * A reader (read_keys.c, read_json.c, read_spm.c) fills the first half of wt_tokenizer, wt_tokenizer_compile() the
 * rest. All of it lives in one arena. Encoding needs memory that changes (buffers, the cache of words): scratch objects
 * that wait in slots; a call takes one or makes one, so a tokenizer serves many threads and stays immutable for all of
 * them. */
#ifndef WT_TOKENIZER_IMPL_H
#define WT_TOKENIZER_IMPL_H
#include <jansson.h>
#include "base/str.h"
#include "model/tokenizer/regex.h"
#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/unicode.h"

typedef enum wt_token_type { /* GGUF's numbers */
                             WT_TOKEN_UNDEFINED = 0,
                             WT_TOKEN_NORMAL,
                             WT_TOKEN_UNKNOWN,
                             WT_TOKEN_CONTROL,
                             WT_TOKEN_USER,
                             WT_TOKEN_UNUSED,
                             WT_TOKEN_BYTE
} wt_token_type;

typedef enum wt_tok_model { WT_TOK_RANKS, WT_TOK_SCORES, WT_TOK_UNIGRAM, WT_TOK_WORDPIECE, WT_TOK_WORDS } wt_tok_model;

typedef enum wt_norm_kind {
    WT_NORM_FORM,    /* form */
    WT_NORM_LOWER,   /* every character by itself */
    WT_NORM_REPLACE, /* pattern (text or regex) by content */
    WT_NORM_PREPEND, /* content, unless the text is empty */
    WT_NORM_APPEND,
    WT_NORM_STRIP,    /* white space: left, right */
    WT_NORM_ACCENTS,  /* drops marks */
    WT_NORM_NMT,      /* control characters away, odd spaces to spaces */
    WT_NORM_CHARSMAP, /* SentencePiece's table, longest match */
    WT_NORM_BERT,     /* clean, cjk, accents, lower */
    WT_NORM_LETTERS,  /* bytes to byte-level letters */
    WT_NORM_SPM       /* SentencePiece's white space: strips and joins (collapse), prefix (prepend), escapes */
} wt_norm_kind;

typedef struct wt_norm_step {
    wt_norm_kind kind;
    wt_norm_form form;
    wt_string pattern, content;
    const wt_regex *regex;
    bool left, right;
    bool clean, cjk, accents, lower;
    bool collapse, prepend, suffix;
    const struct wt_charsmap *map;
} wt_norm_step;

typedef enum wt_split {
    WT_SPLIT_REMOVED,
    WT_SPLIT_ISOLATED,
    WT_SPLIT_PREVIOUS,
    WT_SPLIT_NEXT,
    WT_SPLIT_TOGETHER
} wt_split;
typedef enum wt_pre_kind { WT_PRE_REGEX, WT_PRE_TEXT, WT_PRE_SPACE, WT_PRE_METASPACE, WT_PRE_LETTERS } wt_pre_kind;
typedef struct wt_pre_step {
    wt_pre_kind kind;
    const wt_regex *regex;
    wt_string pattern; /* of TEXT and REGEX */
    wt_split split;
    bool invert;
    /* SPACE: a space in front of every piece that has none; METASPACE: ' ' to content, content in front: */
    wt_string content;
    bool first_only, prepend;
} wt_pre_step;

typedef struct wt_added_token {
    wt_string content;
    int32_t id;
    bool special, single_word, lstrip, rstrip, normalized;
} wt_added_token;

typedef struct wt_added_set { /* sorted by content */
    const wt_added_token **tokens;
    size_t n;
    uint32_t first[8]; /* bytes that contents begin with */
} wt_added_set;

typedef struct wt_merge_row {
    uint64_t pair; /* left << 32 | right; UINT64_MAX: empty */
    uint32_t rank;
    int32_t to;
} wt_merge_row;
typedef struct wt_vocab_row {
    uint32_t hash;
    int32_t id; /* -1: empty */
} wt_vocab_row;

/* What one token is in running text. */
typedef enum wt_decoder {
    WT_DECODE_PLAIN,
    WT_DECODE_BYTES, /* byte-level letters */
    WT_DECODE_META,  /* U+2581 is a space, <0xHH> a byte */
    WT_DECODE_WORDPIECE,
    WT_DECODE_SUFFIX, /* "</w>" is a space */
    WT_DECODE_JOINED  /* a space between all */
} wt_decoder;

enum { WT_SLOTS = 16, WT_MAX_SPECIAL = 16 };

struct wt_tokenizer {
    wt_context *ctx;
    wt_arena arena;
    wt_tokenizer_info info;
    const char *chat_template;
    /* filled by a reader */
    wt_tok_model model;
    wt_string *text; /* [info.tokens] names */
    uint8_t *type;
    double *score; /* NULL: none */
    wt_string (*merges)[2];
    size_t n_merges;
    wt_norm_step *norm;
    wt_pre_step *pre;
    size_t n_norm, n_pre;
    wt_added_token *added;
    size_t n_added;
    uint8_t *outside;   /* [info.tokens] 1: an added token that the model does not know; NULL: none */
    int32_t unk;        /* what stands for text without a token; -1: nothing does */
    bool plain_added;   /* added tokens are in running text as their names, whatever the decoder */
    bool byte_level;    /* the model works on bytes, names are byte-level letters */
    bool byte_fallback; /* <0xHH> for what has no token */
    bool sentencepiece; /* what the user defined passes the normalizer and is never merged */
    bool fuse_unk, ignore_merges, bert_prefix;
    bool cut_words;                     /* a reader's choice: words may be cut where no token spans (see bpe.c) */
    wt_string word_prefix, word_suffix; /* "##" or "", "</w>" or "" */
    size_t word_limit;                  /* WORDPIECE: characters of a word */
    int32_t before[WT_MAX_SPECIAL], after[WT_MAX_SPECIAL];
    size_t n_before, n_after;
    wt_decoder decoder;
    bool cleanup;       /* WORDPIECE: "do n't ," */
    bool first_bare;    /* META: the first token's U+2581 are not there (T5's decoder) */
    bool byte_names;    /* META: "<0x0A>" is that byte whatever the token's type */
    size_t strip_left;  /* spaces taken from the beginning of a decoded text */
    wt_string meta;     /* U+2581 or what stands for it */
    wt_string end_sign; /* SUFFIX: "</w>" */
    int32_t ends[32];
    size_t n_ends;
    /* compiled */
    wt_string *piece; /* [info.tokens] bytes in running text */
    wt_vocab_row *vocab;
    size_t vocab_mask;
    wt_merge_row *ranks;
    size_t ranks_mask;
    int32_t byte_id[256];
    uint64_t *joined; /* bits: pairs of characters that are neighbours in some token */
    struct wt_lattice_trie *trie;
    double unk_score;
    uint8_t *is_special;
    wt_added_set user;                                           /* sentencepiece */
    wt_added_set raw_always, raw_all, normal_always, normal_all; /* all: with those that PARSE_SPECIAL adds */
    _Atomic(struct wt_scratch *) slots[WT_SLOTS];
};

/* --- scratch
 * ---------------------------------------------------------------------------------------------------------- */
typedef struct wt_span {
    size_t at, len;
} wt_span;
typedef struct wt_spans {
    wt_span *span;
    size_t n, cap;
} wt_spans;
typedef struct wt_symbol {
    uint32_t at, len;
    int32_t id, prev, next; /* id -1: no token */
    bool frozen;            /* merges with nothing */
} wt_symbol;
typedef struct wt_pair_item {
    uint64_t key; /* priority << 32 | left symbol: the smallest is merged first */
    uint32_t len;
    int32_t left, right, to;
} wt_pair_item;
enum { WT_CACHE_WORD = 30, WT_CACHE_IDS = 8, WT_CACHE_ROWS = 1 << 13 };
typedef struct wt_cache_row {
    uint8_t len, n;
    char word[WT_CACHE_WORD];
    int32_t ids[WT_CACHE_IDS];
} wt_cache_row;

typedef struct wt_sink {
    int32_t *ids;
    size_t cap, n;
    bool unk; /* the last id stands for what has no token, in this word */
} wt_sink;

typedef struct wt_scratch {
    wt_context *ctx;
    wt_buf valid, norm[2], word, pre[2];
    wt_spans spans[2];
    wt_regex_stack stack;
    wt_symbol *symbols;
    wt_pair_item *heap;
    size_t n_symbols, cap_symbols, n_heap, cap_heap;
    struct wt_lattice_node *lattice;
    size_t cap_lattice;
    wt_cache_row *cache;
} wt_scratch;

static inline void wt_sink_add(wt_sink *sink, int32_t id)
{
    if (sink->n < sink->cap)
        sink->ids[sink->n] = id;
    sink->n++;
    sink->unk = false;
}
wt_status wt_spans_add(wt_spans *spans, wt_context *ctx, size_t at, size_t len, wt_err *err);

/* --- parts
 * ------------------------------------------------------------------------------------------------------------- */
/* The struct with its arena; a reader's error path is wt_tokenizer_close. */
wt_status wt_tokenizer_new(wt_tokenizer **out, wt_context *ctx, wt_err *err);
wt_status wt_tokenizer_compile(wt_tokenizer *t, wt_err *err);
void wt_tokenizer_find_ends(wt_tokenizer *t); /* again, when an id changed after compiling */
/* vocab.c */
wt_status wt_vocab_build(wt_tokenizer *t, wt_err *err);
int32_t wt_vocab_find(const wt_tokenizer *t, const char *text, size_t len); /* -1: none */
wt_status wt_pieces_build(wt_tokenizer *t, wt_err *err);
void wt_byte_letters_init(uint16_t letters[256]); /* byte -> its letter (below U+0144) */
void wt_byte_letters_put(wt_buf *out, const char *bytes, size_t len);
bool wt_is_byte_name(const wt_string *name, uint8_t *byte); /* "<0x0A>" */
/* added.c */
/* Normalizes what is looked for in normal text. */
wt_status wt_added_normalize(wt_tokenizer *t, wt_err *err);
wt_status wt_added_build(wt_tokenizer *t, wt_err *err);
/* The longest that text begins with, or NULL. */
const wt_added_token *wt_added_at(const wt_added_set *set, const char *text, size_t len);
/* The next added token at or behind *from: *at, *len what it takes of the text, `floor` where lstrip must stop. */
const wt_added_token *wt_added_find(const wt_added_set *set, const char *text, size_t len, size_t from, size_t *at,
                                    size_t *end);
/* normalizer.c: *out borrows text or a buffer of the scratch. */
wt_status wt_normalizer_run(const wt_tokenizer *t, wt_scratch *s, wt_string text, wt_string *out, wt_err *err);
wt_status wt_charsmap_open(const struct wt_charsmap **out, wt_arena *arena, const void *blob, size_t len, wt_err *err);
/* map NULL: nothing is replaced; `keep` is passed as it is. */
void wt_charsmap_apply(wt_buf *out, const struct wt_charsmap *map, const wt_added_set *keep, const char *text,
                       size_t len);
/* pretokenizer.c: s->spans[*which] over *text afterwards. `first`: the piece is the beginning of the text. */
wt_status wt_pretokenize(const wt_tokenizer *t, wt_scratch *s, wt_string *text, bool first, int *which, wt_err *err);
wt_status wt_pre_regex(wt_tokenizer *t, wt_pre_step *step, const char *pattern, size_t len, wt_err *err);
/* read_json.c: folder: where the files beside it are; NULL: none. */
wt_status wt_tokenizer_from_json(wt_tokenizer **out, wt_context *ctx, const char *text, size_t len, const char *folder,
                                 wt_err *err);
/* read_spm.c */
wt_status wt_tokenizer_from_spm(wt_tokenizer **out, wt_context *ctx, const void *data, size_t len, const char *folder,
                                wt_err *err);
/* tokenizer_config.json and chat_template.jinja of a folder: names of bos, eos, ...; the chat template. */
wt_status wt_read_beside(wt_tokenizer *t, const char *folder, wt_err *err);
/* read_json_steps.c: the normalizer and the pre-tokenizer of tokenizer.json; NULL: none. */
wt_status wt_read_normalizer(wt_tokenizer *t, const json_t *json, wt_err *err);
wt_status wt_read_pretokenizer(wt_tokenizer *t, const json_t *json, wt_err *err);
/* pretokens.c: the steps of a name of GGUF's tokenizer.ggml.pre. */
wt_status wt_pre_named(wt_tokenizer *t, const char *name, bool *add_bos, wt_err *err);
/* The name that stands for this tokenizer's steps; NULL: none does. */
const char *wt_pre_name(const wt_tokenizer *t);
/* bpe.c, unigram.c, wordpiece.c: one word to ids. */
wt_status wt_bpe_build(wt_tokenizer *t, wt_err *err);
wt_status wt_bpe_word(const wt_tokenizer *t, wt_scratch *s, const char *word, size_t len, wt_sink *sink, wt_err *err);
wt_status wt_unigram_build(wt_tokenizer *t, wt_err *err);
wt_status wt_unigram_word(const wt_tokenizer *t, wt_scratch *s, const char *word, size_t len, wt_sink *sink,
                          wt_err *err);
void wt_wordpiece_word(const wt_tokenizer *t, wt_scratch *s, const char *word, size_t len, wt_sink *sink);
/* The ids of what has no token: bytes, or unk, or nothing. */
void wt_emit_unknown(const wt_tokenizer *t, const char *text, size_t len, wt_sink *sink);
#endif
