/* grammar.h - which texts are allowed, byte by byte: a context-free grammar as a network of states, run on all its
 * readings at once.
 *
 * A grammar (GBNF, or what a JSON schema became) is compiled to states that read one byte of UTF-8, call a rule, fork
 * or return; characters become sequences of byte ranges, so half a character at the end of a token needs no care. A
 * reading is a state and a stack of states to return to; stacks are shared lists, so equal ones are one number. All
 * readings of a text so far form a *set*; sets are numbered and remember where each byte led, so the same place of the
 * same grammar is worked out once. */
#ifndef WT_GRAMMAR_H
#define WT_GRAMMAR_H
#include "model/tokenizer/unicode.h"
#include "base/str.h"
#include "whet/tensor.h" /* wt_string */
#include "whet/tokenizer.h"

/* --- the network ---------------------------------------------------------------------------------------------------
 */
typedef enum wt_gstate_type { WT_G_BYTES, WT_G_CALL, WT_G_FORK, WT_G_RETURN } wt_gstate_type;
typedef struct wt_gstate {
    uint8_t type, lo, hi; /* bytes: lo..hi */
    uint32_t next;        /* behind the byte, the call; the first way of a fork */
    uint32_t other;       /* the rule that is called; the second way of a fork */
} wt_gstate;
typedef struct wt_grule {
    char *name;
    uint32_t start;
    int defined, used; /* lines; 0: nowhere */
    bool nullable;
} wt_grule;
typedef struct wt_grange {
    uint32_t lo, hi; /* code points */
} wt_grange;
typedef struct wt_grammar {
    wt_context *ctx;
    wt_arena arena;
    wt_gstate *states;
    size_t n_states, cap_states;
    wt_grule *rules;
    size_t n_rules, cap_rules;
    uint32_t root; /* a rule */
} wt_grammar;
enum { WT_GRAMMAR_MAX_STATES = 1 << 20, WT_GRAMMAR_MAX_RULES = 10000, WT_GRAMMAR_MAX_DEPTH = 200 };

/* GBNF text. `name` is what errors call it. */
wt_status wt_grammar_parse(wt_grammar **out, wt_context *ctx, const char *text, const char *name, wt_err *err);
/* The GBNF text (in out, an initialised buffer) of the documents that a JSON schema describes. What it cannot hold a
 * text to is refused by name. */
wt_status wt_schema_to_grammar(wt_buf *out, const char *schema, const char *name, wt_err *err);
void wt_grammar_close(wt_grammar *g);

/* grammar_net.c: states are made from the end of a rule to its start; each call answers the state that begins what it
 * made and goes on with `next`. */
wt_status wt_grammar_state(wt_grammar *g, wt_gstate state, uint32_t *out, wt_err *err);
wt_status wt_grammar_bytes(wt_grammar *g, const char *bytes, size_t len, uint32_t next, uint32_t *out, wt_err *err);
/* Any character of the ranges, which are sorted and apart. None: no text at all. */
wt_status wt_grammar_chars(wt_grammar *g, const wt_grange *ranges, size_t n, uint32_t next, uint32_t *out, wt_err *err);
/* All rules are defined, and none begins with itself. */
wt_status wt_grammar_check(wt_grammar *g, const char *name, wt_err *err);

/* --- running it ----------------------------------------------------------------------------------------------------
 */
typedef struct wt_matcher wt_matcher;
enum { WT_MATCH_DEAD = 1 }; /* the set of no readings */
/* The grammar must outlive it. */
wt_status wt_matcher_open(wt_matcher **out, wt_context *ctx, const wt_grammar *g, wt_err *err);
void wt_matcher_close(wt_matcher *m);
uint32_t wt_matcher_now(const wt_matcher *m); /* the set of all readings of the text so far */
/* The set behind one more byte, or bytes; WT_MATCH_DEAD when there is none. */
wt_status wt_matcher_step(wt_matcher *m, uint32_t set, uint8_t byte, uint32_t *out, wt_err *err);
wt_status wt_matcher_walk(wt_matcher *m, uint32_t set, const char *bytes, size_t len, uint32_t *out, wt_err *err);
bool wt_matcher_ends(const wt_matcher *m, uint32_t set); /* the text may end here */
/* The text is now what led to `set`, a set that is not dead. forgot: all numbers of sets were given anew. */
wt_status wt_matcher_go(wt_matcher *m, uint32_t set, bool *forgot, wt_err *err);

/* The next character of a text that is UTF-8 and does not end here; *text goes behind it. */
static inline uint32_t wt_grammar_char(const char **text)
{
    size_t size;
    const uint32_t c = wt_utf8_get(*text, strnlen(*text, 4), 0, &size);
    *text += size;
    return c;
}

/* --- tokens --------------------------------------------------------------------------------------------------------
 */
/* A grammar over the tokens of a vocabulary: which may come next. */
typedef struct wt_guide wt_guide;
wt_status wt_guide_open(wt_guide **out, wt_context *ctx, const char *gbnf, const char *json_schema,
                        const wt_tokenizer *tokenizer, size_t vocab, wt_err *err);
void wt_guide_close(wt_guide *guide);
wt_status wt_guide_allows(wt_guide *guide, int32_t token, bool *yes, wt_err *err);
/* One bit a token, valid until the next call. Only for when single questions are too many. */
wt_status wt_guide_mask(wt_guide *guide, const uint64_t **bits, wt_err *err);
wt_status wt_guide_accept(wt_guide *guide, int32_t token, wt_err *err);
#endif
