/* regex_impl.h - what the compiler of regular expressions hands to the matcher. */
#ifndef WT_REGEX_IMPL_H
#define WT_REGEX_IMPL_H
#include "model/tokenizer/regex.h"
#include "model/tokenizer/unicode.h"

/* Characters: (ranges or categories or a nested set), and `also`, and then negated. ASCII is answered by a bitmap that
 * the compiler has filled from the rest. */
typedef struct rx_set {
    uint32_t ascii[4];
    uint32_t categories;
    uint32_t (*ranges)[2];
    size_t n_ranges, cap_ranges;
    const struct rx_set *nested; /* a union of its own: a list through `next` */
    const struct rx_set *next;
    const struct rx_set *also;
    bool negated;
} rx_set;
bool rx_set_slow(const rx_set *set, uint32_t code);
static inline bool rx_set_has(const rx_set *set, uint32_t code)
{
    return code < 0x80 ? set->ascii[code >> 5] >> (code & 31) & 1 : rx_set_slow(set, code);
}

/* What \w is: Oniguruma counts the superscripts and fractions of Latin-1 as well. */
static inline bool rx_is_word(uint32_t c)
{
    return wt_is_word(c) || c == 0xb2 || c == 0xb3 || c == 0xb9 || (c >= 0xbc && c <= 0xbe);
}

typedef enum rx_op {
    RX_MATCH,
    RX_SET,    /* one character of `set` */
    RX_LOOP,   /* min to max characters of `set`, greedy */
    RX_LAZY,   /* the fewest first */
    RX_EAGER,  /* possessive: the most, never taken back */
    RX_SPLIT,  /* go on behind it, and else at a */
    RX_SPLAT,  /* go on at a, and else behind it */
    RX_JUMP,   /* to a */
    RX_AHEAD,  /* the program behind it up to its match, at this place; then at a */
    RX_BEHIND, /* the same, `min` characters back */
    RX_ATOMIC, /* the same, and the text is consumed */
    RX_BEGIN,
    RX_END,
    RX_END_LINE, /* \Z and $: also before a last newline */
    RX_LINE,     /* ^: at the beginning of a line */
    RX_WORD_EDGE
} rx_op;

typedef struct rx_first { /* bytes that may come first; bit 256: may match nothing */
    uint32_t bits[8];
    bool empty;
} rx_first;

typedef struct rx_code {
    rx_op op;
    bool negated; /* of AHEAD, BEHIND, WORD_EDGE */
    uint32_t a, min, max;
    const rx_set *set;
    const rx_first *first; /* of SPLIT: what the preferred branch may begin with */
} rx_code;

struct wt_regex {
    const rx_code *code;
    size_t n;
    rx_first first;
};
#endif
