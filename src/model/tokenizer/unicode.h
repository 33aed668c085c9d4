/* unicode.h - what tokenizers ask about characters: categories, lower case, the four normalization forms.
 *
 * Tables are of Unicode 16 (tools/generate-unicode). A code point is a uint32_t; text is UTF-8, and what is no UTF-8 is
 * read one byte at a time as WT_REPLACEMENT. */
#ifndef WT_UNICODE_H
#define WT_UNICODE_H
#include "base/str.h"

/* General categories; white control characters (tab to CR, NEL) are one of their own, so that white space is a set. */
typedef enum wt_category {
    WT_CN,
    WT_CC,
    WT_CF,
    WT_CS,
    WT_CO,
    WT_LU,
    WT_LL,
    WT_LT,
    WT_LM,
    WT_LO,
    WT_MN,
    WT_MC,
    WT_ME,
    WT_ND,
    WT_NL,
    WT_NO,
    WT_PC,
    WT_PD,
    WT_PS,
    WT_PE,
    WT_PI,
    WT_PF,
    WT_PO,
    WT_SM,
    WT_SC,
    WT_SK,
    WT_SO,
    WT_ZS,
    WT_ZL,
    WT_ZP,
    WT_CC_WHITE
} wt_category;
#define WT_CAT(c)  (UINT32_C(1) << (c))
#define WT_LETTERS (WT_CAT(WT_LU) | WT_CAT(WT_LL) | WT_CAT(WT_LT) | WT_CAT(WT_LM) | WT_CAT(WT_LO))
#define WT_MARKS   (WT_CAT(WT_MN) | WT_CAT(WT_MC) | WT_CAT(WT_ME))
#define WT_NUMBERS (WT_CAT(WT_ND) | WT_CAT(WT_NL) | WT_CAT(WT_NO))
#define WT_PUNCT                                                                                                       \
    (WT_CAT(WT_PC) | WT_CAT(WT_PD) | WT_CAT(WT_PS) | WT_CAT(WT_PE) | WT_CAT(WT_PI) | WT_CAT(WT_PF) | WT_CAT(WT_PO))
#define WT_SYMBOLS  (WT_CAT(WT_SM) | WT_CAT(WT_SC) | WT_CAT(WT_SK) | WT_CAT(WT_SO))
#define WT_SPACES   (WT_CAT(WT_ZS) | WT_CAT(WT_ZL) | WT_CAT(WT_ZP))
#define WT_CONTROLS (WT_CAT(WT_CC) | WT_CAT(WT_CC_WHITE))
#define WT_OTHERS   (WT_CONTROLS | WT_CAT(WT_CF) | WT_CAT(WT_CS) | WT_CAT(WT_CO) | WT_CAT(WT_CN))
#define WT_WHITE    (WT_SPACES | WT_CAT(WT_CC_WHITE))
#define WT_WORD     (WT_LETTERS | WT_MARKS | WT_CAT(WT_ND) | WT_CAT(WT_NL) | WT_CAT(WT_PC))

enum { WT_REPLACEMENT = 0xfffd, WT_CODE_LIMIT = 0x110000 };

wt_category wt_category_of(uint32_t code);
static inline bool wt_is(uint32_t code, uint32_t categories) { return categories >> wt_category_of(code) & 1; }
uint32_t wt_lower(uint32_t code);
/* WT_WORD and the letters in circles and squares: alphabetic, but symbols by category. */
bool wt_is_word(uint32_t code);
bool wt_is_cjk(uint32_t code); /* BERT's blocks of Chinese characters */

/* The character at text[at], at < len, and in *size its bytes; bytes that are no UTF-8 give WT_REPLACEMENT, size 1. */
uint32_t wt_utf8_get(const char *text, size_t len, size_t at, size_t *size);
size_t wt_utf8_put(char out[4], uint32_t code); /* answers how many bytes */
void wt_buf_put(wt_buf *buf, uint32_t code);
/* Bytes at the end that are the beginning of a character: a stream keeps them until the rest has come. */
size_t wt_utf8_pending(const char *text, size_t len);
/* text with every byte that is no UTF-8 replaced, as a decoder of Python or Rust does: one U+FFFD for each longest
 * beginning of a character. */
void wt_utf8_repair(wt_buf *out, const char *text, size_t len);

typedef enum wt_norm_form { WT_NFC, WT_NFD, WT_NFKC, WT_NFKD } wt_norm_form;
/* Appends the normalized text. */
wt_status wt_normalize(wt_buf *out, const char *text, size_t len, wt_norm_form form, wt_err *err);
#endif
